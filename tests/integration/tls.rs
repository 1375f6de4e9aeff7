//! TLS to PostgreSQL: the stream and the SQL connection speak it as the connection string asks.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    harness::{Proxy, ROLE, Stage, Turn, kafka, secured},
    network::cut_under_load,
};

/// Runs a publisher until an event came through and returns pg_stat_ssl's `column`.
#[track_caller]
fn seen(stage: &Stage<'_>, id: &str, column: &str) -> [String; 2] {
    let publisher = stage.run();
    let seen = stage.seen(&publisher, column);
    let before = stage.topics.count(&stage.topic_name("orders"));
    stage.sql().run(&stage.insert(id, "'k'", "'{}'"));
    stage.records_when(&publisher, usize::try_from(before).unwrap() + 1);
    assert_eq!(publisher.terminate(), 0);
    seen
}

#[test]
fn every_sslmode_does_what_libpq_does() {
    let (server, stage) = (secured(), secured().stage());
    let trust = server.trust();
    for (parameters, role, expected) in [
        ("sslmode=disable", ROLE, "false"),
        ("sslmode=allow", ROLE, "false"),
        ("sslmode=allow", "encrypted", "true"),
        ("sslmode=prefer", ROLE, "true"),
        ("sslmode=prefer", "open", "false"),
        ("", ROLE, "true"),
        ("sslmode=require", ROLE, "true"),
        (&format!("sslmode=require {trust}"), ROLE, "true"),
        (&format!("sslmode=verify-ca {trust}"), ROLE, "true"),
        (&format!("sslmode=verify-full {trust}"), ROLE, "true"),
    ] {
        stage.comes_as(role, parameters);
        let seen = seen(&stage, &format!("{role} {parameters}"), "ssl");
        assert_eq!(seen, [expected, expected], "{role} with {parameters}");
    }
}

#[test]
fn a_server_without_tls_is_met_in_the_open_unless_tls_is_required() {
    let stage = Stage::new().with_orders();
    stage.set_environment("PGPASSWORD", crate::harness::PASSWORD);
    for parameters in ["", "sslmode=prefer", "sslmode=allow", "sslmode=disable"] {
        stage.comes(parameters);
        assert_eq!(seen(&stage, &format!("x{parameters}"), "ssl"), ["false", "false"]);
    }
    stage.comes("sslmode=require");
    let said = stage.says(&["run"]);
    said.refuses(78, &["offers no TLS"]);
    assert!(said.err.contains("sslmode=disable"), "{said:?}");
}

#[test]
fn the_log_says_whether_tls_is_in_use() {
    let stage = secured().stage();
    for (parameters, words) in [("", "tls=\"TLSv1.3\""), ("sslmode=disable", "tls=\"none\"")] {
        stage.comes(parameters);
        let publisher = stage.run();
        assert!(publisher.log().contains(words), "{}", publisher.log());
        assert_eq!(publisher.terminate(), 0);
    }
}

#[test]
fn the_host_s_address_is_a_name_too_and_hostaddr_is_none() {
    let (server, stage) = (secured(), secured().stage());
    let full = format!("sslmode=verify-full {}", server.trust());
    for place in ["host=127.0.0.1", "host=localhost hostaddr=127.0.0.1"] {
        stage.comes(&format!("{full} {place}"));
        assert_eq!(seen(&stage, place, "ssl"), ["true", "true"], "{place}");
    }
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let stage = secured().stage();
    for (parameter, version) in [("max", "TLSv1.2"), ("min", "TLSv1.3")] {
        stage.comes(&format!("sslmode=require ssl_{parameter}_protocol_version={version}"));
        assert_eq!(seen(&stage, version, "version"), [version, version]);
    }
}

#[test]
fn the_channel_is_bound_where_the_server_offers_it() {
    let stage = secured().stage();
    for parameters in [
        "sslmode=require channel_binding=require",
        "channel_binding=require",
        "sslmode=allow channel_binding=require",
        "sslmode=require channel_binding=require ssl_max_protocol_version=TLSv1.2",
        "sslmode=require channel_binding=disable",
    ] {
        stage.comes(parameters);
        assert_eq!(seen(&stage, parameters, "ssl"), ["true", "true"], "{parameters}");
    }
}

