//! TLS: one rustls configuration out of the connection string, for the stream and for SQL.
//!
//! It is made anew at every connection, so that certificates that were replaced are used at the
//! next one, and no session is resumed on the strength of an older check.

mod endpoint;
mod error;
mod files;
mod names;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, SupportedProtocolVersion,
    client::danger::ServerCertVerifier,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};

pub(super) use endpoint::endpoint_hash;
pub use error::TlsError;

use super::{
    ConnInfo,
    conninfo::{Roots, SslMode, TlsSettings, TlsVersion},
};
use verify::{Trusted, Verifier};

/// What PostgreSQL 17 and newer call their protocol in TLS.
pub(super) const ALPN: &[u8] = b"postgresql";

/// How TLS with this server is to be.
///
/// # Errors
///
/// When a file that is named, or that `sslmode` needs, cannot be used.
pub(super) fn client_config(conninfo: &ConnInfo) -> Result<ClientConfig, TlsError> {
    let defaults = env::home_dir().map(|home| home.join(".postgresql"));
    configured(conninfo.tls(), defaults.as_deref())
}

/// The name that the certificate has to have: the host as written, whatever its address.
///
/// A host that is no name is no obstacle where names are not checked.
pub(super) fn server_name(conninfo: &ConnInfo) -> Result<ServerName<'static>, TlsError> {
    let host = conninfo.host();
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if conninfo.tls().mode < SslMode::VerifyFull => {
            Ok(ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()))
        }
        Err(_) => Err(TlsError::WrongName {
            endpoint: conninfo.endpoint(),
            host: host.to_owned(),
            presented: Vec::new(),
        }),
    }
}

/// `defaults` is the directory in which libpq looks for what is not named.
fn configured(tls: &TlsSettings, defaults: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        algorithms: provider.signature_verification_algorithms,
        trusted: trusted(tls, defaults)?,
        checks_name: tls.mode == SslMode::VerifyFull,
    };
    let verifier: Arc<dyn ServerCertVerifier> = Arc::new(verifier);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(tls))
        .map_err(|error| TlsError::Unusable { why: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity(tls, defaults)? {
        None => builder.with_no_client_auth(),
        Some(Identity { paths: (certificate, key), chain, secret }) => builder
            .with_client_auth_cert(chain, secret)
            .map_err(|error| error::unfit_identity(&error, certificate, key))?,
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = tls.sends_name;
    Ok(config)
}

fn versions(tls: &TlsSettings) -> Vec<&'static SupportedProtocolVersion> {
    let spoken =
        [(TlsVersion::V12, &rustls::version::TLS12), (TlsVersion::V13, &rustls::version::TLS13)];
    let wanted = spoken.into_iter().filter(|(v, _)| (tls.oldest..=tls.newest).contains(v));
    wanted.map(|(_, version)| version).collect()
}

/// Whose certificates count; `None` when any does.
///
/// As in libpq, a file of roots makes `require` check like `verify-ca`. A named one that is not
/// there is an error in every mode, where libpq would go on without the check.
fn trusted(tls: &TlsSettings, defaults: Option<&Path>) -> Result<Option<Trusted>, TlsError> {
    match &tls.roots {
        Roots::File(path) => return Ok(Some(files::roots(path)?)),
        Roots::System => return Ok(Some(files::system_roots()?)),
        Roots::Default if tls.mode < SslMode::Require => return Ok(None),
        Roots::Default => {}
    }
    if let Some(path) = present(defaults, "root.crt")
        .map_err(|(path, error)| TlsError::RootFile { path, why: error.to_string() })?
    {
        return Ok(Some(files::roots(&path)?));
    }
    match tls.mode {
        SslMode::VerifyFull => Ok(Some(files::system_roots()?)),
        SslMode::VerifyCa => Err(TlsError::RootsMissing),
        _ => Ok(None),
    }
}

/// What the client shows of itself, and where it is from.
struct Identity {
    paths: (PathBuf, PathBuf),
    chain: Vec<CertificateDer<'static>>,
    secret: PrivateKeyDer<'static>,
}

/// The client's certificate and key, when there is a certificate.
fn identity(tls: &TlsSettings, defaults: Option<&Path>) -> Result<Option<Identity>, TlsError> {
    let certificate = match &tls.certificate {
        Some(path) => path.clone(),
        None => {
            let found = present(defaults, "postgresql.crt");
            match found.map_err(|(path, error)| error::unreadable_certificate(path, &error))? {
                Some(path) => path,
                None => match &tls.key {
                    Some(key) => return Err(TlsError::KeyAlone { key: key.clone() }),
                    None => return Ok(None),
                },
            }
        }
    };
    let key = match (&tls.key, defaults) {
        (Some(path), _) => path.clone(),
        (None, Some(defaults)) => defaults.join("postgresql.key"),
        (None, None) => PathBuf::from("postgresql.key"),
    };
    let chain = files::certificates(&certificate)?;
    let secret = files::private_key(&key)?;
    Ok(Some(Identity { paths: (certificate, key), chain, secret }))
}

/// A file of libpq's directory, if it is there.
fn present(defaults: Option<&Path>, name: &str) -> Result<Option<PathBuf>, (PathBuf, io::Error)> {
    let Some(path) = defaults.map(|defaults| defaults.join(name)) else { return Ok(None) };
    match fs::metadata(&path) {
        Ok(_) => Ok(Some(path)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err((path, error)),
    }
}
