//! The keys of a connection string: which exist, what their values may be, what their defaults are.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::{ConnInfo, ConnInfoError, Keepalive, SessionTarget, syntax::Pair, tls};

/// Every key that may stand in a connection string.
const KEYS: [&str; 31] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "passfile",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "sslsni",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
    "sslcertmode",
    "sslcompression",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "gssencmode",
    "channel_binding",
    "application_name",
    "connect_timeout",
    "options",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "target_session_attrs",
];

/// Long enough for a busy server and a slow name look-up, short enough to try again soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A dead peer is noticed after a minute, the time wal_sender_timeout gives the other side.
const KEEPALIVE: Keepalive =
    Keepalive { idle: Duration::from_secs(30), interval: Duration::from_secs(10), count: 3 };

/// The settings seen so far; an empty value leaves the default, as in libpq.
#[derive(Default)]
pub(super) struct Settings {
    host: Option<String>,
    address: Option<IpAddr>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    passfile: Option<PathBuf>,
    dbname: Option<String>,
    application_name: Option<String>,
    options: Option<String>,
    connect_timeout: Option<Duration>,
    keepalives_off: bool,
    keepalive: Option<Keepalive>,
    tcp_user_timeout: Option<Duration>,
    wants_primary: bool,
    tls: tls::Draft,
}

impl Settings {
    /// Takes one setting.
    pub(super) fn set(&mut self, pair: Pair) -> Result<(), ConnInfoError> {
        let Some(key) = KEYS.into_iter().find(|known| *known == pair.key) else {
            return Err(unknown(pair));
        };
        let value = pair.value;
        if value.is_empty() {
            return Ok(());
        }
        match key {
            "host" => self.host = Some(one_host(value)?),
            "hostaddr" => self.address = Some(address(&value)?),
            "port" => self.port = Some(port(&value)?),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "passfile" => self.passfile = Some(value.into()),
            "dbname" => self.dbname = Some(value),
            "application_name" => self.application_name = Some(value),
            "options" => self.options = Some(value),
            "connect_timeout" => self.connect_timeout = Some(connect_timeout(&value)?),
            "keepalives" => self.keepalives_off = number(key, &value)? == 0,
            "keepalives_idle" => self.keepalive_mut().idle = seconds(key, &value)?,
            "keepalives_interval" => self.keepalive_mut().interval = seconds(key, &value)?,
            "keepalives_count" => self.keepalive_mut().count = at_least_one(key, &value)?,
            "tcp_user_timeout" => self.tcp_user_timeout = milliseconds(key, &value)?,
            "target_session_attrs" => self.wants_primary = wants_primary(&value)?,
            "gssencmode" => gssencmode(&value)?,
            key => self.tls.set(key, value)?,
        }
        Ok(())
    }

    /// The connection that was described, defaults filled in.
    pub(super) fn complete(self) -> Result<ConnInfo, ConnInfoError> {
        let user = self.user.ok_or(ConnInfoError::NoUser)?;
        let by_address = self.address.map(|address| address.to_string());
        let host = self.host.or(by_address).unwrap_or_else(|| "localhost".to_owned());
        let over_unix_socket = host.starts_with('/') && self.address.is_none();
        Ok(ConnInfo {
            host,
            address: self.address,
            tls: self.tls.complete(over_unix_socket)?,
            port: self.port.unwrap_or(5432),
            dbname: self.dbname.unwrap_or_else(|| user.clone()),
            user,
            password: self.password.map(Into::into),
            passfile: self.passfile,
            application_name: self.application_name.unwrap_or_else(|| "postrider".to_owned()),
            options: self.options,
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            keepalive: (!self.keepalives_off).then_some(self.keepalive.unwrap_or(KEEPALIVE)),
            tcp_user_timeout: self.tcp_user_timeout,
            session_target: match self.wants_primary {
                true => SessionTarget::Primary,
                false => SessionTarget::Any,
            },
        })
    }

    fn keepalive_mut(&mut self) -> &mut Keepalive {
        self.keepalive.get_or_insert(KEEPALIVE)
    }
}

