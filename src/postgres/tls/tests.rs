//! Which certificates are accepted in which mode, and what is said of files that cannot be used.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{CertificateError, Error as Rustls, pki_types::UnixTime};

use super::*;
use crate::fault::FaultKind;

/// A directory that goes away with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = env::temp_dir().join(format!("postrider-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate and its key.
struct Made {
    pem: String,
    der: CertificateDer<'static>,
    key: String,
}

fn authority(name: &str) -> (Made, Issuer<'static, KeyPair>) {
    let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let made = params.self_signed(&key).unwrap();
    let made = Made { pem: made.pem(), der: made.der().clone(), key: key.serialize_pem() };
    (made, Issuer::new(params, key))
}

/// A certificate for `hosts`, signed by `issuer`, with the common name `name`.
fn signed(
    issuer: &Issuer<'_, KeyPair>,
    name: &str,
    hosts: &[&str],
    change: fn(&mut CertificateParams),
) -> Made {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::new(hosts).unwrap());
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    change(&mut params);
    let made = params.signed_by(&key, issuer).unwrap();
    Made { pem: made.pem(), der: made.der().clone(), key: key.serialize_pem() }
}

fn settings(text: &str) -> TlsSettings {
    let conninfo: ConnInfo = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    conninfo.tls().clone()
}

/// What the mode, with these roots, says of a certificate that `host` shows.
fn verdict(
    mode: &str,
    roots: Option<&Path>,
    certificate: &CertificateDer<'_>,
    host: &str,
) -> Result<(), Rustls> {
    let mut text = format!("user=u sslmode={mode}");
    if let Some(roots) = roots {
        text += &format!(" sslrootcert={}", roots.display());
    }
    let tls = settings(&text);
    let verifier = Verifier {
        algorithms: ring::default_provider().signature_verification_algorithms,
        trusted: trusted(&tls, None).unwrap(),
        checks_name: tls.mode == SslMode::VerifyFull,
    };
    let name = ServerName::try_from(host.to_owned()).unwrap();
    verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).map(drop)
}

fn is_wrong_name(verdict: &Result<(), Rustls>) -> bool {
    matches!(
        verdict,
        Err(Rustls::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))
    )
}

fn is_untrusted(verdict: &Result<(), Rustls>) -> bool {
    matches!(verdict, Err(Rustls::InvalidCertificate(CertificateError::UnknownIssuer)))
}

#[test]
fn each_mode_checks_what_its_name_says() {
    let directory = Directory::new("modes");
    let (ca, issuer) = authority("ours");
    let (_, stranger) = authority("theirs");
    let roots = directory.file("ca.pem", &ca.pem);
    let good = signed(&issuer, "cn", &["db.example", "10.0.0.7"], |_| {}).der;
    let bad = signed(&stranger, "cn", &["db.example"], |_| {}).der;

    assert_eq!(verdict("require", None, &bad, "db.example"), Ok(()));
    for mode in ["allow", "prefer", "require", "verify-ca", "verify-full"] {
        assert_eq!(verdict(mode, Some(&roots), &good, "db.example"), Ok(()), "{mode}");
        assert!(is_untrusted(&verdict(mode, Some(&roots), &bad, "db.example")), "{mode}");
    }
    assert_eq!(verdict("verify-full", Some(&roots), &good, "10.0.0.7"), Ok(()));
    for host in ["other.example", "10.0.0.8"] {
        assert_eq!(verdict("verify-ca", Some(&roots), &good, host), Ok(()), "{host}");
        assert!(is_wrong_name(&verdict("verify-full", Some(&roots), &good, host)), "{host}");
    }
}

#[test]
fn a_certificate_out_of_its_time_is_refused_in_its_own_words() {
    let directory = Directory::new("times");
    let (ca, issuer) = authority("ours");
    let roots = directory.file("ca.pem", &ca.pem);
    let old = signed(&issuer, "cn", &["db"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early =
        signed(&issuer, "cn", &["db"], |params| params.not_before = date_time_ymd(4000, 1, 1));
    for (certificate, words) in [(&old.der, "expired "), (&early.der, "is not valid before")] {
        assert_eq!(verdict("require", None, certificate, "db"), Ok(()));
        let error = verdict("verify-ca", Some(&roots), certificate, "db").unwrap_err();
        let conninfo: ConnInfo = "user=u host=db".parse().unwrap();
        let error = TlsError::from_handshake(&error, conninfo.endpoint(), "db");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.kind(), FaultKind::Settings);
    }
}

#[test]
fn a_self_signed_certificate_is_trusted_when_it_is_the_file_of_roots() {
    let directory = Directory::new("pinned");
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "db.example");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let roots = directory.file("server.crt", &own.pem());
    assert_eq!(verdict("verify-full", Some(&roots), own.der(), "db.example"), Ok(()));
    assert!(is_wrong_name(&verdict("verify-full", Some(&roots), own.der(), "db")));

    params.not_after = date_time_ymd(2020, 1, 1);
    let expired = params.self_signed(&key).unwrap();
    let roots = directory.file("expired.crt", &expired.pem());
    let verdict = verdict("verify-ca", Some(&roots), expired.der(), "db.example");
    assert!(
        matches!(verdict, Err(Rustls::InvalidCertificate(CertificateError::ExpiredContext { .. }))),
        "{verdict:?}"
    );
}

