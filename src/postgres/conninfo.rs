//! ConnInfo: where PostgreSQL is and as whom to go there, parsed as libpq parses it.
//!
//! One parser feeds the replication stream and the SQL client, so that both mean the same server.
//! Nothing is read from PGHOST and its relatives: what is not in the settings has a documented
//! default, and the user has none.

mod settings;
mod syntax;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(test)]
mod tls_tests;

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use secrecy::SecretString;

use settings::Settings;

pub use tls::{ChannelBinding, Negotiation, Roots, SslMode, TlsSettings, TlsVersion};

/// A parsed connection string, in one of libpq's two forms.
///
/// ```
/// use postrider::postgres::ConnInfo;
///
/// let url: ConnInfo = "postgres://shop:secret@db.example:5433/orders".parse()?;
/// let same: ConnInfo = "host=db.example port=5433 user=shop dbname=orders".parse()?;
/// assert_eq!(url.to_string(), "postgres://shop@db.example:5433/orders");
/// assert_eq!(same.to_string(), url.to_string());
/// # Ok::<(), postrider::postgres::ConnInfoError>(())
/// ```
///
/// Neither `Display` nor `Debug` shows the password. `Display` parses back to the same server,
/// user, database and TLS.
#[derive(Clone)]
pub struct ConnInfo {
    host: String,
    address: Option<IpAddr>,
    port: u16,
    user: String,
    dbname: String,
    password: Option<SecretString>,
    passfile: Option<PathBuf>,
    application_name: String,
    options: Option<String>,
    connect_timeout: Duration,
    keepalive: Option<Keepalive>,
    tcp_user_timeout: Option<Duration>,
    session_target: SessionTarget,
    tls: TlsSettings,
}

/// The socket to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A host name or address without brackets, and a port.
    Tcp {
        /// Name, IPv4 or IPv6 address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket's own path: `/var/run/postgresql/.s.PGSQL.5432`.
    Unix(PathBuf),
}

/// How an idle TCP connection finds out that its peer is gone.
///
/// The kernel's default waits two hours; a host that vanished would hold the slot as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Idle time before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes after which the connection is dead.
    pub count: u32,
}

/// What `target_session_attrs` asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionTarget {
    /// Whatever answers.
    Any,
    /// The primary (`read-write` or `primary`).
    Primary,
}

/// Why a connection string was refused.
///
/// The sentences never repeat a value: a password with an unquoted space or an unescaped `@` ends
/// up in the place of any other setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnInfoError {
    /// The text has neither form.
    #[error("the connection string is malformed: {0}")]
    Malformed(&'static str),
    /// A key that libpq does not know either, or that could not be shown.
    #[error("the connection string has an unknown key{}{}", shown(.key), guess(.nearest))]
    UnknownKey {
        /// The key; `None` when it may be a piece of a password.
        key: Option<String>,
        /// The known key that is spelled most alike.
        nearest: Option<&'static str>,
    },
    /// A key that cannot mean here what libpq would make of it.
    #[error("{key} in the connection string is not supported: {why}")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// Why not, and what to do.
        why: &'static str,
    },
    /// A value out of its range or of the wrong form.
    #[error("{key} in the connection string must be {must}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// What the value must be.
        must: &'static str,
    },
    /// More than one host, address or port.
    #[error("the connection string names several hosts; this version connects to one")]
    SeveralHosts,
    /// No user.
    #[error("the connection string names no user; write postgres://USER@HOST/DATABASE")]
    NoUser,
}

fn shown(key: &Option<String>) -> String {
    key.as_ref().map_or_else(
        || " after the password; quote or percent-encode the password".to_owned(),
        |key| format!(" {key:?}"),
    )
}

fn guess(name: &Option<&'static str>) -> String {
    name.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

impl ConnInfo {
    /// The socket to open. `hostaddr`, where given, spares the look-up of the host's name.
    pub fn endpoint(&self) -> Endpoint {
        if self.host.starts_with('/') && self.address.is_none() {
            let file = format!(".s.PGSQL.{}", self.port);
            return Endpoint::Unix(PathBuf::from(&self.host).join(file));
        }
        let host = self.address.map_or_else(|| self.host.clone(), |address| address.to_string());
        Endpoint::Tcp { host, port: self.port }
    }

    /// The host as written: a name, an address, or the directory of a unix socket.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also part of a unix socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The role to log in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database; the user's name unless given.
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// What pg_stat_activity shows; `postrider` unless given.
    pub fn application_name(&self) -> &str {
        &self.application_name
    }

    /// Server options for the start of the session, as `-c name=value`.
    pub fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    /// How long connecting may take.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// TCP keepalive; `None` when it is turned off.
    pub fn keepalive(&self) -> Option<Keepalive> {
        self.keepalive
    }

    /// TCP_USER_TIMEOUT; `None` is the system's default.
    pub fn tcp_user_timeout(&self) -> Option<Duration> {
        self.tcp_user_timeout
    }

    /// Which kind of server is wanted.
    pub fn session_target(&self) -> SessionTarget {
        self.session_target
    }

    /// Whether and how TLS is spoken.
    pub fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// Whether the string itself carries a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The password in the string itself. [`super::password`] knows the other places.
    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The password file named in the string, instead of `~/.pgpass`.
    pub fn passfile(&self) -> Option<&PathBuf> {
        self.passfile.as_ref()
    }
}

impl FromStr for ConnInfo {
    type Err = ConnInfoError;

    fn from_str(text: &str) -> Result<ConnInfo, ConnInfoError> {
        let mut settings = Settings::default();
        for pair in syntax::pairs(text)? {
            settings.set(pair)?;
        }
        settings.complete()
    }
}

impl fmt::Display for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, dbname) = (syntax::encode(&self.user), syntax::encode(&self.dbname));
        let mut parameters = Vec::new();
        if self.host.starts_with('/') {
            write!(f, "postgres://{user}@/{dbname}")?;
            parameters.push(("host", self.host.clone()));
            parameters.push(("port", self.port.to_string()));
        } else {
            match self.host.parse::<IpAddr>() {
                Ok(IpAddr::V6(address)) => write!(f, "postgres://{user}@[{address}]")?,
                _ => write!(f, "postgres://{user}@{}", syntax::encode(&self.host))?,
            }
            write!(f, ":{}/{dbname}", self.port)?;
        }
        parameters.extend(self.address.map(|address| ("hostaddr", address.to_string())));
        parameters.extend(self.tls.pairs());
        for (at, (key, value)) in parameters.into_iter().enumerate() {
            let (mark, value) = (if at == 0 { '?' } else { '&' }, syntax::encode(&value));
            write!(f, "{mark}{key}={}", value.replace("%2F", "/").replace("%3A", ":"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnInfo({self})")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::Tcp { host, port } => write!(f, "{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
