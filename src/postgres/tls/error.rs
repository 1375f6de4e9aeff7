//! TlsError: why there is no TLS, or none that can be trusted, and which parameter mends it.

use std::{io, path::PathBuf};

use rustls::{AlertDescription, CertificateError, Error as Rustls};

use crate::{fault::FaultKind, postgres::Endpoint};

/// What keeps TLS from being spoken as the connection string asks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The server has no TLS.
    #[error("PostgreSQL at {endpoint} offers no TLS and the connection string asks for it")]
    NotOffered {
        /// The server.
        endpoint: Endpoint,
    },
    /// The server's certificate is of nobody who is trusted.
    #[error("the certificate of PostgreSQL at {endpoint} is not trusted: {why}")]
    Untrusted {
        /// The server.
        endpoint: Endpoint,
        /// What is wrong with it.
        why: String,
    },
    /// The server's certificate is for another host.
    #[error("the certificate of PostgreSQL at {endpoint} is not for {host:?}{}", others(presented))]
    WrongName {
        /// The server.
        endpoint: Endpoint,
        /// The host as the connection string names it.
        host: String,
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The server's certificate is not valid now.
    #[error("the certificate of PostgreSQL at {endpoint} {when}")]
    OutOfDate {
        /// The server.
        endpoint: Endpoint,
        /// Since when, or from when on.
        when: String,
    },
    /// The file of roots cannot be used.
    #[error("the root certificates in {} cannot be used: {why}", path.display())]
    RootFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A mode that needs a file of roots, and there is none.
    #[error("sslmode=verify-ca needs root certificates and none are named")]
    RootsMissing,
    /// The system trusts nobody.
    #[error("the system has no root certificates, and sslrootcert names none")]
    NoSystemRoots,
    /// The client's certificate cannot be used.
    #[error("the client certificate {} cannot be used: {why}", path.display())]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The client's key cannot be used.
    #[error("the private key {} cannot be used: {why}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Others than its owner can read the client's key.
    #[error("the private key {} can be read by others than its owner", path.display())]
    KeyExposed {
        /// The file.
        path: PathBuf,
    },
    /// The client's key is encrypted.
    #[error("the private key {} is encrypted", path.display())]
    KeyEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// There is a key without a certificate.
    #[error("the private key {} has no certificate", key.display())]
    KeyAlone {
        /// The key's file.
        key: PathBuf,
    },
    /// Key and certificate do not belong together.
    #[error("the private key {} is not that of the certificate {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The server does not accept the client's certificate, or the lack of one.
    #[error("PostgreSQL at {endpoint} does not accept the client certificate: {why}")]
    ClientRefused {
        /// The server.
        endpoint: Endpoint,
        /// The server's alert.
        why: String,
    },
    /// The channel must be bound and was not.
    #[error("PostgreSQL at {endpoint} binds no channel and channel_binding=require: {why}")]
    NotBound {
        /// The server.
        endpoint: Endpoint,
        /// What is missing.
        why: &'static str,
    },
    /// Client and server have no version or cipher in common.
    #[error("PostgreSQL at {endpoint} speaks no TLS that we speak: {why}")]
    NothingInCommon {
        /// The server.
        endpoint: Endpoint,
        /// In TLS's words.
        why: String,
    },
    /// Bytes where TLS should be.
    #[error("what came from PostgreSQL at {endpoint} where TLS begins is not TLS")]
    NotTls {
        /// The server.
        endpoint: Endpoint,
    },
    /// The handshake failed for another reason.
    #[error("TLS with PostgreSQL at {endpoint} could not be begun: {why}")]
    Handshake {
        /// The server.
        endpoint: Endpoint,
        /// In TLS's words.
        why: String,
    },
    /// The settings leave no way to speak TLS.
    #[error("TLS cannot be set up: {why}")]
    Unusable {
        /// In rustls's words.
        why: String,
    },
}

