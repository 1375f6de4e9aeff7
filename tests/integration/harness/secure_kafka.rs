//! A Kafka node that asks for TLS, passwords and certificates, each on a port of its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    certificates::{Authority, Identity},
    kafka::{Kafka, Listener},
    process,
    stage::Stage,
};

/// Who may log in by PLAIN, and with what. Fixed when the node starts.
pub const PLAIN: (&str, &str) = ("shop", "plain-tiger-7");

/// A node whose plain port is for the checker alone.
pub struct SecureKafka {
    pub node: Kafka,
    authority: Authority,
    /// SASL_SSL with SCRAM-SHA-512 and PLAIN.
    sasl: u16,
    /// The same; a connection has to show its password again every two seconds.
    impatient: u16,
    /// SSL; the client shows a certificate.
    mutual: u16,
    /// SSL; the broker's certificate is for another name.
    misnamed: u16,
}

impl SecureKafka {
    /// Makes certificates, formats a directory and starts a node in it.
    pub fn start_new() -> SecureKafka {
        let directory = process::directory("secure-kafka");
        let authority = Authority::new(&directory, "the tests' authority");
        let broker = authority.server("broker", &["127.0.0.1"]);
        let elsewhere = authority.server("elsewhere", &["elsewhere.example"]);
        let ports = [(); 4].map(|()| process::free_port());
        let [sasl, impatient, mutual, misnamed] = ports;
        let listener = |name, protocol, port| Listener { name, protocol, port };
        let listeners = [
            listener("PASSWORD", "SASL_SSL", sasl),
            listener("IMPATIENT", "SASL_SSL", impatient),
            listener("MUTUAL", "SSL", mutual),
            listener("MISNAMED", "SSL", misnamed),
        ];
        let trusted = authority.certificate();
        let mut properties = String::new();
        for name in ["password", "impatient"] {
            properties.push_str(&identity(name, &broker, &trusted));
            properties.push_str(&passwords(name));
        }
        properties.push_str("listener.name.impatient.connections.max.reauth.ms=2000\n");
        properties.push_str(&identity("mutual", &broker, &trusted));
        properties.push_str("listener.name.mutual.ssl.client.auth=required\n");
        properties.push_str(&identity("misnamed", &elsewhere, &trusted));
        let node = Kafka::start_with(directory, &listeners, &properties, &[]);
        SecureKafka { node, authority, sasl, impatient, mutual, misnamed }
    }

    /// Leads `stage` to the listener that asks for a password.
    pub fn by_password(&self, stage: &Stage<'_>) {
        self.lead(stage, self.sasl);
    }

    /// Leads `stage` to the listener that asks for the password again and again.
    pub fn by_password_again_and_again(&self, stage: &Stage<'_>) {
        self.lead(stage, self.impatient);
    }

    /// Leads `stage` to the listener that asks for a certificate.
    pub fn by_certificate(&self, stage: &Stage<'_>) {
        self.lead(stage, self.mutual);
    }

    /// Leads `stage` to the listener whose certificate is for another name.
    pub fn by_another_name(&self, stage: &Stage<'_>) {
        self.lead(stage, self.misnamed);
    }

    /// The certificate of the authority that signed the broker's.
    pub fn authority(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// A certificate that the node knows nothing of but its authority.
    pub fn client(&self, name: &str) -> Identity {
        self.authority.client(name)
    }

    /// Gives `user` this password for SCRAM-SHA-512, in place of an earlier one.
    pub fn scram(&self, user: &str, password: &str) {
        let add = format!("SCRAM-SHA-512=[password={password}]");
        self.node.administer(
            "kafka.admin.ConfigCommand",
            &["--alter", "--add-config", &add, "--entity-type", "users", "--entity-name", user],
        );
    }

    fn lead(&self, stage: &Stage<'_>, port: u16) {
        stage.set("kafka.brokers", &super::toml_text(&format!("127.0.0.1:{port}")));
    }
}

/// The listener's own certificate, and whom it trusts. Kafka wants key and certificate in one file.
fn identity(listener: &str, identity: &Identity, trusted: &Path) -> String {
    let both = identity.certificate.with_extension("both.pem");
    let read = |path| fs::read_to_string(path).unwrap();
    fs::write(&both, read(&identity.key) + &read(&identity.certificate)).unwrap();
    let name = format!("listener.name.{listener}.ssl");
    format!(
        "{name}.keystore.type=PEM\n{name}.keystore.location={}\n\
         {name}.truststore.type=PEM\n{name}.truststore.location={}\n",
        both.display(),
        trusted.display()
    )
}

fn passwords(listener: &str) -> String {
    let name = format!("listener.name.{listener}");
    let module = "org.apache.kafka.common.security";
    let (user, password) = PLAIN;
    format!(
        "{name}.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN\n\
         {name}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;\n\
         {name}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required \
         user_{user}=\"{password}\";\n"
    )
}
