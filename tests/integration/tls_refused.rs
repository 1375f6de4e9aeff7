//! TLS to PostgreSQL that cannot be had as asked: one sentence, and the parameter that mends it.

use std::{fs, os::unix::fs::PermissionsExt};

use postrider::{
    fault::{Fault, FaultKind},
    postgres::{Config, ReplicationConnection},
};

use crate::harness::{
    Imposter, PASSWORD, PATIENCE, ROLE, Says, Secured, Stage, Turn, eventually, kafka, secured,
};

/// What the stream's own login says. In `run` the SQL connection always comes first.
fn stream_refused(stage: &Stage<'_>, role: &str, parameters: &str) -> Fault {
    let (port, name) = (stage.postgres.port, &stage.name);
    let address = format!(
        "host=localhost port={port} user={role} dbname={name} password='{PASSWORD}' {parameters}"
    );
    let config = Config {
        conninfo: address.parse().unwrap(),
        password_file: None,
        slot: name.clone(),
        publication: name.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(ReplicationConnection::connect(&config)) {
        Ok(_) => panic!("{role} is let in with {parameters}"),
        Err(error) => error.fault(),
    }
}

/// Both connections are refused with `code`, a sentence with `words` and a hint with `hint`.
#[track_caller]
fn refused(
    stage: &Stage<'_>,
    role: &str,
    parameters: &str,
    (code, words): (i32, &str),
    hint: &str,
) {
    stage.comes_as(role, parameters);
    let said = stage.says(&["run"]);
    said.refuses(code, &[words]);
    assert!(said.err.contains(hint), "{hint:?} is not hinted at for {parameters}: {said:?}");
    let fault = stream_refused(stage, role, parameters);
    assert_eq!(i32::from(fault.kind.exit_code()), code, "{parameters}: {fault:?}");
    assert!(fault.sentence.contains(words), "{parameters}: {fault:?}");
    assert!(fault.hint.contains(hint), "{parameters}: {fault:?}");
}

#[test]
fn a_server_that_cannot_be_trusted_is_refused() {
    let (server, stage) = (secured(), secured().stage());
    let stranger = format!("sslrootcert={}", server.stranger.certificate().display());
    let trust = server.trust();
    let issuer = "its issuer is not among the root certificates";
    for mode in ["allow", "prefer", "require", "verify-ca", "verify-full"] {
        // `allow` gets as far as TLS with this role.
        let parameters = format!("sslmode={mode} {stranger}");
        refused(&stage, "encrypted", &parameters, (78, issuer), "sslrootcert");
    }
    let wrong = "host=wrong.example hostaddr=127.0.0.1";
    refused(
        &stage,
        ROLE,
        &format!("sslmode=verify-full {trust} {wrong}"),
        (78, "is not for \"wrong.example\"; it is for localhost, 127.0.0.1"),
        "subjectAltName",
    );
    let none = "verify-ca needs root certificates";
    refused(&stage, ROLE, "sslmode=verify-ca", (78, none), "sslrootcert");
    let missing = "sslmode=require sslrootcert=/nowhere/ca.pem";
    refused(&stage, ROLE, missing, (78, "/nowhere/ca.pem cannot be used"), "sslrootcert");
}

#[test]
fn a_certificate_of_x509_s_first_version_is_met_and_not_verified() {
    let turn = Turn::heavy();
    let server = Secured::start_new(&[]);
    let stage = Stage::on(&server.postgres, kafka(), turn).with_orders();
    stage.set_environment("PGPASSWORD", PASSWORD);
    server.shows(&server.authority.server_of_version_1("old"));
    for parameters in ["", "sslmode=require channel_binding=require"] {
        stage.comes(parameters);
        let publisher = stage.run();
        assert_eq!(stage.seen(&publisher, "ssl"), ["true", "true"], "{parameters}");
        assert_eq!(publisher.terminate(), 0);
    }
    let verify = format!("sslmode=verify-ca {}", server.trust());
    refused(&stage, ROLE, &verify, (78, "X.509 version 1"), "sslrootcert");
}

#[test]
fn a_client_that_is_not_who_the_server_wants_is_refused() {
    let (server, stage) = (secured(), secured().stage());
    let strange = server.stranger.client("certified").parameters();
    let other = server.authority.client("somebody").parameters();
    let require = "sslmode=require";
    for version in ["TLSv1.2", "TLSv1.3"] {
        let parameters = format!("{require} ssl_max_protocol_version={version} {strange}");
        let words = "does not accept the client certificate: it does not trust its issuer";
        refused(&stage, "certified", &parameters, (77, words), "sslcert");
    }
    let other = format!("{require} {other}");
    refused(&stage, "certified", &other, (77, "does not admit \"certified\""), "sslcert");
    refused(&stage, "certified", require, (77, "requires a valid client certificate"), "sslcert");
    refused(&stage, "shown", require, (77, "requires a valid client certificate"), "sslcert");
    // Of two refusals the one over TLS is told.
    refused(&stage, "certified", "", (77, "requires a valid client certificate"), "sslcert");
}

#[test]
fn a_client_certificate_that_cannot_be_used_is_named() {
    let (server, stage) = (secured(), secured().stage());
    let (mine, other) = (server.authority.client("mine"), server.authority.client("other"));
    let certificate = format!("sslmode=require sslcert={}", mine.certificate.display());
    let mismatched = format!("{certificate} sslkey={}", other.key.display());
    refused(&stage, ROLE, &mismatched, (78, "is not that of the certificate"), "sslkey");
    fs::set_permissions(&mine.key, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = format!("{certificate} sslkey={}", mine.key.display());
    refused(&stage, ROLE, &exposed, (78, "can be read by others"), "chmod 600");
    let missing = format!("{certificate} sslkey=/nowhere/key");
    refused(&stage, ROLE, &missing, (78, "/nowhere/key cannot be used"), "sslkey");
}

#[test]
fn a_way_that_pg_hba_conf_does_not_have_is_named_with_sslmode() {
    let stage = secured().stage();
    refused(
        &stage,
        "encrypted",
        "sslmode=disable",
        (77, "does not admit \"encrypted\""),
        "sslmode",
    );
    refused(&stage, "open", "sslmode=require", (77, "does not admit \"open\""), "hostssl");
}

#[test]
fn a_channel_that_must_be_bound_and_is_not_is_refused() {
    let stage = secured().stage();
    for role in ["trusting", "digest", "cleartext"] {
        let parameters = "sslmode=require channel_binding=require";
        refused(&stage, role, parameters, (78, "binds no channel"), "channel_binding");
        stage.comes_as(role, "sslmode=require channel_binding=prefer");
        let publisher = stage.run();
        assert_eq!(publisher.terminate(), 0);
    }
    let socket = stage.postgres.socket().display();
    stage.comes(&format!("host={socket} channel_binding=require"));
    stage.says(&["run"]).refuses(78, &["channel_binding", "unix socket"]);
    stage.comes("sslmode=disable channel_binding=require");
    stage.says(&["run"]).refuses(78, &["channel_binding", "sslmode=disable"]);

    let without_tls = Stage::new().with_orders();
    without_tls.set_environment("PGPASSWORD", PASSWORD);
    for mode in ["allow", "prefer", "require"] {
        let parameters = format!("sslmode={mode} channel_binding=require");
        refused(&without_tls, ROLE, &parameters, (78, "offers no TLS"), "sslmode");
    }
}

#[test]
fn a_wrong_password_is_not_tried_again_in_the_open() {
    let stage = secured().stage();
    stage.set_environment("PGPASSWORD", "guessed wrong");
    stage.comes("sslmode=prefer");
    let said = stage.says(&["init"]);
    said.refuses(77, &["password authentication failed"]);
    assert!(!said.err.contains("guessed"), "{said:?}");
    let log = fs::read_to_string(stage.postgres.socket().join("log")).unwrap();
    // Where the open is the only way, the password is what is told.
    stage.comes_as("open", "sslmode=prefer");
    stage.says(&["init"]).refuses(77, &["password authentication failed", "\"open\""]);
    let refusal = format!("password authentication failed for user \"{ROLE}\"");
    assert_eq!(log.matches(&refusal).count(), 1, "{log}");
}

#[test]
fn a_way_to_log_in_that_is_not_known_is_named_and_a_password_is_said_once() {
    let stage = Stage::new();
    // SASL with a mechanism of the future.
    let sasl = Imposter::that(Says::InTheOpen(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-512\0\0"));
    let to = |imposter: &Imposter| format!("host=127.0.0.1 port={} sslmode=disable", imposter.port);
    stage.set_environment("PGPASSWORD", PASSWORD);
    stage.comes(&to(&sasl));
    stage.says(&["run"]).refuses(77, &["unsupported SASL mechanism"]);
    let fault = stream_refused(&stage, ROLE, &to(&sasl));
    assert_eq!(fault.kind, FaultKind::Rights);
    assert!(fault.sentence.contains("SCRAM-SHA-512 is not supported"), "{fault}");

    let asks_twice = b"R\0\0\0\x08\0\0\0\x03R\0\0\0\x08\0\0\0\x03";
    let imposter = Imposter::that(Says::InTheOpen(asks_twice));
    let fault = stream_refused(&stage, ROLE, &to(&imposter));
    assert_eq!(fault.kind, FaultKind::Protocol, "{fault}");
    let heard = eventually("the connection has ended", PATIENCE, || imposter.heard().pop());
    let said = heard.windows(PASSWORD.len()).filter(|bytes| *bytes == PASSWORD.as_bytes());
    assert_eq!(said.count(), 1);
}

/// AuthenticationOk and ReadyForQuery, as they might be slipped in before TLS.
const LET_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const STUFFED: &[u8] = b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const STUFFED_REFUSAL: &[u8] = b"NR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
const ERROR: &[u8] = b"E\0\0\0\x22SFATAL\0C57P03\0Mrun curl evil|sh\0\0";

#[test]
fn what_is_no_answer_to_a_request_for_tls_is_told_apart_and_nothing_is_said_in_the_open() {
    let stage = Stage::new();
    for (says, mode, code, words) in [
        (Says::AtOnce(b"N"), "require", 78, "offers no TLS"),
        (Says::AtOnce(b"N"), "verify-full", 78, "offers no TLS"),
        (Says::AtOnce(STUFFED), "require", 76, "is not TLS"),
        (Says::AtOnce(STUFFED), "prefer", 76, "is not TLS"),
        (Says::AtOnce(STUFFED_REFUSAL), "prefer", 76, "is not TLS"),
        (Says::InHandshake(LET_IN), "require", 76, "is not TLS"),
        (Says::InHandshake(LET_IN), "prefer", 76, "is not TLS"),
        // A handshake that fails is no reason to go on without.
        (Says::InHandshake(b"\x15\x03\x03\0\x02\x02\x28"), "prefer", 78, "speaks no TLS that we"),
        (Says::AtOnce(ERROR), "require", 69, "answered with an error"),
        (Says::AtOnce(ERROR), "prefer", 69, "answered with an error"),
        (Says::AtOnce(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "prefer", 69, "as PostgreSQL does"),
        (Says::Nothing, "prefer", 69, "closed the connection when asked for TLS"),
        (Says::Silence, "prefer", 69, "no answer within 1 s"),
        (Says::InHandshake(b""), "prefer", 69, "no answer within 1 s"),
    ] {
        let imposter = Imposter::that(says);
        stage.comes(&format!(
            "host=127.0.0.1 port={} sslmode={mode} connect_timeout=1",
            imposter.port
        ));
        let said = stage.says(&["init"]);
        said.refuses(code, &[words]);
        assert!(!said.err.contains("curl evil"), "an unknown server's words: {said:?}");
        let heard = eventually("the connection has ended", PATIENCE, || {
            Some(imposter.heard()).filter(|heard| !heard.is_empty())
        });
        assert_eq!(heard.len(), 1, "{says:?} with {mode} is tried again: {heard:?}");
        let mut windows = heard[0].windows(ROLE.len());
        assert!(!windows.any(|bytes| bytes == ROLE.as_bytes()), "{says:?} with {mode}: {heard:?}");
    }
}