impl TlsError {
    /// What a failed handshake with `host` at `endpoint` means.
    pub(in crate::postgres) fn from_handshake(
        error: &Rustls,
        endpoint: Endpoint,
        host: &str,
    ) -> TlsError {
        match error {
            Rustls::InvalidCertificate(error) => from_certificate(error, endpoint, host),
            Rustls::PeerIncompatible(_) => {
                TlsError::NothingInCommon { endpoint, why: error.to_string() }
            }
            Rustls::InvalidMessage(_) => TlsError::NotTls { endpoint },
            Rustls::AlertReceived(alert) => match alert {
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity => {
                    TlsError::NothingInCommon { endpoint, why: error.to_string() }
                }
                _ => TlsError::from_alert(error, &endpoint)
                    .unwrap_or_else(|| TlsError::Handshake { endpoint, why: error.to_string() }),
            },
            _ => TlsError::Handshake { endpoint, why: error.to_string() },
        }
    }

    /// The server's word on the client's certificate, which TLS 1.3 hears after the handshake only.
    pub(in crate::postgres) fn from_alert(error: &Rustls, endpoint: &Endpoint) -> Option<TlsError> {
        use AlertDescription as Alert;
        let Rustls::AlertReceived(alert) = error else { return None };
        let why = match alert {
            Alert::UnknownCA => "it does not trust its issuer",
            Alert::CertificateExpired => "it has expired",
            Alert::CertificateRevoked => "it was revoked",
            Alert::CertificateRequired => "it wants one and was shown none",
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateUnknown
            | Alert::AccessDenied
            | Alert::DecryptError => "it says no more",
            _ => return None,
        };
        Some(TlsError::ClientRefused { endpoint: endpoint.clone(), why: why.to_owned() })
    }

    pub(in crate::postgres) fn kind(&self) -> FaultKind {
        match self {
            TlsError::ClientRefused { .. } => FaultKind::Rights,
            TlsError::NotTls { .. } => FaultKind::Protocol,
            TlsError::Handshake { .. } => FaultKind::Postgres,
            _ => FaultKind::Settings,
        }
    }

    pub(in crate::postgres) fn hint(&self) -> String {
        match self {
            TlsError::NotOffered { .. } => "turn TLS on in the server (ssl = on), or write \
                sslmode=disable in postgres.url for a network you trust"
                .into(),
            TlsError::Untrusted { .. } => "name the file with its issuer's certificate, or with \
                its own if it signed itself, by sslrootcert in postgres.url"
                .into(),
            TlsError::WrongName { host, .. } => format!(
                "write the certificate's name as the host in postgres.url (hostaddr keeps the \
                 address), or have a certificate issued with subjectAltName {host}; \
                 sslmode=verify-ca checks no name"
            ),
            TlsError::OutOfDate { .. } => "renew the server's certificate (ssl_cert_file, then \
                reload) and check this machine's clock; nothing in postgres.url needs to change"
                .into(),
            TlsError::RootFile { .. } => "let sslrootcert in postgres.url name a PEM file that \
                this process may read"
                .into(),
            TlsError::RootsMissing => "name a file by sslrootcert in postgres.url or put it at \
                ~/.postgresql/root.crt; sslmode=verify-full can do with the system's"
                .into(),
            TlsError::NoSystemRoots => "install ca-certificates, or name a file by sslrootcert \
                in postgres.url"
                .into(),
            TlsError::CertificateFile { .. } => "let sslcert in postgres.url name a PEM file \
                that this process may read"
                .into(),
            TlsError::KeyFile { .. } => "let sslkey in postgres.url name a PEM file that this \
                process may read"
                .into(),
            TlsError::KeyExposed { path } => format!(
                "run chmod 600 {} (0640 where it belongs to root), or let sslkey in postgres.url \
                 name another",
                path.display()
            ),
            TlsError::KeyEncrypted { .. } => "decrypt it, for example with openssl pkey, and let \
                sslkey in postgres.url name the result"
                .into(),
            TlsError::KeyAlone { .. } => "name its certificate by sslcert in postgres.url".into(),
            TlsError::KeyMismatch { .. } => "let sslcert and sslkey in postgres.url name files \
                of one pair"
                .into(),
            TlsError::ClientRefused { .. } => "let sslcert and sslkey in postgres.url name a \
                certificate that the server's ssl_ca_file trusts"
                .into(),
            TlsError::NotBound { .. } => "let pg_hba.conf ask for scram-sha-256 over hostssl, or \
                leave channel_binding=require out of postgres.url"
                .into(),
            TlsError::NothingInCommon { .. } | TlsError::Unusable { .. } => "TLS 1.2 and 1.3 are \
                spoken: see ssl_min_protocol_version and ssl_ciphers of the server, and those in \
                postgres.url"
                .into(),
            TlsError::NotTls { .. } => "check what stands between here and the server (a proxy, \
                a pooler, somebody who tampers); nothing that came was used"
                .into(),
            TlsError::Handshake { .. } => "it is tried again; the server's log may say more; \
                sslnegotiation=direct needs PostgreSQL 17 or newer"
                .into(),
        }
    }
}

