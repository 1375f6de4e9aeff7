//! The keys of a connection string that are about TLS, with libpq's meanings.

use std::path::PathBuf;

use super::ConnInfoError;

/// How much TLS is asked for, and what of the server's certificate is checked: `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only where the server admits nothing else.
    Allow,
    /// TLS where the server offers it.
    Prefer,
    /// TLS or nothing; the certificate is checked only when there is a file of roots.
    Require,
    /// TLS with a certificate of a trusted authority.
    VerifyCa,
    /// TLS with a certificate of a trusted authority for the host's name.
    VerifyFull,
}

impl SslMode {
    /// As it is written.
    pub fn label(self) -> &'static str {
        match self {
            SslMode::Disable => "disable",
            SslMode::Allow => "allow",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        }
    }
}

/// Whether a password's proof is bound to the server's certificate: `channel_binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// Always: a server that does not know the password cannot pass one on.
    Require,
}

/// Whose certificates are trusted: `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// Not said: `~/.postgresql/root.crt`, else the system's for `verify-full`.
    #[default]
    Default,
    /// Those that the system trusts.
    System,
    /// Those in this file, PEM.
    File(PathBuf),
}

/// How TLS begins: `sslnegotiation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Negotiation {
    /// The server is asked first.
    #[default]
    Postgres,
    /// At once, as PostgreSQL 17 and newer can.
    Direct,
}

/// A version of TLS that is still spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// What a connection string says about TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `sslmode`; `prefer` unless given, `verify-full` with `sslrootcert=system`.
    pub mode: SslMode,
    /// `channel_binding`.
    pub channel_binding: ChannelBinding,
    /// `sslrootcert`.
    pub roots: Roots,
    /// `sslcert`: the client's certificate, PEM, its issuers behind it.
    pub certificate: Option<PathBuf>,
    /// `sslkey`: the certificate's key, PEM.
    pub key: Option<PathBuf>,
    /// `sslnegotiation`.
    pub negotiation: Negotiation,
    /// `ssl_min_protocol_version`.
    pub oldest: TlsVersion,
    /// `ssl_max_protocol_version`.
    pub newest: TlsVersion,
    /// `sslsni`: whether the server is told by which name it was called.
    pub sends_name: bool,
}

