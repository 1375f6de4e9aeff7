//! tls-server-end-point (RFC 5929): the hash by which a password's proof is bound to a certificate.

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::{
    Certificate,
    der::{
        Decode, Reader, TagNumber,
        asn1::{AnyRef, ContextSpecific},
        oid::db::rfc5912 as oid,
    },
    spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef, ObjectIdentifier},
};

/// The one that the list of names lacks.
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// A hash that a signature can use, SHA-256 also in place of the broken ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of the certificate, by the algorithm that its signature uses.
///
/// `None` for a signature that has none, such as Ed25519's: the RFC binds no channel then, and
/// neither does libpq.
pub(in crate::postgres) fn endpoint_hash(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let bytes = certificate.as_ref();
    let parsed = Certificate::from_der(bytes).ok()?;
    Some(match hash_of_signature(&parsed.signature_algorithm)? {
        Hash::Sha224 => Sha224::digest(bytes).to_vec(),
        Hash::Sha256 => Sha256::digest(bytes).to_vec(),
        Hash::Sha384 => Sha384::digest(bytes).to_vec(),
        Hash::Sha512 => Sha512::digest(bytes).to_vec(),
    })
}

fn hash_of_signature(algorithm: &AlgorithmIdentifierOwned) -> Option<Hash> {
    match algorithm.oid {
        oid::MD_5_WITH_RSA_ENCRYPTION
        | oid::SHA_1_WITH_RSA_ENCRYPTION
        | oid::DSA_WITH_SHA_1
        | ECDSA_WITH_SHA_1
        | oid::SHA_256_WITH_RSA_ENCRYPTION
        | oid::DSA_WITH_SHA_256
        | oid::ECDSA_WITH_SHA_256 => Some(Hash::Sha256),
        oid::SHA_224_WITH_RSA_ENCRYPTION | oid::DSA_WITH_SHA_224 | oid::ECDSA_WITH_SHA_224 => {
            Some(Hash::Sha224)
        }
        oid::SHA_384_WITH_RSA_ENCRYPTION | oid::ECDSA_WITH_SHA_384 => Some(Hash::Sha384),
        oid::SHA_512_WITH_RSA_ENCRYPTION | oid::ECDSA_WITH_SHA_512 => Some(Hash::Sha512),
        // This one says in its parameters which hash it uses.
        oid::ID_RSASSA_PSS => match &algorithm.parameters {
            Some(parameters) => hash_of_pss(AnyRef::from(parameters)),
            None => Some(Hash::Sha256),
        },
        _ => None,
    }
}

/// The first of RSASSA-PSS's parameters; SHA-1 where it is left out.
fn hash_of_pss(parameters: AnyRef<'_>) -> Option<Hash> {
    let named: Option<ObjectIdentifier> = parameters
        .sequence(|reader| {
            let first = ContextSpecific::<AlgorithmIdentifierRef<'_>>::decode_explicit(
                reader,
                TagNumber::N0,
            )?;
            // The mask and the salt do not matter here.
            reader.read_slice(reader.remaining_len())?;
            Ok(first.map(|first| first.value.oid))
        })
        .ok()?;
    match named {
        None | Some(oid::ID_MD_5 | oid::ID_SHA_1 | oid::ID_SHA_256) => Some(Hash::Sha256),
        Some(oid::ID_SHA_224) => Some(Hash::Sha224),
        Some(oid::ID_SHA_384) => Some(Hash::Sha384),
        Some(oid::ID_SHA_512) => Some(Hash::Sha512),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn each_signature_has_its_hash() {
        for (name, der, hash) in [
            ("ecdsa-with-SHA256", "300a06082a8648ce3d040302", Some(Hash::Sha256)),
            ("ecdsa-with-SHA384", "300a06082a8648ce3d040303", Some(Hash::Sha384)),
            ("ecdsa-with-SHA512", "300a06082a8648ce3d040304", Some(Hash::Sha512)),
            ("ecdsa-with-SHA1", "300906072a8648ce3d0401", Some(Hash::Sha256)),
            ("md5WithRSA", "300d06092a864886f70d0101040500", Some(Hash::Sha256)),
            ("sha1WithRSA", "300d06092a864886f70d0101050500", Some(Hash::Sha256)),
            ("sha224WithRSA", "300d06092a864886f70d01010e0500", Some(Hash::Sha224)),
            ("sha256WithRSA", "300d06092a864886f70d01010b0500", Some(Hash::Sha256)),
            ("sha384WithRSA", "300d06092a864886f70d01010c0500", Some(Hash::Sha384)),
            ("sha512WithRSA", "300d06092a864886f70d01010d0500", Some(Hash::Sha512)),
            ("Ed25519", "300506032b6570", None),
            ("PSS, all by default", "300d06092a864886f70d01010a3000", Some(Hash::Sha256)),
            (
                "PSS with SHA-512, MGF1 with SHA-512 and a salt of 64",
                "304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a0609\
                 2a864886f70d010108300d06096086480165030402030500a203020140",
                Some(Hash::Sha512),
            ),
            (
                "PSS with SHA-384",
                "301e06092a864886f70d01010a3011a00f300d06096086480165030402020500",
                Some(Hash::Sha384),
            ),
        ] {
            let der = bytes(&der.replace(' ', ""));
            let algorithm = AlgorithmIdentifierOwned::from_der(&der)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(hash_of_signature(&algorithm), hash, "{name}");
        }
    }

    #[test]
    fn what_is_no_certificate_binds_nothing() {
        assert_eq!(endpoint_hash(&CertificateDer::from(vec![0x30, 0])), None);
    }
}
