//! The files of TLS: authorities, the client's certificate and its key, PEM all of them.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};

use super::{TlsError, verify::Trusted};

/// Group and others have no business with a key; a group may read one that belongs to root, since
/// that is how it is handed to a service. libpq's rule.
const NOT_OF_OWNER: u32 = 0o077;
const NOT_OF_GROUP_OF_ROOT: u32 = 0o037;

/// The authorities in a file.
pub(super) fn roots(path: &Path) -> Result<Trusted, TlsError> {
    let wrong = |why: String| TlsError::RootFile { path: path.to_owned(), why };
    let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = pem_certificates(&bytes).map_err(wrong)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(Trusted { store: store.into(), certificates })
}

/// The authorities that the system trusts.
pub(super) fn system_roots() -> Result<Trusted, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Some systems carry a certificate or two that nobody can read; the others count.
    store.add_parsable_certificates(found.certs);
    match store.is_empty() {
        true => Err(TlsError::NoSystemRoots),
        false => Ok(Trusted { store: store.into(), certificates: Vec::new() }),
    }
}

/// The client's certificate and those of its issuers.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |why: String| TlsError::CertificateFile { path: path.to_owned(), why };
    let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    pem_certificates(&bytes).map_err(wrong)
}

/// The client's key, if nobody else can read it.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = |why: String| TlsError::KeyFile { path: path.to_owned(), why };
    let metadata = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !metadata.is_file() {
        return Err(wrong("it is not a plain file".into()));
    }
    if is_exposed(metadata.mode(), metadata.uid()) {
        return Err(TlsError::KeyExposed { path: PathBuf::from(path) });
    }
    let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    if is_encrypted(&bytes) {
        return Err(TlsError::KeyEncrypted { path: PathBuf::from(path) });
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong("it holds no private key in PEM".into()),
        _ => wrong("its PEM cannot be read".into()),
    })
}

fn is_exposed(mode: u32, owner: u32) -> bool {
    let forbidden = if owner == 0 { NOT_OF_GROUP_OF_ROOT } else { NOT_OF_OWNER };
    mode & forbidden != 0
}

/// Both ways in which PEM says so: PKCS #8's label, and the older header.
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.lines().any(|line| {
        line.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY")
            || (line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    })
}

fn pem_certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err("it holds no certificate in PEM".to_owned())
        }
        Ok(certificates) => Ok(certificates),
        Err(_) => Err("its PEM cannot be read".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_owner_and_one_of_root_for_a_group_to_read() {
        for (mode, owner, exposed) in [
            (0o100600, 1000, false),
            (0o100400, 1000, false),
            (0o100640, 1000, true),
            (0o100604, 1000, true),
            (0o100610, 1000, true),
            (0o100600, 0, false),
            (0o100640, 0, false),
            (0o100660, 0, true),
            (0o100650, 0, true),
            (0o100644, 0, true),
        ] {
            assert_eq!(is_exposed(mode, owner), exposed, "{mode:o} of {owner}");
        }
    }
}