#[test]
fn a_common_name_counts_only_without_other_names() {
    let directory = Directory::new("common");
    let (ca, issuer) = authority("ours");
    let roots = directory.file("ca.pem", &ca.pem);
    let bare = signed(&issuer, "db.example", &[], |_| {}).der;
    assert_eq!(verdict("verify-full", Some(&roots), &bare, "db.example"), Ok(()));
    assert!(is_wrong_name(&verdict("verify-full", Some(&roots), &bare, "db.example.org")));
    let address = signed(&issuer, "10.0.0.7", &[], |_| {}).der;
    assert_eq!(verdict("verify-full", Some(&roots), &address, "10.0.0.7"), Ok(()));
    let pattern = signed(&issuer, "*.0.0.7", &[], |_| {}).der;
    assert!(is_wrong_name(&verdict("verify-full", Some(&roots), &pattern, "10.0.0.7")));
    let named = signed(&issuer, "db.example", &["other"], |_| {}).der;
    assert!(is_wrong_name(&verdict("verify-full", Some(&roots), &named, "db.example")));
}

#[test]
fn the_files_that_libpq_looks_for_are_found() {
    let directory = Directory::new("defaults");
    let (ca, issuer) = authority("ours");
    let here = Some(directory.0.as_path());
    let verifies = |text: &str| trusted(&settings(text), here).map(|found| found.is_some());
    assert_eq!(verifies("user=u sslmode=require").ok(), Some(false));
    let missing = verifies("user=u sslmode=verify-ca").unwrap_err();
    assert!(matches!(missing, TlsError::RootsMissing), "{missing}");

    directory.file("root.crt", &ca.pem);
    for (mode, expected) in
        [("allow", false), ("prefer", false), ("require", true), ("verify-ca", true)]
    {
        let found = verifies(&format!("user=u sslmode={mode}"));
        assert_eq!(found.ok(), Some(expected), "{mode}");
    }

    assert!(identity(&settings("user=u"), here).unwrap().is_none());
    let client = signed(&issuer, "u", &[], |_| {});
    directory.file("postgresql.crt", &client.pem);
    let fault = identity(&settings("user=u"), here).err().expect("the key is missing");
    assert!(fault.to_string().contains("postgresql.key"), "{fault}");
    directory.file("postgresql.key", &client.key);
    assert!(identity(&settings("user=u"), here).unwrap().is_some());
    assert!(configured(&settings("user=u"), here).is_ok());
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_parameter() {
    let directory = Directory::new("files");
    let (_, issuer) = authority("ours");
    let (pair, other) = (signed(&issuer, "u", &[], |_| {}), signed(&issuer, "v", &[], |_| {}));
    let file = |name: &str, text: &str| directory.file(name, text).display().to_string();
    let certificate = file("good.crt", &pair.pem);
    let key = file("good.key", &pair.key);
    let exposed = file("exposed.key", &pair.key);
    fs::set_permissions(&exposed, Permissions::from_mode(0o644)).unwrap();
    let encrypted = pair.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    let with = |certificate: &str, key: &str| format!("sslcert={certificate} sslkey={key}");
    for (text, sentence, hint) in [
        (
            "sslrootcert=/nowhere/ca.pem".into(),
            "/nowhere/ca.pem cannot be used: No such",
            "sslroot",
        ),
        (format!("sslrootcert={}", file("der", "0\u{1}")), "no certificate in PEM", "sslrootcert"),
        (
            format!("sslrootcert={}", file("cut", &pair.pem[..200])),
            "its PEM cannot be read",
            "sslrootcert",
        ),
        (format!("sslrootcert={}", directory.0.display()), "Is a directory", "sslrootcert"),
        (with("/nowhere/c.crt", &key), "/nowhere/c.crt cannot be used: No such", "sslcert"),
        (with(&key, &key), "no certificate in PEM", "sslcert"),
        (with(&certificate, "/nowhere/k.key"), "/nowhere/k.key cannot be used: No such", "sslkey"),
        (with(&certificate, &certificate), "no private key in PEM", "sslkey"),
        (with(&certificate, "/dev/null"), "not a plain file", "sslkey"),
        (with(&certificate, &exposed), "can be read by others", "chmod 600"),
        (with(&certificate, &file("encrypted.key", &encrypted)), "is encrypted", "openssl pkey"),
        (with(&certificate, &file("old.key", old)), "is encrypted", "openssl pkey"),
        (with(&certificate, &file("other.key", &other.key)), "is not that of", "one pair"),
        (format!("sslkey={key}"), "has no certificate", "sslcert"),
    ] {
        let tls = settings(&format!("user=u sslmode=require {text}"));
        let error = configured(&tls, None).err().unwrap_or_else(|| panic!("{text} is accepted"));
        assert!(error.to_string().contains(sentence), "{text}: {error}");
        assert!(error.hint().contains(hint), "{text}: {}", error.hint());
        assert_eq!(error.kind(), FaultKind::Settings, "{text}");
    }
    let good = settings(&format!("user=u sslmode=require {}", with(&certificate, &key)));
    assert!(configured(&good, None).is_ok());
}

#[test]
fn a_host_that_is_no_name_is_an_obstacle_only_where_names_are_checked() {
    let conninfo = |text: &str| text.parse::<ConnInfo>().unwrap();
    let odd = "user=u hostaddr=10.0.0.7 host='-odd-.' sslmode=";
    assert!(server_name(&conninfo(&format!("{odd}require"))).is_ok());
    let error = server_name(&conninfo(&format!("{odd}verify-full"))).unwrap_err();
    assert!(error.to_string().contains("-odd-."), "{error}");
    // Whatever the address, the certificate is for the host.
    let name = server_name(&conninfo("user=u host=db.example hostaddr=10.0.0.7")).unwrap();
    assert_eq!(name.to_str(), "db.example");
}