fn unknown(pair: Pair) -> ConnInfoError {
    if pair.key == "replication" {
        let why = "Postrider asks for a replication connection itself";
        return ConnInfoError::Unsupported { key: "replication", why };
    }
    if pair.key == "require_auth" {
        let why = "use channel_binding=require, which admits SCRAM over TLS alone";
        return ConnInfoError::Unsupported { key: "require_auth", why };
    }
    if !pair.key_is_plain {
        return ConnInfoError::UnknownKey { key: None, nearest: None };
    }
    let nearest = KEYS
        .into_iter()
        .map(|known| (strsim::jaro_winkler(known, &pair.key), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known);
    ConnInfoError::UnknownKey { key: Some(pair.key), nearest }
}

fn one_host(value: String) -> Result<String, ConnInfoError> {
    let must = "a host name, an address or the directory of a unix socket";
    if value.contains(',') {
        return Err(ConnInfoError::SeveralHosts);
    }
    if value.starts_with('@') {
        let why = "an abstract unix socket; name a directory or a host";
        return Err(ConnInfoError::Unsupported { key: "host", why });
    }
    if !value.starts_with('/') && value.contains(['/', '@', '?', ' ']) {
        return Err(ConnInfoError::BadValue { key: "host", must });
    }
    Ok(value)
}

fn address(value: &str) -> Result<IpAddr, ConnInfoError> {
    if value.contains(',') {
        return Err(ConnInfoError::SeveralHosts);
    }
    let must = "an IPv4 or IPv6 address";
    value.parse().map_err(|_| ConnInfoError::BadValue { key: "hostaddr", must })
}

fn port(value: &str) -> Result<u16, ConnInfoError> {
    if value.contains(',') {
        return Err(ConnInfoError::SeveralHosts);
    }
    let must =
        "a number from 1 to 65535 (in a URL, / ? # and @ of a password must be percent-encoded)";
    match value.trim().parse() {
        Ok(0) | Err(_) => Err(ConnInfoError::BadValue { key: "port", must }),
        Ok(port) => Ok(port),
    }
}

fn number(key: &'static str, value: &str) -> Result<u32, ConnInfoError> {
    value.trim().parse().map_err(|_| ConnInfoError::BadValue { key, must: "a whole number" })
}

fn at_least_one(key: &'static str, value: &str) -> Result<u32, ConnInfoError> {
    match number(key, value)? {
        0 => Err(ConnInfoError::BadValue { key, must: "at least 1" }),
        number => Ok(number),
    }
}

fn seconds(key: &'static str, value: &str) -> Result<Duration, ConnInfoError> {
    Ok(Duration::from_secs(at_least_one(key, value)?.into()))
}

fn milliseconds(key: &'static str, value: &str) -> Result<Option<Duration>, ConnInfoError> {
    let milliseconds = number(key, value)?;
    Ok((milliseconds > 0).then(|| Duration::from_millis(milliseconds.into())))
}

/// libpq's 0 waits for ever, which a publisher that must come back by itself never wants.
fn connect_timeout(value: &str) -> Result<Duration, ConnInfoError> {
    let must = "a number of seconds, at least 1";
    match value.trim().parse::<u32>() {
        Ok(0) | Err(_) => Err(ConnInfoError::BadValue { key: "connect_timeout", must }),
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
    }
}

fn wants_primary(value: &str) -> Result<bool, ConnInfoError> {
    match value {
        "any" => Ok(false),
        "read-write" | "primary" => Ok(true),
        _ => {
            let must = "any, read-write or primary: the slot is on the primary";
            Err(ConnInfoError::BadValue { key: "target_session_attrs", must })
        }
    }
}

fn gssencmode(value: &str) -> Result<(), ConnInfoError> {
    match value {
        "disable" | "prefer" => Ok(()),
        _ => {
            let why = "this version speaks no GSSAPI; use gssencmode=disable";
            Err(ConnInfoError::Unsupported { key: "gssencmode", why })
        }
    }
}
