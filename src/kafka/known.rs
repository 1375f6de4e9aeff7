//! The options that librdkafka knows, for the nearest name of one that it does not know.

use strsim::damerau_levenshtein;

/// A producer's options, from librdkafka's CONFIGURATION.md (2.12), without those that are refused
/// whatever their value. librdkafka has no list at run time that safe code could read.
const KNOWN: &str = "acks allow.auto.create.topics api.version.fallback.ms api.version.request \
     api.version.request.timeout.ms batch.num.messages batch.size broker.address.family \
     broker.address.ttl broker.version.fallback client.dns.lookup client.id client.rack \
     compression.codec compression.level compression.type connections.max.idle.ms debug \
     delivery.timeout.ms enable.gapless.guarantee enable.idempotence enable.metrics.push \
     enable.random.seed enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification \
     https.ca.location https.ca.pem linger.ms log.connection.close log.thread.name log_level \
     max.in.flight max.in.flight.requests.per.connection message.copy.max.bytes message.max.bytes \
     message.send.max.retries message.timeout.ms metadata.max.age.ms \
     metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy partitioner \
     plugin.library.paths queue.buffering.backpressure.threshold queue.buffering.max.ms \
     receive.message.max.bytes reconnect.backoff.jitter.ms reconnect.backoff.max.ms \
     reconnect.backoff.ms request.required.acks request.timeout.ms retries retry.backoff.max.ms \
     retry.backoff.ms sasl.kerberos.keytab sasl.kerberos.kinit.cmd \
     sasl.kerberos.min.time.before.relogin sasl.kerberos.principal sasl.kerberos.service.name \
     sasl.mechanism sasl.mechanisms sasl.oauthbearer.assertion.algorithm \
     sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds \
     sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include \
     sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub \
     sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.jwt.template.file \
     sasl.oauthbearer.assertion.private.key.file \
     sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem \
     sasl.oauthbearer.client.credentials.client.id \
     sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.client.id \
     sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions \
     sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type \
     sasl.oauthbearer.method sasl.oauthbearer.scope sasl.oauthbearer.token.endpoint.url \
     sasl.password sasl.username security.protocol socket.blocking.max.ms \
     socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails \
     socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms \
     ssl.ca.certificate.stores ssl.ca.location ssl.ca.pem ssl.certificate.location \
     ssl.certificate.pem ssl.cipher.suites ssl.crl.location ssl.curves.list \
     ssl.endpoint.identification.algorithm ssl.engine.id ssl.engine.location ssl.key.location \
     ssl.key.password ssl.key.pem ssl.keystore.location ssl.keystore.password ssl.providers \
     ssl.sigalgs.list statistics.interval.ms sticky.partitioning.linger.ms topic.blacklist \
     topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt \
     topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms \
     topic.metadata.refresh.sparse";

/// The known option that `name` is most likely meant to be, if one is near enough.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    closest(name, KNOWN.split(' '))
}

/// The one of `names` that differs least from `given`, if a slip of the hand explains it.
pub(super) fn closest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase().replace(['_', '-'], ".");
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], ".");
    let measured = names.map(|name| (damerau_levenshtein(&given, &plain(name)), name));
    let (distance, name) = measured.min()?;
    (distance <= (given.len() / 3).max(2)).then_some(name)
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

    use super::*;

    #[test]
    fn every_known_option_is_one_of_librdkafka() {
        let is_known = |name: &str| {
            let made = ClientConfig::new().set(name, "no value").create_native_config();
            !matches!(
                made,
                Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..))
            )
        };
        assert!(!is_known("weather.tomorrow"));
        for name in KNOWN.split(' ') {
            assert!(is_known(name), "{name}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        assert_eq!(nearest("sasl.pasword"), Some("sasl.password"));
        assert_eq!(nearest("ssl.ca.locaton"), Some("ssl.ca.location"));
        assert_eq!(nearest("security_protocol"), Some("security.protocol"));
        assert_eq!(nearest("weather.tomorrow"), None);
    }
}
