//! The common name of a certificate that has no other names, which libpq still goes by.

use rustls::pki_types::{CertificateDer, ServerName};
use x509_cert::{
    Certificate,
    der::{
        Decode, Encode,
        asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef},
        oid::ObjectIdentifier,
    },
};

/// subjectAltName and the subject's CN.
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Whether the certificate has no subjectAltName and a common name that is `server_name`.
///
/// The certificates of PostgreSQL's manual are made that way.
pub(super) fn is_common_name(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
) -> bool {
    let Ok(parsed) = Certificate::from_der(certificate.as_ref()) else { return false };
    let extensions = parsed.tbs_certificate.extensions.unwrap_or_default();
    if extensions.iter().any(|extension| extension.extn_id == SUBJECT_ALT_NAME) {
        return false;
    }
    let names = parsed.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let common: Vec<String> = names
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .filter_map(|attribute| text(&attribute.value.to_der().ok()?))
        .collect();
    // Of several it is anybody's guess which one is meant.
    match (common.as_slice(), server_name) {
        ([name], ServerName::DnsName(host)) => matches(name, host.as_ref()),
        ([name], ServerName::IpAddress(_)) => *name == server_name.to_str(),
        _ => false,
    }
}

fn text(der: &[u8]) -> Option<String> {
    let utf8 = Utf8StringRef::from_der(der).map(|text| text.as_str().to_owned());
    let printable = || PrintableStringRef::from_der(der).map(|text| text.as_str().to_owned());
    let teletex = || TeletexStringRef::from_der(der).map(|text| text.as_str().to_owned());
    utf8.or_else(|_| printable()).or_else(|_| teletex()).ok()
}

/// `*.` stands for one label and no more.
fn matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return !pattern.contains('\0');
    }
    let (Some(suffix), Some((label, rest))) = (pattern.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    !label.is_empty() && suffix.contains('.') && suffix.eq_ignore_ascii_case(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_a_name_or_a_pattern_for_one_label() {
        for (pattern, host, matching) in [
            ("db.example", "db.example", true),
            ("DB.Example", "db.example", true),
            ("db.example", "db.example.org", false),
            ("*.shop.example", "db.shop.example", true),
            ("*.shop.example", "a.db.shop.example", false),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", ".shop.example", false),
            ("*.example", "db.example", false),
            ("*", "db", false),
            ("", "db", false),
        ] {
            assert_eq!(matches(pattern, host), matching, "{pattern} {host}");
        }
    }
}
