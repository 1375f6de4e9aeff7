//! Examination: what is wrong with a broker's certificate.
//!
//! librdkafka only says that it cannot be verified. So the broker is asked for it once more, by
//! rustls, which tells a wrong name from a wrong authority. Nothing is sent on that connection, and
//! nothing but a sentence depends on it: librdkafka alone decides whom to trust.

use std::{
    cell::OnceCell,
    net::{TcpStream, ToSocketAddrs},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::fault::{Fault, FaultKind};

/// How long the broker may take for each step.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authorities {
    /// The system's authorities.
    System,
    /// A PEM file.
    File(PathBuf),
    /// PEM text.
    Text(String),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is for other names than the one in `[kafka] brokers`, or that the broker goes by.
    Name(Vec<String>),
    /// No authority that is trusted has signed it.
    Authority,
    /// Its time is over, or has not come.
    Time,
}

/// One question under way.
pub(crate) struct Examination {
    answer: Receiver<Option<Flaw>>,
    found: OnceCell<Option<Flaw>>,
}

impl Examination {
    /// Asks `broker`, `host:port`, on a thread of its own.
    pub(crate) fn start(broker: &str, authorities: Authorities) -> Examination {
        let (sender, answer) = sync_channel(1);
        let broker = broker.to_owned();
        let spawned = std::thread::Builder::new().name("certificate".into()).spawn(move || {
            let _ = sender.send(examine(&broker, &authorities));
        });
        if let Err(error) = spawned {
            tracing::debug!(%error, "cannot start a thread to look at a certificate");
        }
        Examination { answer, found: OnceCell::new() }
    }

    /// What was found: nothing yet, or no flaw that could be named, or a flaw.
    pub(crate) fn flaw(&self) -> Option<Option<&Flaw>> {
        if self.found.get().is_none() {
            match self.answer.try_recv() {
                Ok(flaw) => self.found.set(flaw).ok()?,
                Err(TryRecvError::Disconnected) => self.found.set(None).ok()?,
                Err(TryRecvError::Empty) => return None,
            }
        }
        self.found.get().map(Option::as_ref)
    }
}

impl Flaw {
    /// What a person needs to hear about the certificate of `broker`.
    pub(crate) fn fault(&self, broker: &str) -> Fault {
        let (what, hint) = match self {
            Flaw::Name(names) => {
                let names = match names.as_slice() {
                    [] => "other names".to_owned(),
                    names => names.join(", "),
                };
                (
                    format!("shows a certificate for {names}, and not for that name"),
                    "name the broker in [kafka] brokers (and in its advertised.listeners) as its \
                     certificate does, or give the broker a certificate with that name",
                )
            }
            Flaw::Authority => (
                "shows a certificate that is not trusted: no authority we know has signed it"
                    .to_owned(),
                "set ssl.ca.location of [kafka] options to the certificate of the broker's \
                 authority",
            ),
            Flaw::Time => (
                "shows a certificate that is out of date or not valid yet".to_owned(),
                "renew the broker's certificate, or correct this machine's clock",
            ),
        };
        Fault::new(FaultKind::Kafka, format!("Kafka at {broker} {what}"), hint)
    }
}

fn examine(broker: &str, authorities: &Authorities) -> Option<Flaw> {
    let (host, _) = broker.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots(authorities)?)
        .with_no_client_auth();
    let name = ServerName::try_from(host).ok()?;
    let mut tls = ClientConnection::new(Arc::new(config), name).ok()?;
    let address = broker.to_socket_addrs().ok()?.next()?;
    let mut tcp = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    tcp.set_read_timeout(Some(PATIENCE)).ok()?;
    tcp.set_write_timeout(Some(PATIENCE)).ok()?;
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut tcp) {
            return flaw_of(error.get_ref()?.downcast_ref::<Error>()?);
        }
    }
    None
}

fn flaw_of(error: &Error) -> Option<Flaw> {
    use CertificateError as Wrong;
    let Error::InvalidCertificate(wrong) = error else { return None };
    match wrong {
        Wrong::NotValidForNameContext { presented, .. } => {
            Some(Flaw::Name(presented.iter().map(|name| plain(name)).collect()))
        }
        Wrong::NotValidForName => Some(Flaw::Name(Vec::new())),
        Wrong::Expired
        | Wrong::ExpiredContext { .. }
        | Wrong::NotValidYet
        | Wrong::NotValidYetContext { .. } => Some(Flaw::Time),
        Wrong::UnknownIssuer | Wrong::BadSignature => Some(Flaw::Authority),
        _ => None,
    }
}

/// `kafka.example` of `DnsName("kafka.example")`.
fn plain(name: &str) -> String {
    let inside = name.split_once('(').map_or(name, |(_, rest)| rest);
    inside.trim_end_matches(')').trim_matches('"').to_owned()
}

fn roots(authorities: &Authorities) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates: Vec<CertificateDer<'static>> = match authorities {
        Authorities::System => rustls_native_certs::load_native_certs().certs,
        Authorities::File(path) => {
            CertificateDer::pem_file_iter(path).ok()?.filter_map(Result::ok).collect()
        }
        Authorities::Text(text) => {
            CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok).collect()
        }
    };
    roots.add_parsable_certificates(certificates);
    Some(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_is_told_with_the_broker_and_the_names_that_the_certificate_has() {
        let flaw = flaw_of(&Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("kafka.example").unwrap(),
            presented: vec!["DnsName(\"elsewhere.example\")".to_owned()],
        }));
        let fault = flaw.expect("a wrong name").fault("kafka.example:9093");
        assert!(fault.sentence.contains("kafka.example:9093"), "{fault}");
        assert!(fault.sentence.contains("a certificate for elsewhere.example, "), "{fault}");
    }

    #[test]
    fn a_broker_that_does_not_answer_has_no_flaw_that_could_be_named() {
        assert_eq!(examine("127.0.0.1:1", &Authorities::Text(String::new())), None);
        assert_eq!(examine("nonsense", &Authorities::Text(String::new())), None);
    }
}