impl TlsSettings {
    /// The keys that say so, defaults left out.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let path = |path: &PathBuf| path.display().to_string();
        let version = |version: TlsVersion| match version {
            TlsVersion::V12 => "TLSv1.2".to_owned(),
            TlsVersion::V13 => "TLSv1.3".to_owned(),
        };
        let said = [
            ("sslmode", (self.mode != SslMode::Prefer).then(|| self.mode.label().to_owned())),
            (
                "sslrootcert",
                match &self.roots {
                    Roots::Default => None,
                    Roots::System => Some("system".to_owned()),
                    Roots::File(file) => Some(path(file)),
                },
            ),
            ("sslcert", self.certificate.as_ref().map(path)),
            ("sslkey", self.key.as_ref().map(path)),
            (
                "channel_binding",
                match self.channel_binding {
                    ChannelBinding::Disable => Some("disable".to_owned()),
                    ChannelBinding::Prefer => None,
                    ChannelBinding::Require => Some("require".to_owned()),
                },
            ),
            (
                "sslnegotiation",
                match self.negotiation {
                    Negotiation::Postgres => None,
                    Negotiation::Direct => Some("direct".to_owned()),
                },
            ),
            (
                "ssl_min_protocol_version",
                (self.oldest != TlsVersion::V12).then(|| version(self.oldest)),
            ),
            (
                "ssl_max_protocol_version",
                (self.newest != TlsVersion::V13).then(|| version(self.newest)),
            ),
            ("sslsni", (!self.sends_name).then(|| "0".to_owned())),
        ];
        said.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// The keys seen so far.
#[derive(Default)]
pub(super) struct Draft {
    mode: Option<SslMode>,
    channel_binding: ChannelBinding,
    roots: Roots,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    negotiation: Negotiation,
    oldest: Option<TlsVersion>,
    newest: Option<TlsVersion>,
    hides_name: bool,
}

impl Draft {
    /// Takes one setting.
    pub(super) fn set(&mut self, key: &'static str, value: String) -> Result<(), ConnInfoError> {
        match key {
            "sslmode" => self.mode = Some(sslmode(&value)?),
            "channel_binding" => self.channel_binding = channel_binding(&value)?,
            "sslrootcert" if value == "system" => self.roots = Roots::System,
            "sslrootcert" => self.roots = Roots::File(value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslnegotiation" => self.negotiation = negotiation(&value)?,
            "ssl_min_protocol_version" => self.oldest = Some(version(key, &value)?),
            "ssl_max_protocol_version" => self.newest = Some(version(key, &value)?),
            "sslsni" => self.hides_name = !flag(key, &value)?,
            "sslcompression" if !flag(key, &value)? => {}
            _ => return Err(unsupported(key)),
        }
        Ok(())
    }

    /// What was said, defaults filled in, contradictions refused.
    pub(super) fn complete(self, over_unix_socket: bool) -> Result<TlsSettings, ConnInfoError> {
        let by_default = match self.roots {
            Roots::System => SslMode::VerifyFull,
            _ => SslMode::Prefer,
        };
        let mode = self.mode.unwrap_or(by_default);
        if self.roots == Roots::System && mode < SslMode::VerifyFull {
            // Anybody can have a certificate that the system trusts, for a name of their own.
            let must = "verify-full when sslrootcert is system";
            return Err(ConnInfoError::BadValue { key: "sslmode", must });
        }
        if self.negotiation == Negotiation::Direct && mode < SslMode::Require {
            let must = "require, verify-ca or verify-full when sslnegotiation is direct";
            return Err(ConnInfoError::BadValue { key: "sslmode", must });
        }
        if self.channel_binding == ChannelBinding::Require {
            let key = "channel_binding";
            if over_unix_socket {
                let why = "require needs TLS, which is not spoken over a unix socket";
                return Err(ConnInfoError::Unsupported { key, why });
            }
            if mode == SslMode::Disable {
                let why = "require needs TLS, which sslmode=disable turns off";
                return Err(ConnInfoError::Unsupported { key, why });
            }
        }
        let oldest = self.oldest.unwrap_or(TlsVersion::V12);
        let newest = self.newest.unwrap_or(TlsVersion::V13);
        if oldest > newest {
            let must = "no newer than ssl_max_protocol_version";
            return Err(ConnInfoError::BadValue { key: "ssl_min_protocol_version", must });
        }
        Ok(TlsSettings {
            mode,
            channel_binding: self.channel_binding,
            roots: self.roots,
            certificate: self.certificate,
            key: self.key,
            negotiation: self.negotiation,
            oldest,
            newest,
            sends_name: !self.hides_name,
        })
    }
}

fn sslmode(value: &str) -> Result<SslMode, ConnInfoError> {
    let modes = [
        SslMode::Disable,
        SslMode::Allow,
        SslMode::Prefer,
        SslMode::Require,
        SslMode::VerifyCa,
        SslMode::VerifyFull,
    ];
    let must = "disable, allow, prefer, require, verify-ca or verify-full";
    let found = modes.into_iter().find(|mode| mode.label() == value);
    found.ok_or(ConnInfoError::BadValue { key: "sslmode", must })
}

fn channel_binding(value: &str) -> Result<ChannelBinding, ConnInfoError> {
    match value {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => {
            let must = "disable, prefer or require";
            Err(ConnInfoError::BadValue { key: "channel_binding", must })
        }
    }
}

fn negotiation(value: &str) -> Result<Negotiation, ConnInfoError> {
    match value {
        "postgres" => Ok(Negotiation::Postgres),
        "direct" => Ok(Negotiation::Direct),
        _ => {
            let must = "postgres or direct";
            Err(ConnInfoError::BadValue { key: "sslnegotiation", must })
        }
    }
}

fn version(key: &'static str, value: &str) -> Result<TlsVersion, ConnInfoError> {
    match value {
        "TLSv1.2" => Ok(TlsVersion::V12),
        "TLSv1.3" => Ok(TlsVersion::V13),
        _ => Err(ConnInfoError::BadValue { key, must: "TLSv1.2 or TLSv1.3" }),
    }
}

fn flag(key: &'static str, value: &str) -> Result<bool, ConnInfoError> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(ConnInfoError::BadValue { key, must: "0 or 1" }),
    }
}

/// A certificate that was revoked, or a key that stays locked, must not be passed over in silence.
fn unsupported(key: &'static str) -> ConnInfoError {
    let why = match key {
        "sslpassword" => "encrypted keys cannot be used; decrypt the key that sslkey names",
        "sslcrl" | "sslcrldir" => {
            "revocation lists are not read; trust a file of roots of your \
                                   own by sslrootcert"
        }
        "sslcompression" => "compression is not safe inside TLS; leave it out",
        _ => "a client certificate is sent when sslcert, or ~/.postgresql/postgresql.crt, is there",
    };
    ConnInfoError::Unsupported { key, why }
}
