//! What is rotated under a running publisher is used at its next connection.

use std::{fs, path::Path};

use crate::harness::{
    Authority, Identity, PASSWORD, Publisher, Secured, Stage, Turn, kafka, secured, toml_text,
};

/// Ends both connections of the stage's publisher, as a failover or an administrator does.
fn disconnect(stage: &Stage<'_>) {
    stage.postgres.sql("postgres").run(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where application_name like '{}%' and pid <> pg_backend_pid()",
        stage.name
    ));
}

fn waits_shortly(stage: &Stage<'_>) {
    stage.set("refused.first_wait", "'300ms'");
    stage.set("refused.longest_wait", "'300ms'");
}

/// One more event comes through.
#[track_caller]
fn goes_on(stage: &Stage<'_>, publisher: &Publisher, count: usize) {
    publisher.ready();
    stage.sql().run(&stage.insert(&format!("event {count}"), "'k'", "'{}'"));
    stage.records_when(publisher, count);
}

#[test]
fn a_rotated_password_is_read_at_the_next_connection() {
    let stage = secured().stage();
    waits_shortly(&stage);
    let file = stage.directory.join("password");
    fs::write(&file, PASSWORD).unwrap();
    stage.set_environment("PGPASSWORD", "");
    stage.set("postgres.password_file", &toml_text(&file.display().to_string()));
    stage.comes_as("rotating", "sslmode=require channel_binding=require");
    let publisher = stage.run();
    publisher.allow_warnings().allow("password authentication failed");
    goes_on(&stage, &publisher, 1);

    let sql = stage.postgres.sql("postgres");
    sql.run("alter role rotating password 'the second'");
    disconnect(&stage);
    publisher.holds("password authentication failed");
    fs::write(&file, "the second\n").unwrap();
    goes_on(&stage, &publisher, 2);

    fs::write(&file, "the third\n").unwrap();
    sql.run("alter role rotating password 'the third'");
    disconnect(&stage);
    goes_on(&stage, &publisher, 3);
    assert_eq!(publisher.terminate(), 0);
    for password in [PASSWORD, "the second", "the third"] {
        assert!(!publisher.log().contains(password), "{password:?} is in the log");
    }
    stage.check(stage.rows(), Vec::new());
}

/// Puts `identity` where the publisher looks for its own.
fn show(identity: &Identity, certificate: &Path, key: &Path) {
    fs::copy(&identity.certificate, certificate).unwrap();
    fs::copy(&identity.key, key).unwrap();
}

#[test]
fn a_rotated_client_certificate_is_read_at_the_next_connection() {
    let (server, stage) = (secured(), secured().stage());
    waits_shortly(&stage);
    stage.set_environment("PGPASSWORD", "");
    let (certificate, key) = (stage.directory.join("my.crt"), stage.directory.join("my.key"));
    let mine = Identity { certificate: certificate.clone(), key: key.clone() };
    show(&server.authority.client("certified"), &certificate, &key);
    stage.comes_as("certified", &format!("sslmode=require {}", mine.parameters()));
    let publisher = stage.run();
    publisher.allow_warnings().allow("does not accept the client certificate");
    goes_on(&stage, &publisher, 1);
    let first = stage.seen(&publisher, "client_serial");

    show(&server.stranger.client("certified"), &certificate, &key);
    disconnect(&stage);
    publisher.holds("does not accept the client certificate");
    show(&server.authority.client("certified"), &certificate, &key);
    goes_on(&stage, &publisher, 2);
    let second = stage.seen(&publisher, "client_serial");
    assert_ne!(first[0], second[0], "the first certificate is still in use");
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), Vec::new());
}

#[test]
fn a_server_s_certificate_may_expire_and_be_renewed_by_another_authority() {
    let turn = Turn::heavy();
    let server = Secured::start_new(&[]);
    let stage = Stage::on(&server.postgres, kafka(), turn).with_orders();
    stage.set_environment("PGPASSWORD", PASSWORD);
    waits_shortly(&stage);
    let roots = stage.directory.join("roots.pem");
    fs::copy(server.authority.certificate(), &roots).unwrap();
    stage.comes(&format!(
        "sslmode=verify-full channel_binding=require sslrootcert={}",
        roots.display()
    ));
    let publisher = stage.run();
    publisher.allow_warnings().allow("expired").allow("not among the root certificates");
    goes_on(&stage, &publisher, 1);

    server.shows(&server.authority.expired_server("expired", &["localhost"]));
    disconnect(&stage);
    publisher.holds("expired");
    let said = stage.says(&["init"]);
    said.refuses(78, &["the certificate of PostgreSQL at localhost", "expired"]);
    assert!(said.err.contains("renew the server's certificate"), "{said:?}");

    // Its signature has another hash, and so has the binding of the channel.
    let directory = stage.directory.join("renewed");
    fs::create_dir(&directory).unwrap();
    let other = Authority::with_longer_hash(&directory, "a second authority");
    server.shows(&other.server("renewed", &["localhost"]));
    publisher.holds("not among the root certificates");
    fs::copy(other.certificate(), &roots).unwrap();
    goes_on(&stage, &publisher, 2);
    assert_eq!(publisher.terminate(), 0);
    stage.check(stage.rows(), Vec::new());
}