#[test]
fn a_client_certificate_lets_a_role_in() {
    let (server, stage) = (secured(), secured().stage());
    let certified = server.authority.client("certified").parameters();
    stage.comes_as("certified", &format!("sslmode=verify-full {} {certified}", server.trust()));
    stage.set_environment("PGPASSWORD", "");
    assert_eq!(seen(&stage, "certified", "client_dn"), ["/CN=certified", "/CN=certified"]);
}

#[test]
fn what_is_not_named_is_found_where_libpq_looks() {
    let (server, stage) = (secured(), secured().stage());
    let home = stage.directory.join(".postgresql");
    fs::create_dir(&home).unwrap();
    let client = server.authority.client("shown");
    fs::copy(&client.certificate, home.join("postgresql.crt")).unwrap();
    fs::copy(&client.key, home.join("postgresql.key")).unwrap();
    fs::set_permissions(home.join("postgresql.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(server.authority.certificate(), home.join("root.crt")).unwrap();
    stage.comes_as("shown", "sslmode=verify-ca");
    assert_eq!(seen(&stage, "defaults", "client_dn"), ["/CN=shown", "/CN=shown"]);

    fs::copy(server.stranger.certificate(), home.join("root.crt")).unwrap();
    stage.says(&["run"]).refuses(78, &["not among the root certificates"]);
    // As in libpq, such a file makes `require` look, too.
    stage.comes_as("shown", "sslmode=require");
    stage.says(&["run"]).refuses(78, &["not among the root certificates"]);
}

#[test]
fn the_system_s_roots_are_trusted_when_asked() {
    let (server, stage) = (secured(), secured().stage());
    let roots = server.authority.certificate().display().to_string();
    stage.set_environment("SSL_CERT_FILE", &roots);
    for (id, parameters) in [("named", "sslrootcert=system"), ("bare", "sslmode=verify-full")] {
        stage.comes(parameters);
        assert_eq!(seen(&stage, id, "ssl"), ["true", "true"], "{parameters}");
    }
    stage.set_environment("SSL_CERT_FILE", &server.stranger.certificate().display().to_string());
    stage.says(&["run"]).refuses(78, &["not among the root certificates"]);
}

#[test]
fn a_unix_socket_speaks_no_tls_whatever_sslmode_says() {
    let stage = secured().stage();
    let socket = format!("host={} sslmode=verify-full", stage.postgres.socket().display());
    stage.comes(&socket);
    assert_eq!(seen(&stage, "socket", "ssl"), ["false", "false"]);
}

#[test]
fn a_stream_over_tls_in_small_pieces_is_read_whole_and_does_not_stick() {
    let (server, stage) = (secured(), secured().stage());
    let proxy = Proxy::to(stage.postgres.port);
    stage.comes(&format!("port={} sslmode=verify-full {}", proxy.port, server.trust()));
    let publisher = stage.run();
    for (round, slice) in [7, 1 << 16, 100, 5000].into_iter().enumerate() {
        proxy.slice(slice);
        let count = 400;
        stage.sql().run(&format!(
            "insert into outbox (id, aggregatetype, aggregateid, payload)
             select '{round}-' || n, '{}', n % 7, json_build_object('x', repeat('y', n * 3))
             from generate_series(1, {count}) n",
            stage.aggregate("orders")
        ));
        stage.records_when(&publisher, (round + 1) * count);
    }
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    assert_eq!(stage.check(stage.rows(), Vec::new()).repeats, 0);
}

#[test]
fn connections_over_tls_cut_under_load_lose_nothing() {
    let server = secured();
    let stage = Stage::on(&server.postgres, kafka(), Turn::heavy()).with_orders();
    stage.set_environment("PGPASSWORD", crate::harness::PASSWORD);
    let proxy = Proxy::to(stage.postgres.port);
    let trust = server.trust();
    stage
        .comes(&format!("port={} sslmode=verify-full channel_binding=require {trust}", proxy.port));
    cut_under_load(&stage, &proxy, 4);
}