/// Why a certificate and a key are no pair.
pub(super) fn unfit_identity(error: &Rustls, certificate: PathBuf, key: PathBuf) -> TlsError {
    match error {
        Rustls::InconsistentKeys(_) => TlsError::KeyMismatch { certificate, key },
        Rustls::InvalidCertificate(error) => {
            TlsError::CertificateFile { path: certificate, why: in_our_words(error) }
        }
        _ => TlsError::KeyFile {
            path: key,
            why: "it is neither RSA nor ECDSA on P-256 or P-384 nor Ed25519".into(),
        },
    }
}

/// A certificate that is there and cannot be read.
pub(super) fn unreadable_certificate(path: PathBuf, error: &io::Error) -> TlsError {
    TlsError::CertificateFile { path, why: error.to_string() }
}

fn from_certificate(error: &CertificateError, endpoint: Endpoint, host: &str) -> TlsError {
    let untrusted = |endpoint, why: &str| TlsError::Untrusted { endpoint, why: why.to_owned() };
    match error {
        CertificateError::NotValidForName => {
            TlsError::WrongName { endpoint, host: host.to_owned(), presented: Vec::new() }
        }
        CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
            endpoint,
            host: host.to_owned(),
            presented: presented.iter().map(|name| bare(name)).collect(),
        },
        CertificateError::ExpiredContext { time, not_after } => {
            let ago = span(time.as_secs().saturating_sub(not_after.as_secs()));
            TlsError::OutOfDate { endpoint, when: format!("expired {ago} ago") }
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            let left = span(not_before.as_secs().saturating_sub(time.as_secs()));
            TlsError::OutOfDate { endpoint, when: format!("is not valid before another {left}") }
        }
        CertificateError::Expired | CertificateError::NotValidYet => {
            TlsError::OutOfDate { endpoint, when: "is not valid today".into() }
        }
        CertificateError::UnknownIssuer => {
            untrusted(endpoint, "its issuer is not among the root certificates")
        }
        CertificateError::BadSignature => untrusted(endpoint, "its signature is not its issuer's"),
        error => untrusted(endpoint, &in_our_words(error)),
    }
}

/// rustls has no kinds for these two, and they are what home-made certificates are.
fn in_our_words(error: &CertificateError) -> String {
    let text = error.to_string();
    if text.contains("UnsupportedCertVersion") {
        return "it is of X.509 version 1; have it issued anew with extensions such as \
                subjectAltName"
            .to_owned();
    }
    if text.contains("CaUsedAsEndEntity") {
        return "it signed itself and is not among the root certificates".to_owned();
    }
    text
}

/// A length of time in its largest unit.
fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `DnsName("db.example")` and `IpAddress(10.0.0.7)` without what is around the name.
fn bare(name: &str) -> String {
    let inside = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inside.trim_matches('"').to_owned()
}

fn others(presented: &[String]) -> String {
    match presented {
        [] => String::new(),
        names => format!("; it is for {}", names.join(", ")),
    }
}
