//! Kafka behind TLS, passwords and certificates: events arrive, and what keeps us out is named.

use std::fs;

use crate::harness::{
    Authority, Identity, PLAIN, Publisher, SecureKafka, Stage, Turn, postgres, secure_kafka,
};

/// A stage on the node with secure listeners, which the checker reads by the plain one.
fn stage() -> (Stage<'static>, &'static SecureKafka) {
    let turn = Turn::light();
    let kafka = secure_kafka();
    (Stage::on(postgres(), &kafka.node, turn).with_orders(), kafka)
}

fn set_options(stage: &Stage<'_>, name: &str, pairs: &[(&str, &str)]) {
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("'{key}' = '{value}'")).collect();
    stage.set(name, &format!("{{ {} }}", pairs.join(", ")));
}

/// Logs in as `user` with the password in a file, which is returned.
fn log_in(stage: &Stage<'_>, kafka: &SecureKafka, way: &str, user: &str, password: &str) -> String {
    let file = stage.directory.join("kafka-password").display().to_string();
    fs::write(&file, format!("{password}\n")).unwrap();
    let authority = kafka.authority().display().to_string();
    let options = [
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", &authority),
        ("sasl.mechanisms", way),
        ("sasl.username", user),
    ];
    set_options(stage, "kafka.options", &options);
    set_options(stage, "kafka.options_files", &[("sasl.password", &file)]);
    kafka.by_password(stage);
    file
}

/// Shows a certificate, and trusts whoever `authority` is.
fn show(stage: &Stage<'_>, authority: &std::path::Path, identity: &Identity) {
    let path = |path: &std::path::Path| path.display().to_string();
    let options = [
        ("security.protocol", "SSL"),
        ("ssl.ca.location", &path(authority)),
        ("ssl.certificate.location", &path(&identity.certificate)),
        ("ssl.key.location", &path(&identity.key)),
    ];
    set_options(stage, "kafka.options", &options);
}

