//! Secrets: planted wherever they can be given, and searched for in all that anybody can read.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::harness::{
    PASSWORD, PLAIN, Publisher, ROLE, SecureKafka, Stage, Turn, postgres, said, secure_kafka,
    toml_text,
};

/// What the test plants and no output may contain. The two that a server accepts are the run's own.
const PLANTED: [&str; 11] = [
    PASSWORD,
    PLAIN.1,
    "planted-in-the-environments-url",
    "planted-in-pgpassword",
    "planted-in-pgpass",
    "planted-in-a-password-file",
    "planted-in-options",
    "planted-in-the-environments-options",
    "planted-in-an-options-file",
    "planted-in-a-key",
    "planted-scram",
];

/// Fails when `text` holds a secret, as it is or as it goes over the wire.
#[track_caller]
fn holds_no_secret(what: &str, text: &str) {
    let found = secret_in(text);
    assert_eq!(found, None, "{what} holds a secret:\n{text}");
}

fn secret_in(text: &str) -> Option<&'static str> {
    PLANTED.into_iter().find(|secret| {
        let encoded = base64(secret.as_bytes());
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        [secret, encoded.trim_end_matches('='), &hex].iter().any(|form| text.contains(*form))
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |group: &[u8]| {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        (0..=group.len()).map(move |n| DIGITS[(bits >> (18 - 6 * n)) as usize & 63] as char)
    };
    bytes.chunks(3).flat_map(digits).collect()
}

#[test]
fn the_search_finds_a_secret_as_it_is_and_encoded() {
    assert_eq!(secret_in("password = planted-in-options."), Some("planted-in-options"));
    assert_eq!(secret_in("cGxhbnRlZC1pbi1hLWtleQ=="), Some("planted-in-a-key"));
    assert_eq!(secret_in("706c616e7465642d696e2d612d6b6579"), Some("planted-in-a-key"));
    assert_eq!(secret_in("(hidden)"), None);
}

fn write(stage: &Stage<'_>, name: &str, text: &str) -> String {
    let path = stage.directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// Secrets in every place at once, of which one each is used.
fn plant(stage: &Stage<'_>) {
    stage.over_tcp(stage.postgres.port);
    stage.set_environment("PGPASSWORD", "planted-in-pgpassword");
    write(stage, ".pgpass", "*:*:*:*:planted-in-pgpass\n");
    let file = write(stage, "kafka-secret", "planted-in-an-options-file\n");
    stage.set(
        "kafka.options",
        "{ 'security.protocol' = 'SASL_SSL', 'sasl.mechanisms' = 'PLAIN', 'debug' = 'all',
           'sasl.username' = 'shop', 'sasl.password' = 'planted-in-options',
           'sasl.oauthbearer.client.secret' = 'planted-in-options',
           'sasl.oauthbearer.config' = 'principal=planted-in-options',
           'ssl.key.password' = 'planted-in-options' }"
            .replace('\n', "")
            .as_str(),
    );
    let file = format!("{{ 'sasl.oauthbearer.assertion.private.key.passphrase' = '{file}' }}");
    stage.set("kafka.options_files", &file);
    stage.set_environment(
        "POSTRIDER_KAFKA__OPTIONS",
        "{ 'ssl.key.pem' = 'planted-in-a-key', \
           'ssl.keystore.password' = 'planted-in-the-environments-options' }",
    );
}

/// All that a command says.
#[track_caller]
fn says_no_secret(command: Command) -> i32 {
    let what = format!("{:?}", command.get_args());
    let said = said(command);
    holds_no_secret(&what, &said.out);
    holds_no_secret(&what, &said.err);
    assert!(!said.out.is_empty() || !said.err.is_empty(), "{what} says nothing");
    said.code
}

#[test]
fn no_command_prints_a_secret_that_it_was_given() {
    let stage = Stage::new();
    plant(&stage);
    for arguments in [
        &["settings"] as &[_],
        &["settings", "--json"],
        &["settings", "--example"],
        &["init", "--print"],
        &["init", "--print", "--create-table"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        assert_eq!(says_no_secret(stage.command(arguments)), 0, "{arguments:?}");
    }
    // A password in the URL is allowed in the environment alone.
    let with_url = |arguments: &[&str]| {
        let mut command = stage.command(arguments);
        let port = stage.postgres.port;
        let url = format!("postgres://{ROLE}:planted-in-the-environments-url@127.0.0.1:{port}/x");
        command.env("POSTRIDER_POSTGRES__URL", url);
        command
    };
    for arguments in [&["settings"] as &[_], &["settings", "--json"], &["init", "--print"]] {
        assert_eq!(says_no_secret(with_url(arguments)), 0, "{arguments:?}");
    }
    assert_eq!(says_no_secret(with_url(&["init"])), 77, "a wrong password in the URL");
    assert_eq!(says_no_secret(with_url(&["run"])), 78, "a key that is none");
}

#[test]
fn no_refusal_repeats_the_secret_beside_the_mistake() {
    let stage = Stage::new();
    for options in [
        "{ 'sasl.password' = 'planted-in-options'",
        "{ 'sasl.password' = 'planted-in-options' } }",
        "{ 'sasl.password' = ['planted-in-options'] }",
        "'sasl.password=planted-in-options'",
        "{ 'sasl.pasword' = 'planted-in-options' }",
        "{ 'sasl.jaas.config' = 'x required password=\"planted-in-options\";' }",
        "{ 'sasl.password' = 'planted-in-options', 'linger.ms' = 'planted-in-options' }",
        "{ 'security.protocol' = 'SSL', 'ssl.key.pem' = 'planted-in-a-key' }",
        "{ 'security.protocol' = 'SSL', 'ssl.key.password' = 'planted-in-options',
           'ssl.certificate.pem' = 'planted-in-a-key' }",
    ] {
        let options = options.replace('\n', "");
        for by_file in [true, false] {
            stage.set("kafka.options", if by_file { &options } else { "{}" });
            let mut command = stage.command(&["run", "--exit-on-fault"]);
            if !by_file {
                command.env("POSTRIDER_KAFKA__OPTIONS", &options);
            }
            says_no_secret(command);
        }
    }
    stage.set("kafka.options", "{}");
    for url in [
        "postgres://shop:planted-in-the-environments-url@db:port/shop",
        "postgres://shop:planted-in-the-environments-url@db/shop?sslmode=perhaps",
        "host=db password=planted-in-the-environments-url sslmod=x",
        "host=db password='planted-in-the-environments-url",
    ] {
        let mut command = stage.command(&["run"]);
        command.env("POSTRIDER_POSTGRES__URL", url);
        assert_eq!(says_no_secret(command), 78, "{url}");
    }
    let mut command = stage.command(&["settings"]);
    command.env("POSTRIDER_POSTGRES__PASSWORD", "planted-in-pgpassword");
    assert_eq!(says_no_secret(command), 78);
}

#[test]
fn a_wrong_password_of_postgresql_is_told_without_it_wherever_it_comes_from() {
    let stage = Stage::new();
    stage.over_tcp(stage.postgres.port);
    for trial in ["environment", "file", "pgpass"] {
        let file = stage.directory.join("secret");
        match trial {
            "environment" => stage.set_environment("PGPASSWORD", "planted-in-pgpassword"),
            "file" => {
                let file = write(&stage, "secret", "planted-in-a-password-file\n");
                stage.set("postgres.password_file", &toml_text(&file));
            }
            _ => {
                fs::write(&file, "").unwrap();
                write(&stage, ".pgpass", "*:*:*:*:planted-in-pgpass\n");
            }
        }
        for arguments in [&["init"] as &[_], &["run"]] {
            let code = says_no_secret(stage.command(arguments));
            assert!([77, 78].contains(&code), "{trial} {arguments:?}: {code}");
        }
    }
}

/// Everything of a running publisher that somebody else can read.
#[track_caller]
fn shows_no_secret(publisher: &Publisher) {
    for page in ["/metrics", "/livez", "/readyz", "/"] {
        let (_, text) = publisher.get(page).expect("it answers");
        holds_no_secret(page, &text);
    }
    holds_no_secret("the arguments", &publisher.arguments());
}

fn log_in(stage: &Stage<'_>, kafka: &SecureKafka, way: &str, user: &str, password: &str) {
    let authority = kafka.authority().display().to_string();
    let file = write(stage, "kafka-password", password);
    stage.set(
        "kafka.options",
        &format!(
            "{{ 'security.protocol' = 'SASL_SSL', 'ssl.ca.location' = '{authority}', \
             'sasl.mechanisms' = '{way}', 'sasl.username' = '{user}', 'debug' = 'all', \
             'ssl.key.password' = 'planted-in-options' }}"
        ),
    );
    stage.set("kafka.options_files", &format!("{{ 'sasl.password' = '{file}' }}"));
    kafka.by_password(stage);
}

/// A publisher with right and with wrong passwords, everything logged.
fn logs_no_secret(format: &str, way: &str) {
    let turn = Turn::light();
    let kafka = secure_kafka();
    let stage = Stage::on(postgres(), &kafka.node, turn).with_orders();
    stage.over_tcp(stage.postgres.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    stage.set("log.level", "'trace'");
    stage.set("log.format", &toml_text(format));
    let (user, password) = match way {
        "PLAIN" => PLAIN,
        _ => {
            kafka.scram(&stage.name, "planted-scram");
            (stage.name.as_str(), "planted-scram")
        }
    };
    log_in(&stage, kafka, way, user, password);
    assert_eq!(says_no_secret(stage.command(&["init"])), 0);
    let publisher = stage.run();
    stage.sql().run(&stage.insert("one", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);
    shows_no_secret(&publisher);
    assert_eq!(publisher.terminate(), 0);
    let log = publisher.log();
    holds_no_secret("the log", &log);
    assert!(log.contains("librdkafka") && log.contains("sasl.mechanisms = "), "no diary:\n{log}");

    log_in(&stage, kafka, way, user, "planted-in-an-options-file");
    let publisher = stage.start(&[]);
    publisher.allow("does not accept our user and password");
    publisher.holds("does not accept our user and password");
    shows_no_secret(&publisher);
    assert_eq!(publisher.terminate(), 0);
    holds_no_secret("the log of a failing start", &publisher.log());
}

#[test]
fn a_text_log_at_trace_with_librdkafkas_diary_holds_no_secret() {
    logs_no_secret("text", "PLAIN");
}

#[test]
fn a_json_log_at_trace_with_librdkafkas_diary_holds_no_secret() {
    logs_no_secret("json", "SCRAM-SHA-512");
}
