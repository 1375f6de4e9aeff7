//! Durations and sizes as people write them: `30s`, `64MiB`. A number without a unit says nothing.

use std::time::Duration;

/// Text that is no duration or size, and how it would be written right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(super) struct UnitError {
    /// Ends the sentence "kafka.window_bytes …".
    pub(super) problem: String,
    /// What was probably meant, if that can be told.
    pub(super) instead: Option<String>,
}

/// Reads a duration such as `500ms`, `30s`, `10m`, `1h` or `2d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    DURATION.parse(text).map(Duration::from_millis)
}

/// Writes a duration in the largest unit that keeps it whole.
pub(super) fn duration_text(duration: Duration) -> String {
    DURATION.write(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Reads a number of bytes such as `900kB`, `64MiB` or `1GiB`.
pub(super) fn parse_size(text: &str) -> Result<u64, UnitError> {
    SIZE.parse(text)
}

/// Writes a number of bytes in the largest unit that keeps it whole.
pub(super) fn size_text(bytes: u64) -> String {
    SIZE.write(bytes)
}

struct Scale {
    what: &'static str,
    example: &'static str,
    /// The unit that a number without one most likely meant.
    bare: &'static str,
    /// Largest first; the last is the base and fits every value.
    units: &'static [(&'static str, u64)],
    /// Other writings, in lower case, of the units above.
    aliases: &'static [(&'static str, &'static [&'static str])],
}

const DURATION: Scale = Scale {
    what: "duration",
    example: "30s",
    bare: "s",
    units: &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)],
    aliases: &[
        ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
        ("s", &["sec", "secs", "second", "seconds"]),
        ("m", &["min", "mins", "minute", "minutes"]),
        ("h", &["hr", "hrs", "hour", "hours"]),
        ("d", &["day", "days"]),
    ],
};

const SIZE: Scale = Scale {
    what: "size",
    example: "64MiB",
    bare: "B",
    units: &[
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1000),
        ("B", 1),
    ],
    aliases: &[
        ("B", &["byte", "bytes"]),
        ("KiB", &["k", "ki"]),
        ("MiB", &["m", "mi"]),
        ("GiB", &["g", "gi"]),
    ],
};

impl Scale {
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let (number, unit) = split(text);
        let factor = self.units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        match (number.parse::<u64>(), factor) {
            (Ok(number), Some(factor)) => number.checked_mul(factor).ok_or_else(|| UnitError {
                problem: format!("is too large a {}", self.what),
                instead: None,
            }),
            _ => Err(self.complaint(text, number, unit)),
        }
    }

    fn complaint(&self, text: &str, number: &str, unit: &str) -> UnitError {
        let number: Option<f64> = number.parse().ok();
        let problem = match number {
            Some(_) if unit.is_empty() => format!("is {text}, a number without a unit"),
            _ => format!("is {text:?}, which is not a {} such as \"{}\"", self.what, self.example),
        };
        UnitError { problem, instead: number.and_then(|number| self.guess(number, unit)) }
    }

    fn guess(&self, number: f64, unit: &str) -> Option<String> {
        let lower = unit.to_ascii_lowercase();
        let meant = if unit.is_empty() { self.bare } else { self.unit_like(&lower)? };
        let factor = self.units.iter().find(|(name, _)| *name == meant)?.1;
        let value = number * factor as f64;
        // Beyond 2^53 an f64 is no longer exact and the guess could mislead.
        (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then(|| self.write(value as u64))
    }

    fn unit_like(&self, lower: &str) -> Option<&'static str> {
        let same = self.units.iter().map(|(name, _)| *name);
        let alias = self.aliases.iter().filter(|(_, others)| others.contains(&lower));
        same.filter(|name| name.eq_ignore_ascii_case(lower))
            .chain(alias.map(|(name, _)| *name))
            .next()
    }

    fn write(&self, value: u64) -> String {
        let fits = |(_, factor): &&(&str, u64)| value != 0 && value.is_multiple_of(*factor);
        let (unit, factor) = self.units.iter().find(fits).copied().unwrap_or((self.bare, 1));
        format!("{}{unit}", value / factor)
    }
}

/// The number in front, and the rest, which should be a unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_and_sizes_are_read_with_their_units() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("30 s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(parse_size("900kB"), Ok(900_000));
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("7B"), Ok(7));
    }

    #[test]
    fn a_wrong_writing_is_answered_with_the_right_one() {
        let durations = [
            ("30", Some("30s")),
            ("90 secs", Some("90s")),
            ("5min", Some("5m")),
            ("1.5s", Some("1500ms")),
            ("0.5ms", None),
            ("2H", Some("2h")),
            ("soon", None),
            ("-5s", None),
            ("", None),
        ];
        for (text, instead) in durations {
            let error = parse_duration(text).expect_err(text);
            assert_eq!(error.instead.as_deref(), instead, "{text}");
        }
        let sizes = [
            ("67108864", Some("64MiB")),
            ("900000", Some("900kB")),
            ("64M", Some("64MiB")),
            ("64mib", Some("64MiB")),
            ("900KB", Some("900kB")),
            ("1.5GiB", Some("1536MiB")),
            ("big", None),
        ];
        for (text, instead) in sizes {
            let error = parse_size(text).expect_err(text);
            assert_eq!(error.instead.as_deref(), instead, "{text}");
        }
    }

    #[test]
    fn what_overflows_is_refused() {
        assert!(parse_size("99999999999GiB").is_err());
        assert!(parse_duration("99999999999999999d").is_err());
        assert!(parse_size("99999999999999999999999B").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in 0..=u64::MAX) {
            let duration = Duration::from_millis(value);
            prop_assert_eq!(parse_size(&size_text(value)), Ok(value));
            prop_assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }

        #[test]
        fn a_guess_is_always_right_itself(text in "[0-9.]{0,6} ?[a-zA-Z]{0,3}") {
            if let Err(UnitError { instead: Some(guess), .. }) = parse_duration(&text) {
                prop_assert!(parse_duration(&guess).is_ok());
            }
            if let Err(UnitError { instead: Some(guess), .. }) = parse_size(&text) {
                prop_assert!(parse_size(&guess).is_ok());
            }
        }
    }
}
