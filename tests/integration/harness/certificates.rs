//! Certificates of the tests' own authority, for servers and clients that speak TLS.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SigningKey,
};
use x509_cert::{
    Certificate, Version,
    der::{Decode, Encode, asn1::BitString},
};

/// An authority that signs what it is asked to. Its certificate is `ca.pem` in its directory.
pub struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM files both. The key is readable by its owner alone.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority named `name` that keeps its files in `directory`.
    pub fn new(directory: &Path, name: &str) -> Authority {
        Authority::with_key(directory, name, KeyPair::generate().unwrap())
    }

    /// The same, but what it signs is signed with SHA-384 instead of SHA-256.
    pub fn with_longer_hash(directory: &Path, name: &str) -> Authority {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        Authority::with_key(directory, name, key)
    }

    fn with_key(directory: &Path, name: &str, key: KeyPair) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).unwrap();
        let directory = directory.to_owned();
        fs::write(directory.join("ca.pem"), certificate.pem()).unwrap();
        Authority { directory, issuer: Issuer::new(params, key) }
    }

    /// The authority's certificate, to be trusted by whoever meets its servers or clients.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A server's identity for these host names and addresses, in files that begin with `name`.
    pub fn server(&self, name: &str, hosts: &[&str]) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.sign(name, CertificateParams::new(hosts).unwrap())
    }

    /// The same, but the certificate has expired.
    pub fn expired_server(&self, name: &str, hosts: &[&str]) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(name, params)
    }

    /// A server's identity of X.509's first version, as `openssl x509 -req` makes it: no names but
    /// the common one.
    pub fn server_of_version_1(&self, name: &str) -> Identity {
        let identity = self.server(name, &[]);
        let text = fs::read_to_string(&identity.certificate).unwrap();
        let mut certificate = Certificate::from_der(pem::parse(text).unwrap().contents()).unwrap();
        certificate.tbs_certificate.version = Version::V1;
        certificate.tbs_certificate.extensions = None;
        let signed = certificate.tbs_certificate.to_der().unwrap();
        let signature = self.issuer.key().sign(&signed).unwrap();
        certificate.signature = BitString::from_bytes(&signature).unwrap();
        let pem = pem::Pem::new("CERTIFICATE", certificate.to_der().unwrap());
        fs::write(&identity.certificate, pem::encode(&pem)).unwrap();
        identity
    }

    /// A client's identity whose common name is `name`.
    pub fn client(&self, name: &str) -> Identity {
        self.sign(name, CertificateParams::default())
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Identity {
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let identity = Identity {
            certificate: self.directory.join(format!("{name}.pem")),
            key: self.directory.join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, certificate.pem()).unwrap();
        fs::write(&identity.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&identity.key, fs::Permissions::from_mode(0o600)).unwrap();
        identity
    }
}
