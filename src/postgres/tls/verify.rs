//! Verifier: what of a server's certificate is checked, by `sslmode`.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::ParsedCertificate,
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

use super::names;

/// Whose certificates count.
#[derive(Debug)]
pub(super) struct Trusted {
    pub(super) store: Arc<RootCertStore>,
    /// The certificates of a file, as they are; none for the system's.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// Checks the certificate as far as asked, and the handshake's signature always: even a certificate
/// that anybody could have made must belong to whoever is on the line.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    /// `None` when any certificate will do.
    pub(super) trusted: Option<Trusted>,
    pub(super) checks_name: bool,
}

impl Trusted {
    /// Whether the server's own certificate is in the file.
    ///
    /// PostgreSQL's manual makes a self-signed one and hands it to clients as root.crt. It is marked
    /// as an authority's then, which a chain of certificates must not begin with.
    fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|known| known.as_ref() == certificate.as_ref())
    }

    fn is_of_a_file(&self) -> bool {
        !self.certificates.is_empty()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        if trusted.contains(end_entity) {
            is_valid_at(end_entity, now)?;
        } else {
            let algorithms = self.algorithms.all;
            let store = &trusted.store;
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                store,
                intermediates,
                now,
                algorithms,
            )?;
        }
        if self.checks_name
            && let Err(error) = verify_server_name(&parsed, server_name)
            // Public authorities name hosts properly.
            && !(trusted.is_of_a_file() && names::is_common_name(end_entity, server_name))
        {
            return Err(error);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, cert, dss, &self.algorithms);
        if verified.is_err() && self.trusted.is_none() {
            // A certificate that only the key matters of may be of a version that rustls does not
            // read: PostgreSQL's manual has made such ones.
            let key = public_key(cert)?;
            return verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms);
        }
        verified
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn public_key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let parsed = Certificate::from_der(certificate.as_ref());
    let key = parsed.and_then(|parsed| parsed.tbs_certificate.subject_public_key_info.to_der());
    key.map(Into::into).map_err(|_| CertificateError::BadEncoding.into())
}

fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let parsed =
        Certificate::from_der(certificate.as_ref()).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.tbs_certificate.validity;
    let (from, to) =
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    let unix = UnixTime::since_unix_epoch;
    if now.as_secs() < from.as_secs() {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: unix(from) });
    }
    if now.as_secs() > to.as_secs() {
        return Err(CertificateError::ExpiredContext { time: now, not_after: unix(to) });
    }
    Ok(())
}
