//! The headers column: a JSON object of strings, read straight into a header list.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::{event_error::printable, headers::HeaderList};

/// Adds one header for each entry of the object, in the order of the text, repeats included.
///
/// # Errors
/// Completes the sentence "column … holds …". It names headers, but shows no value.
pub(super) fn push_object(text: &[u8], list: &mut HeaderList) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_slice(text);
    json.deserialize_any(Object(list)).and_then(|()| json.end()).map_err(|error| {
        match error.classify() {
            Category::Data => error.to_string(),
            // serde_json's own words may quote the text.
            _ => format!("no valid JSON (line {}, column {})", error.line(), error.column()),
        }
    })
}

struct Object<'a>(&'a mut HeaderList);

/// The name of an entry.
struct Name<'a>(&'a mut HeaderList);

/// The value of the entry whose name is open.
struct Text<'a>(&'a mut HeaderList);

/// Refuses what is no string or object in our own words: serde's default would quote the value.
macro_rules! refuse {
    ($refusal:ident) => {
        fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
            Err($refusal(self, "a boolean"))
        }
        fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
            Err($refusal(self, "a number"))
        }
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
            Err($refusal(self, "a number"))
        }
        fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
            Err($refusal(self, "a number"))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
            Err($refusal(self, "an array"))
        }
    };
}

fn no_object<E: de::Error>(_: Object<'_>, found: &str) -> E {
    E::custom(format_args!("{found} instead of an object of strings"))
}

fn no_string<E: de::Error>(text: Text<'_>, found: &str) -> E {
    let name = printable(text.0.open_name().as_bytes());
    E::custom(format_args!("header {name} as {found} instead of a string"))
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while entries.next_key_seed(Name(self.0))?.is_some() {
            entries.next_value_seed(Text(self.0))?;
        }
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Err(no_object(self, "null"))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Err(no_object(self, "a string"))
    }

    refuse!(no_object);
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<(), E> {
        self.0.push_name(name);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.0.push_value(Some(value.as_bytes()));
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.0.push_value(None);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(no_string(self, "an object"))
    }

    refuse!(no_string);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Entries = Vec<(String, Option<Vec<u8>>)>;

    fn read(text: &[u8]) -> Result<Entries, String> {
        let mut list = HeaderList::new();
        push_object(text, &mut list)?;
        Ok(list.iter().map(|(name, value)| (name.into(), value.map(<[u8]>::to_vec))).collect())
    }

    fn entries(expected: &[(&str, Option<&str>)]) -> Entries {
        expected.iter().map(|(n, v)| ((*n).into(), v.map(|v| v.as_bytes().to_vec()))).collect()
    }

    #[test]
    fn entries_become_headers_in_the_order_of_the_text() {
        for (text, expected) in [
            ("{}", &[][..]),
            (" \n{ }\t", &[]),
            (r#"{"b":"1","a":"2"}"#, &[("b", Some("1")), ("a", Some("2"))]),
            (r#"{"a":"1","a":"2"}"#, &[("a", Some("1")), ("a", Some("2"))]),
            (r#"{"a":null,"b":""}"#, &[("a", None), ("b", Some(""))]),
            (r#"{"":"x"}"#, &[("", Some("x"))]),
            (r#"{"\u00fc\n":"\"\ud83d\ude00\u0000"}"#, &[("ü\n", Some("\"😀\0"))]),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(entries(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_of_strings_is_refused_without_showing_a_value() {
        for (text, reason) in [
            (r#"["hidden"]"#, "an array instead of an object"),
            (r#""hidden""#, "a string instead of an object"),
            ("4711", "a number instead of an object"),
            ("-4711", "a number instead of an object"),
            ("47.11", "a number instead of an object"),
            ("true", "a boolean instead of an object"),
            ("null", "null instead of an object"),
            (r#"{"a":"x","b":4711}"#, "header \"b\" as a number instead of a string"),
            (r#"{"b":47e11}"#, "header \"b\" as a number"),
            (r#"{"b":false}"#, "header \"b\" as a boolean"),
            (r#"{"b":["hidden"]}"#, "header \"b\" as an array"),
            (r#"{"b\n":{"c":"hidden"}}"#, "header \"b\\n\" as an object"),
            ("", "no valid JSON"),
            ("hidden", "no valid JSON"),
            (r#"{"a":"hidden""#, "no valid JSON"),
            (r#"{"a":"x"} hidden"#, "no valid JSON"),
            ("{hidden:1}", "no valid JSON"),
        ] {
            let error = read(text.as_bytes()).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("hidden") && !error.contains("4711"), "{text}: {error}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused() {
        assert!(read(b"{\"a\":\"\xFF\"}").unwrap_err().contains("no valid JSON"));
    }

    proptest! {
        #[test]
        fn every_object_of_strings_comes_back(object: Vec<(String, Option<String>)>) {
            let quote = |text: &String| serde_json::to_string(text).unwrap();
            let entry = |(name, value): &(String, Option<String>)| {
                format!("{}: {}", quote(name), value.as_ref().map_or("null".into(), quote))
            };
            let text = format!("{{{}}}", object.iter().map(entry).collect::<Vec<_>>().join(", "));
            let expected: Entries =
                object.into_iter().map(|(n, v)| (n, v.map(String::into_bytes))).collect();
            prop_assert_eq!(read(text.as_bytes()), Ok(expected));
        }

        #[test]
        fn any_bytes_give_headers_or_an_error(text: Vec<u8>) {
            let _ = read(&text);
        }
    }
}