/// A hundred events of ten keys arrive, in order.
#[track_caller]
fn events_pass(stage: &Stage<'_>) {
    let publisher = stage.run();
    let events =
        (0..100).map(|n| stage.insert(&format!("{n:03}"), &format!("'k{}'", n % 10), "'{}'"));
    stage.sql().run(&events.collect::<String>());
    let count = stage.rows().len();
    stage.records_when(&publisher, count);
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn events_pass_with_scram_over_tls() {
    let (stage, kafka) = stage();
    kafka.scram(&stage.name, "scram-tiger");
    log_in(&stage, kafka, "SCRAM-SHA-512", &stage.name, "scram-tiger");
    // Topics are made by a client of its own, which has to log in as well.
    stage.set("kafka.create_topics", "true");
    stage.watch(&stage.topic_name("made"));
    let made = stage.insert("made", "'k'", "'{}'");
    stage.sql().run(&made.replace(&stage.aggregate("orders"), &stage.aggregate("made")));
    events_pass(&stage);
}

#[test]
fn events_pass_with_a_plain_password_over_tls() {
    let (stage, kafka) = stage();
    log_in(&stage, kafka, "PLAIN", PLAIN.0, PLAIN.1);
    events_pass(&stage);
}

#[test]
fn events_pass_with_a_client_certificate() {
    let (stage, kafka) = stage();
    show(&stage, &kafka.authority(), &kafka.client(&stage.name));
    kafka.by_certificate(&stage);
    events_pass(&stage);
}

/// Kafka does not let the publisher in: it says why on `/readyz`, in the metric and once in the
/// log, lives on, and what was written meanwhile arrives once `mend` has set it right.
#[track_caller]
fn kept_out(stage: &Stage<'_>, sentence: &str, option: &str, kind: &str, mend: impl FnOnce()) {
    let publisher = stage.start(&[]);
    publisher.allow(sentence).allow_warnings();
    let told = publisher.holds(sentence);
    let hint = told.split_once("\nhint: ").expect("a hint").1;
    assert!(hint.contains(option), "{option} is not in the hint: {hint}");
    publisher.eventually("the metric shows it", || {
        (publisher.metric("postrider_fault", kind)? == 1.0).then_some(())
    });
    stage.sql().run(&stage.insert("meanwhile", "'k'", "'{}'"));
    // librdkafka tries several times a second.
    publisher.eventually("the event waits for Kafka", || {
        (publisher.metric("postrider_oldest_unacknowledged_seconds", "")? > 2.0).then_some(())
    });
    assert_eq!(publisher.get("/livez").map(|(status, _)| status), Some(200));
    let log = publisher.log();
    assert_eq!(log.lines().filter(|line| line.contains(" ERROR ")).count(), 1, "{log}");
    assert_eq!(publisher.terminate(), 0);

    mend();
    let publisher = stage.run();
    stage.records_when(&publisher, 1);
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_wrong_password_is_named_and_nothing_is_lost() {
    let (stage, kafka) = stage();
    let file = log_in(&stage, kafka, "PLAIN", PLAIN.0, "wrong");
    kept_out(&stage, "does not accept our user and password", "sasl.password", "rights", || {
        fs::write(file, PLAIN.1).unwrap();
    });
}

#[test]
fn a_mechanism_that_the_broker_lacks_is_named() {
    let (stage, kafka) = stage();
    log_in(&stage, kafka, "SCRAM-SHA-256", PLAIN.0, PLAIN.1);
    kept_out(&stage, "does not offer our way to log in", "sasl.mechanisms", "rights", || {
        log_in(&stage, kafka, "PLAIN", PLAIN.0, PLAIN.1);
    });
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_and_named() {
    let (stage, kafka) = stage();
    let me = kafka.client(&stage.name);
    show(&stage, &Authority::new(&stage.directory, "a stranger").certificate(), &me);
    kafka.by_certificate(&stage);
    kept_out(&stage, "no authority we know has signed it", "ssl.ca.location", "kafka", || {
        show(&stage, &kafka.authority(), &me);
    });
}

#[test]
fn a_certificate_for_another_name_is_refused_and_named() {
    let (stage, kafka) = stage();
    show(&stage, &kafka.authority(), &kafka.client(&stage.name));
    kafka.by_another_name(&stage);
    let sentence = "shows a certificate for elsewhere.example, and not for that name";
    kept_out(&stage, sentence, "[kafka] brokers", "kafka", || kafka.by_certificate(&stage));
}

#[test]
fn a_client_without_a_certificate_is_told_what_to_set() {
    let (stage, kafka) = stage();
    let authority = kafka.authority().display().to_string();
    let options = [("security.protocol", "SSL"), ("ssl.ca.location", &authority)];
    set_options(&stage, "kafka.options", &options);
    kafka.by_certificate(&stage);
    let sentence = "does not accept our certificate, or misses one";
    kept_out(&stage, sentence, "ssl.certificate.location", "rights", || {
        show(&stage, &kafka.authority(), &kafka.client(&stage.name));
    });
}

#[test]
fn a_port_that_speaks_tls_to_a_client_that_does_not_is_named() {
    let (stage, kafka) = stage();
    kafka.by_certificate(&stage);
    kept_out(&stage, "as a port does that speaks TLS", "security.protocol", "kafka", || {
        show(&stage, &kafka.authority(), &kafka.client(&stage.name));
    });
}

#[test]
fn a_port_that_asks_for_a_password_of_a_client_that_has_none_is_named() {
    let (stage, kafka) = stage();
    show(&stage, &kafka.authority(), &kafka.client(&stage.name));
    kafka.by_password(&stage);
    kept_out(&stage, "as a port does that asks for a password", "sasl.mechanisms", "kafka", || {
        log_in(&stage, kafka, "PLAIN", PLAIN.0, PLAIN.1);
    });
}

#[test]
fn a_port_that_does_not_speak_tls_is_named() {
    let (stage, kafka) = stage();
    let authority = kafka.authority().display().to_string();
    let options = [("security.protocol", "SSL"), ("ssl.ca.location", &authority)];
    set_options(&stage, "kafka.options", &options);
    kept_out(&stage, "does not speak TLS", "security.protocol", "kafka", || {
        stage.set("kafka.options", "{}");
    });
}

#[test]
fn a_wrong_password_ends_the_process_with_77_when_asked_to() {
    let (stage, kafka) = stage();
    log_in(&stage, kafka, "PLAIN", PLAIN.0, "wrong-guess");
    let said = stage.run_and_leave();
    said.refuses(77, &["does not accept our user and password"]);
    assert!(!said.err.contains("wrong-guess"), "the password is told: {said:?}");
}

#[test]
fn tls_without_verification_is_allowed_and_warned_of() {
    let (stage, kafka) = stage();
    let me = kafka.client(&stage.name);
    let (certificate, key) = (me.certificate.display().to_string(), me.key.display().to_string());
    let authority = kafka.authority().display().to_string();
    let unnamed = [
        ("security.protocol", "SSL"),
        ("ssl.ca.location", &authority),
        ("ssl.endpoint.identification.algorithm", "none"),
    ];
    let blind = [
        ("security.protocol", "SSL"),
        ("ssl.certificate.location", &certificate),
        ("ssl.key.location", &key),
        ("enable.ssl.certificate.verification", "false"),
    ];
    for (number, options) in [&unnamed as &[_], &blind].into_iter().enumerate() {
        let (weak, _) = options[options.len() - 1];
        set_options(&stage, "kafka.options", options);
        kafka.by_another_name(&stage);
        let publisher = stage.run();
        publisher.allow(weak);
        stage.sql().run(&stage.insert(&format!("{number}"), "'k'", "'{}'"));
        stage.records_when(&publisher, number + 1);
        let log = publisher.log();
        let warned = |line: &&str| line.contains(" WARN ") && line.contains(weak);
        assert_eq!(log.lines().filter(warned).count(), 1, "{log}");
        assert_eq!(publisher.terminate(), 0);
    }
}

/// Events go on arriving after a change that shut the publisher out and was then made known.
#[track_caller]
fn recovers(stage: &Stage<'_>, publisher: &Publisher, before: usize) {
    publisher.ready();
    stage.sql().run(&stage.insert("after", "'k'", "'{}'"));
    stage.records_when(publisher, before + 2);
    stage.confirmed();
    stage.check(stage.rows(), Vec::new());
    assert_eq!(publisher.metric("postrider_fault", ""), Some(0.0));
    assert_eq!(publisher.terminate(), 0);
}

/// A password is changed at the broker and then in the file, while the publisher runs.
fn a_password_is_rotated(stall_timeout: &str) {
    let (stage, kafka) = stage();
    kafka.scram(&stage.name, "old-tiger");
    let file = log_in(&stage, kafka, "SCRAM-SHA-512", &stage.name, "old-tiger");
    kafka.by_password_again_and_again(&stage);
    stage.set("kafka.stall_timeout", stall_timeout);
    let publisher = stage.run();
    publisher.allow_warnings().allow("does not accept our user and password");
    stage.sql().run(&stage.insert("before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);

    kafka.scram(&stage.name, "new-tiger");
    publisher.holds("does not accept our user and password");
    stage.sql().run(&stage.insert("meanwhile", "'k'", "'{}'"));
    publisher.eventually("the event has waited for longer than three seconds", || {
        (publisher.metric("postrider_oldest_unacknowledged_seconds", "")? > 3.0).then_some(())
    });
    fs::write(file, "new-tiger\n").unwrap();
    recovers(&stage, &publisher, 1);
}

#[test]
fn a_rotated_password_is_picked_up_from_its_file_without_a_restart() {
    a_password_is_rotated("'30s'");
}

#[test]
fn a_rotated_password_is_picked_up_also_when_postgresql_was_let_go_meanwhile() {
    a_password_is_rotated("'1s'");
}

#[test]
fn a_client_certificate_that_is_renewed_in_its_file_is_picked_up() {
    let (stage, kafka) = stage();
    let unknown = Authority::new(&stage.directory, "a stranger").client(&stage.name);
    show(&stage, &kafka.authority(), &unknown);
    kafka.by_certificate(&stage);
    let publisher = stage.start(&[]);
    publisher.allow_warnings().allow("does not accept our certificate");
    publisher.holds("does not accept our certificate");
    stage.sql().run(&stage.insert("meanwhile", "'k'", "'{}'"));
    let renewed = kafka.client(&format!("{}-renewed", stage.name));
    fs::copy(&renewed.key, &unknown.key).unwrap();
    fs::copy(&renewed.certificate, &unknown.certificate).unwrap();
    recovers(&stage, &publisher, 0);
}
