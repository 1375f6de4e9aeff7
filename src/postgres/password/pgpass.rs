//! libpq's password file: `host:port:database:user:password` lines, the first match counts.

use secrecy::SecretString;

use crate::postgres::ConnInfo;

/// Where libpq looks for a socket when no host is named; such a host matches `localhost`.
const DEFAULT_SOCKET_DIRS: [&str; 2] = ["/tmp", "/var/run/postgresql"];

/// The password that `file` has for this connection.
pub(super) fn password(file: &str, conninfo: &ConnInfo) -> Option<SecretString> {
    let host = conninfo.host();
    let is_default_socket = DEFAULT_SOCKET_DIRS.contains(&host);
    let hosts = [host, if is_default_socket { "localhost" } else { host }];
    let port = conninfo.port().to_string();
    let wanted = [&hosts[..], &[&port], &[conninfo.dbname()], &[conninfo.user()]];
    file.lines()
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .find_map(|line| password_of_line(line, wanted))
        .filter(|password| !password.is_empty())
        .map(SecretString::from)
}

fn password_of_line(line: &str, wanted: [&[&str]; 4]) -> Option<String> {
    let mut rest = line;
    for wanted in wanted {
        let (field, after) = field(rest)?;
        if rest.split(':').next() != Some("*") && !wanted.contains(&field.as_str()) {
            return None;
        }
        rest = after;
    }
    Some(field(rest).map_or_else(|| unescaped(rest), |(password, _)| password))
}

/// The first field of `line`, unescaped, and what follows its colon.
fn field(line: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            ':' => return Some((value, &line[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

/// The last field, which no colon ends.
fn unescaped(password: &str) -> String {
    let mut value = String::new();
    let mut chars = password.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}
