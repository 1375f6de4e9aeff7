//! TLS and SASL as they are set: what cannot work is refused before the first connection.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Config, Error, OptionValue, credentials::NAMED_FILES, known};
use crate::fault::{Fault, FaultKind};

/// Every option that is set, by name, those from files too.
pub(super) type Given = BTreeMap<String, OptionValue>;

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
const MECHANISMS: [&str; 5] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"];

/// Whether this build can log in by Kerberos.
const HAS_GSSAPI: bool = cfg!(feature = "gssapi");

/// Reads the files of `options_files`, and adds the options.
///
/// # Errors
/// [`Error::File`] when a file is missing, unreadable, no file, or empty.
pub(super) fn given(config: &Config) -> Result<Given, Error> {
    let mut given = config.options.clone();
    for (name, path) in &config.options_files {
        let text = content(name, path)?;
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        given.insert(name.clone(), OptionValue::new(text));
    }
    Ok(given)
}

/// Refuses what could only fail later, in librdkafka's words or in none: it goes on trying for
/// ever, or uses what it was given for nothing.
///
/// # Errors
/// [`Error::Security`] and [`Error::File`].
pub(super) fn verify(given: &Given) -> Result<(), Error> {
    let protocol = protocol(given)?;
    let (tls, sasl) = (protocol.ends_with("SSL"), protocol.starts_with("SASL"));
    for (name, needed, has) in [("ssl.", "SSL or SASL_SSL", tls), ("sasl.", "SASL_SSL", sasl)] {
        if let Some(unused) = given.keys().find(|option| option.starts_with(name) && !has) {
            return Err(wrong(
                format!("{unused} is set, but security.protocol is {protocol}, which ignores it"),
                format!("set security.protocol = \"{needed}\", or remove {unused}"),
            ));
        }
    }
    for name in NAMED_FILES {
        match given.get(name).map(|value| Path::new(value.expose())) {
            // A folder of certificates.
            Some(path) if name == "ssl.ca.location" && path.is_dir() => {}
            // librdkafka's word for the usual places.
            Some(path) if name == "ssl.ca.location" && path == Path::new("probe") => {}
            Some(path) => drop(content(name, path)?),
            None => {}
        }
    }
    if sasl { verify_sasl(given) } else { Ok(()) }
}

/// What is allowed and still worth a warning at each start.
pub(super) fn warnings(config: &Config) -> Vec<Fault> {
    // A file that cannot be used was refused before.
    let given = given(config).unwrap_or_default();
    let value = |name: &str| given.get(name).map(|value| value.expose().trim());
    let is = |name, words: &[&str]| {
        value(name).is_some_and(|value| words.iter().any(|word| value.eq_ignore_ascii_case(word)))
    };
    let warning = |what: &str, hint: &str| Fault::new(FaultKind::Settings, what, hint);
    let mut found = Vec::new();
    if is("enable.ssl.certificate.verification", &["false", "0", "f"]) {
        found.push(warning(
            "enable.ssl.certificate.verification of [kafka] options is false: whoever stands \
             between us and Kafka can read and change events, and learns the password",
            "remove it, and set ssl.ca.location to the certificate of the brokers' authority",
        ));
    }
    if is("ssl.endpoint.identification.algorithm", &["none"]) {
        found.push(warning(
            "ssl.endpoint.identification.algorithm of [kafka] options is none: any certificate of \
             a trusted authority passes for a broker's",
            "remove it, and name the brokers in [kafka] brokers as their certificates do",
        ));
    }
    if is("security.protocol", &["sasl_plaintext"]) {
        found.push(warning(
            "security.protocol of [kafka] options is SASL_PLAINTEXT: the connection is not \
             encrypted, and with the mechanism PLAIN the password is read by whoever listens",
            "use SASL_SSL",
        ));
    }
    found
}

/// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
fn protocol(given: &Given) -> Result<&'static str, Error> {
    let Some(value) = given.get("security.protocol") else { return Ok("PLAINTEXT") };
    let value = value.expose();
    let known = PROTOCOLS.into_iter().find(|known| known.eq_ignore_ascii_case(value));
    known.ok_or_else(|| {
        let nearest = known::closest(value, PROTOCOLS.into_iter()).unwrap_or("SASL_SSL");
        wrong(
            format!("security.protocol is {value:?}; expected is one of {}", PROTOCOLS.join(", ")),
            format!("did you mean security.protocol = \"{nearest}\"?"),
        )
    })
}

fn verify_sasl(given: &Given) -> Result<(), Error> {
    let set = given.get("sasl.mechanisms").or_else(|| given.get("sasl.mechanism"));
    match set.map(OptionValue::expose) {
        Some("PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512") => has_password(given),
        Some("OAUTHBEARER") => has_token(given),
        Some("GSSAPI") | None if HAS_GSSAPI => Ok(()),
        Some("GSSAPI") => Err(wrong(
            "sasl.mechanisms is GSSAPI (Kerberos), which this build of Postrider cannot speak",
            "build it with `cargo build --release --features gssapi`, or set sasl.mechanisms to \
             SCRAM-SHA-512 or PLAIN",
        )),
        None => Err(wrong(
            "sasl.mechanisms is not set; librdkafka would take GSSAPI (Kerberos), which this build \
             of Postrider cannot speak",
            "set sasl.mechanisms to SCRAM-SHA-512 or PLAIN; for Kerberos build Postrider with \
             `cargo build --release --features gssapi`",
        )),
        Some(other) => {
            let nearest = known::closest(other, MECHANISMS.into_iter()).unwrap_or("SCRAM-SHA-512");
            Err(wrong(
                format!("sasl.mechanisms is {other:?}; expected is {}", MECHANISMS.join(", ")),
                format!("did you mean sasl.mechanisms = \"{nearest}\"?"),
            ))
        }
    }
}

fn has_password(given: &Given) -> Result<(), Error> {
    for name in ["sasl.username", "sasl.password"] {
        if given.get(name).is_none_or(|value| value.expose().is_empty()) {
            return Err(wrong(
                format!("{name} is not set, and the SASL mechanism needs it"),
                "set sasl.username in [kafka] options, and in options_files the file that holds \
                 sasl.password",
            ));
        }
    }
    Ok(())
}

/// librdkafka asks a callback of the program for tokens, and this program has none: without one
/// of its own making it would wait for ever.
fn has_token(given: &Given) -> Result<(), Error> {
    const OWN: &str = "enable.sasl.oauthbearer.unsecure.jwt";
    if given.get(OWN).is_some_and(|value| value.expose().eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    Err(wrong(
        "sasl.mechanisms is OAUTHBEARER, and this build of Postrider cannot fetch tokens",
        "set sasl.mechanisms to SCRAM-SHA-512 or PLAIN, or log in by a client certificate \
         (security.protocol = \"SSL\")",
    ))
}

fn content(name: &str, path: &Path) -> Result<String, Error> {
    let wrong = |problem: String| {
        Err(Error::File { name: name.to_owned(), path: path.to_owned(), problem })
    };
    if path.is_dir() {
        return wrong("is a directory".to_owned());
    }
    match fs::read(path) {
        Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => wrong("is empty".to_owned()),
        // librdkafka reads keystores itself; as the value of an option they would be no text.
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) if NAMED_FILES.contains(&name) => Ok(String::new()),
            Err(_) => wrong("is no text".to_owned()),
        },
        Err(error) => wrong(format!("cannot be read: {error}")),
    }
}

fn wrong(problem: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Security { problem: problem.into(), hint: hint.into() }
}

#[cfg(test)]
#[path = "security_tests.rs"]
mod tests;
