//! The two forms of a connection string, taken apart into keys and values.

use super::ConnInfoError;

/// One setting of a connection string.
pub(super) struct Pair {
    /// The key, decoded.
    pub(super) key: String,
    /// The value, decoded and unquoted.
    pub(super) value: String,
    /// Whether the key is surely a key, and not the second half of a badly quoted password.
    pub(super) key_is_plain: bool,
}

/// What is left of a password with a bare `@` would be taken for a host or a database, and shown.
const UNENCODED_AT: ConnInfoError =
    ConnInfoError::Malformed("an @ in a user, password or database must be written %40");

/// The settings of `text`, in order; later ones overrule earlier ones.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>, ConnInfoError> {
    let text = text.trim();
    if text.contains('\0') {
        return Err(ConnInfoError::Malformed("it contains a zero byte"));
    }
    for scheme in ["postgres://", "postgresql://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return url_pairs(rest);
        }
    }
    let scheme = text.split('=').next().unwrap_or_default();
    if scheme.contains("://") {
        return Err(ConnInfoError::Malformed("a URL starts with postgres:// or postgresql://"));
    }
    word_pairs(text)
}

/// `text` as it may stand in any part of a URL.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `[user[:password]@][host][:port][/dbname][?key=value&…]`, cut where libpq cuts it: the first
/// `@` before the first `/` ends the user.
fn url_pairs(rest: &str) -> Result<Vec<Pair>, ConnInfoError> {
    let mut pairs = Vec::new();
    let after_user = match rest.find('@').filter(|at| *at < rest.find('/').unwrap_or(rest.len())) {
        Some(at) => {
            let (user, password) = split_at_first(&rest[..at], ':');
            push(&mut pairs, "user", user)?;
            push(&mut pairs, "password", password.unwrap_or_default())?;
            &rest[at + 1..]
        }
        None => rest,
    };
    let end = after_user.find(['/', '?']).unwrap_or(after_user.len());
    let (authority, tail) = after_user.split_at(end);
    host_and_port(authority, &mut pairs)?;
    let (path, query) = split_at_first(tail, '?');
    let query = query.unwrap_or_default();
    if path.contains('@') {
        return Err(UNENCODED_AT);
    }
    push(&mut pairs, "dbname", path.strip_prefix('/').unwrap_or(path))?;
    let mut key_is_plain = !query.contains('@');
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let Some((key, value)) = piece.split_once('=') else {
            return Err(ConnInfoError::Malformed("a parameter after ? has no ="));
        };
        let (key, value) = (decode(key)?, decode(value)?);
        let ends_plain = key == "password";
        pairs.push(match (key.as_str(), value.as_str()) {
            ("ssl", "true") => {
                Pair { key: "sslmode".into(), value: "require".into(), key_is_plain }
            }
            _ => Pair { key, value, key_is_plain },
        });
        key_is_plain &= !ends_plain;
    }
    Ok(pairs)
}

fn host_and_port(authority: &str, pairs: &mut Vec<Pair>) -> Result<(), ConnInfoError> {
    if authority.contains(',') {
        return Err(ConnInfoError::SeveralHosts);
    }
    if authority.contains('@') {
        return Err(UNENCODED_AT);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let Some((host, after)) = bracketed.split_once(']') else {
                return Err(ConnInfoError::Malformed("a [ around an IPv6 address has no ]"));
            };
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => {
                    return Err(ConnInfoError::Malformed("only :port may follow the ] of a host"));
                }
            }
        }
        None => split_at_first(authority, ':'),
    };
    push(pairs, "host", host)?;
    push(pairs, "port", port.unwrap_or_default())
}

fn push(pairs: &mut Vec<Pair>, key: &str, encoded: &str) -> Result<(), ConnInfoError> {
    let value = decode(encoded)?;
    pairs.push(Pair { key: key.to_owned(), value, key_is_plain: true });
    Ok(())
}

fn split_at_first(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn decode(text: &str) -> Result<String, ConnInfoError> {
    const MALFORMED: ConnInfoError =
        ConnInfoError::Malformed("a % is not followed by two hexadecimal digits");
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(MALFORMED) };
        match u8::try_from(high * 16 + low) {
            Ok(0) | Err(_) => return Err(ConnInfoError::Malformed("%00 stands for no character")),
            Ok(byte) => decoded.push(byte),
        }
    }
    String::from_utf8(decoded)
        .map_err(|_| ConnInfoError::Malformed("the percent-encoded bytes are no UTF-8"))
}

/// `key = value key='a value'`, with backslash escapes inside and outside of quotes.
fn word_pairs(text: &str) -> Result<Vec<Pair>, ConnInfoError> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let Some(after) = after.trim_start().strip_prefix('=') else {
            return Err(ConnInfoError::Malformed(
                "a word has no =; a value with spaces stands in single quotes",
            ));
        };
        let key_is_plain = !pairs.iter().any(|pair| pair.key == "password");
        let (value, after) = word_value(after.trim_start())?;
        pairs.push(Pair { key: key.to_owned(), value, key_is_plain });
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// The value at the start of `text`, and what follows it.
fn word_value(text: &str) -> Result<(String, &str), ConnInfoError> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            c if quoted.is_none() && c.is_ascii_whitespace() => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    match quoted {
        Some(_) => Err(ConnInfoError::Malformed("a single quote is not closed")),
        None => Ok((value, "")),
    }
}
