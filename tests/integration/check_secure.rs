//! `postrider check`: what protects the ways to PostgreSQL and Kafka, good and bad.

use std::fs;

use crate::harness::{PLAIN, ROLE, Stage, Turn, postgres, preflight, secure_kafka, secured};

#[test]
fn the_way_to_postgresql_is_encrypted_or_it_is_said_that_it_is_not() {
    let (server, stage) = (secured(), secured().stage());
    stage.comes_as(ROLE, &format!("sslmode=verify-full {}", server.trust()));
    let check = preflight(&stage, &["--topic", &stage.topic_name("orders")]);
    assert_eq!(check.code, 0);
    check.shows("encryption", "ok", "encrypted, TLSv1.3");
    check.shows("replication", "ok", "may log in and replicate");
    stage.comes_as(ROLE, "sslmode=disable");
    preflight(&stage, &["--topic", "t"]).shows("encryption", "ok", "stays on this machine");
}

#[test]
fn over_a_network_the_certificate_and_its_name_are_checked_or_it_is_said_that_they_are_not() {
    let (server, stage) = (secured(), secured().stage());
    for (mode, state, part) in [
        ("sslmode=verify-full", "ok", "encrypted, TLSv1.3"),
        ("sslmode=verify-ca", "warning", "certificate or name is not checked"),
        ("sslmode=require", "warning", "certificate or name is not checked"),
        ("sslmode=disable", "warning", "to 0.0.0.0 is not encrypted"),
    ] {
        // The kernel takes it to this machine, and nobody would know by the address.
        stage.comes_as(ROLE, &format!("{mode} hostaddr=0.0.0.0 {}", server.trust()));
        let hint = preflight(&stage, &["--topic", "t"]).shows("encryption", state, part);
        assert_eq!(hint.contains("sslmode=verify-full"), state != "ok", "{hint}");
    }
}

/// A stage that logs in to the secure node with `password`, and with this option beside.
fn stage_with(password: &str, (name, value): (&str, &str)) -> Stage<'static> {
    let turn = Turn::light();
    let kafka = secure_kafka();
    let stage = Stage::on(postgres(), &kafka.node, turn).with_orders();
    let file = stage.directory.join("kafka-password").display().to_string();
    fs::write(&file, password).unwrap();
    stage.set("kafka.options_files", &format!("{{ 'sasl.password' = '{file}' }}"));
    stage.set(
        "kafka.options",
        &format!(
            "{{ 'security.protocol' = 'SASL_SSL', 'ssl.ca.location' = '{}', 'sasl.mechanisms' = \
             'PLAIN', 'sasl.username' = '{}', '{name}' = '{value}' }}",
            kafka.authority().display(),
            PLAIN.0
        ),
    );
    kafka.by_password(&stage);
    stage
}

#[test]
fn the_way_to_kafka_is_encrypted_and_verified_or_it_is_said_that_it_is_not() {
    for (option, state, part) in [
        (("client.id", "x"), "ok", "encrypted and certificates are verified"),
        (("enable.ssl.certificate.verification", "false"), "warning", "are not verified"),
        (("ssl.endpoint.identification.algorithm", "none"), "warning", "hosts are not compared"),
    ] {
        let stage = stage_with(PLAIN.1, option);
        let topic = stage.topic_name("orders");
        let check = preflight(&stage, &["--topic", &topic]);
        check.shows("kafka_encryption", state, part);
        check.shows("topic", "ok", &topic);
        check.shows("cleanup_policy", "ok", "delete");
        assert_eq!(check.code, 0);
    }
}

#[test]
fn a_kafka_that_does_not_let_us_in_is_told_with_its_remedy() {
    let stage = stage_with("guessed wrong", ("client.id", "x"));
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 77);
    check.shows("brokers", "fault", "does not accept our user and password");

    let stage = stage_with(PLAIN.1, ("client.id", "x"));
    secure_kafka().by_another_name(&stage);
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 69);
    check.shows("brokers", "fault", "certificate");

    let stage = stage_with(PLAIN.1, ("client.id", "x"));
    stage.set("kafka.options", "{}");
    stage.set("kafka.options_files", "{}");
    let check = preflight(&stage, &[]);
    assert_eq!(check.code, 69);
    check.shows("brokers", "fault", "a port does that speaks TLS");
}
