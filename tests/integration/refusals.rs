//! The table of refusals in which a server, a right or a certificate has a say: what is wrong → exit
//! code, sentence, hint. What needs no server is in tests/settings/refusals.rs.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::harness::{PASSWORD, ROLE, Stage, TABLE, free_port, toml_text};

/// `spoil` knows how it becomes so. `run` is run with `--exit-on-fault`; NAME is the stage's name.
const TABLE_OF_REFUSALS: &str = r#"
what is wrong                      | command             | code | sentence                                                                             | hint
nobody listens                     | init                | 69   | cannot be reached: Connection refused                                                | that the server runs and listens there
a host without an address          | init                | 69   | PostgreSQL at nowhere.invalid:5432 cannot be reached                                 | check postgres.url
a server that says nothing         | init                | 69   | cannot be reached: no answer within 1 s                                              | check postgres.url
a web server's port                | init                | 69   | does not answer as PostgreSQL does                                                   | check host and port in postgres.url
a MySQL's port                     | init                | 69   | does not answer as PostgreSQL does                                                   | check host and port in postgres.url
Kafka's port                       | init                | 69   | cannot be reached: no answer within 1 s                                              | check postgres.url
a pooler                           | init                | 76   | does not speak PostgreSQL's replication protocol: unsupported startup parameter      | not a pooler
a pooler                           | run                 | 76   | does not speak PostgreSQL's replication protocol: unsupported startup parameter      | not a pooler
a database that is not there       | init                | 78   | database "nowhere" does not exist                                                    | name the database that holds the outbox
a role that is not there           | run                 | 77   | does not admit "nobody_knows" to                                                     | that role "nobody_knows" exists
a role that may not log in         | init                | 77   | role "mute" is not permitted to log in                                               | has LOGIN
no password                        | init                | 77   | asks for a password for "postrider" and none is set                                  | postgres.password_file or PGPASSWORD
a wrong password                   | run                 | 77   | password authentication failed for user "postrider"                                  | check the password
an empty password file             | init                | 78   | secret cannot be used: it is empty                                                   | a file that holds the password alone
a folder as the password file      | run                 | 78   | the password file / cannot be used: Is a directory                                   | a file that holds the password alone
no connection left                 | init                | 69   | has no connection left: too many connections for database                            | raise max_connections
a table of another role            | init                | 77   | role "postrider" may not create publication                                          | let the table's owner, with CREATE
a role without REPLICATION         | run                 | 77   | "plain"                                                                              | ALTER ROLE "plain" REPLICATION
a schema that is not there         | init --create-table | 78   | schema "nowhere" does not exist                                                      | CREATE SCHEMA
a table that is not there          | init                | 78   | table public.outbox does not exist in database                                       | `postrider init --create-table`
a table that is not there          | run                 | 78   | table public.outbox does not exist in database                                       | set outbox.table
a view                             | init                | 78   | public.outbox is a view, the outbox must be a table                                  | set outbox.table
a sequence                         | run                 | 78   | public.outbox is a sequence, the outbox must be a table                              | set outbox.table
a publication that is not there    | run                 | 76   | publication "NAME" does not exist                                                    | create it with `postrider init`
a slot that is not there           | run                 | 76   | replication slot "NAME" does not exist                                               | run `postrider init --accept-gap`
a slip in a column's name          | run                 | 76   | has no column "payloda" (needed by outbox.columns.payload; the nearest is "payload") | [outbox] columns
an unknown option                  | run                 | 78   | librdkafka knows no option "compresion.type"                                         | did you mean compression.type?
an option's wrong value            | run                 | 78   | "linger.ms" in [kafka] options: Invalid value                                        | correct or remove it
an option's file that is not there | run                 | 78   | the file /nowhere of "sasl.password" in [kafka] options                              | correct the path
a CA certificate that is not there | run                 | 78   | the file /nowhere of "ssl.ca.location" in [kafka] options                            | correct the path
"#;

/// Makes the stage wrong in the way that the table calls so.
fn spoil(stage: &Stage<'_>, wrong: &str) {
    let superuser = || stage.postgres.sql("postgres");
    let (set, secret) =
        (|name, value: &str| stage.set(name, value), stage.directory.join("secret"));
    match wrong {
        "nobody listens" => port(stage, free_port()),
        "a host without an address" => set("postgres.url", "'postgres://u@nowhere.invalid/d'"),
        "a server that says nothing" => port(stage, answering(b"".to_vec())),
        "a web server's port" => {
            port(stage, answering(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()))
        }
        "a MySQL's port" => port(stage, answering(b"J\0\0\0\x0a8.0.36\0".to_vec())),
        "Kafka's port" => {
            let brokers = stage.kafka.brokers();
            port(stage, brokers.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap());
        }
        "a pooler" => port(stage, answering(pooler())),
        "a database that is not there" => address(stage, ROLE, "nowhere"),
        "a role that is not there" => address(stage, "nobody_knows", &stage.name),
        "a role that may not log in" => {
            superuser().run("drop role if exists mute; create role mute");
            address(stage, "mute", &stage.name);
        }
        "no password" => port(stage, stage.postgres.port),
        "a wrong password" => {
            port(stage, stage.postgres.port);
            stage.set_environment("PGPASSWORD", "guessed");
        }
        "an empty password file" => {
            fs::write(&secret, "").unwrap();
            set("postgres.password_file", &toml_text(&secret.display().to_string()));
        }
        "a folder as the password file" => set("postgres.password_file", "'/'"),
        "no connection left" => {
            superuser().run(&format!("alter database {} connection limit 0", stage.name));
        }
        "a table of another role" => stage.postgres.sql(&stage.name).run(TABLE),
        "a schema that is not there" => set("outbox.table", "'nowhere.outbox'"),
        "a table that is not there" => {}
        "a view" => stage.sql().run("create view outbox as select 1"),
        "a sequence" => stage.sql().run("create sequence outbox"),
        _ => spoil_what_is_set_up(stage, wrong),
    }
}

fn spoil_what_is_set_up(stage: &Stage<'_>, wrong: &str) {
    let (sql, name, set) = (stage.sql(), &stage.name, |name, value| stage.set(name, value));
    sql.run(TABLE);
    stage.init();
    sql.run(&stage.insert("1", "'k'", "'{}'"));
    match wrong {
        "a role without REPLICATION" => address(stage, "plain", name),
        "a publication that is not there" => sql.run(&format!("drop publication {name}")),
        "a slot that is not there" => {
            sql.run(&format!("select pg_drop_replication_slot('{name}')"))
        }
        "a slip in a column's name" => set("outbox.columns", "{ payload = 'payloda' }"),
        "an unknown option" => set("kafka.options", "{ 'compresion.type' = 'lz4' }"),
        "an option's wrong value" => set("kafka.options", "{ 'linger.ms' = 'soon' }"),
        "an option's file that is not there" => {
            set("kafka.options_files", "{ 'sasl.password' = '/nowhere' }");
        }
        "a CA certificate that is not there" => {
            set("kafka.options", "{ 'security.protocol' = 'SSL', 'ssl.ca.location' = '/nowhere' }")
        }
        _ => panic!("nobody knows how to make it so: {wrong}"),
    }
}

/// The database by another role's name, or another database.
fn address(stage: &Stage<'_>, role: &str, database: &str) {
    stage.set("postgres.url", &toml_text(&stage.postgres.address(role, database)));
}

fn port(stage: &Stage<'_>, port: u16) {
    let name = &stage.name;
    let url =
        format!("postgres://{ROLE}@127.0.0.1:{port}/{name}?connect_timeout=1&sslmode=disable");
    stage.set("postgres.url", &toml_text(&url));
}

/// The port of a server that answers whoever speaks with these bytes; without any it is silent.
fn answering(bytes: Vec<u8>) -> u16 {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 1024]);
            let _ = client.write_all(&bytes);
            if bytes.is_empty() {
                silent.push(client);
            }
        }
    });
    port
}

/// What PgBouncer says to parameters that it does not pass on.
fn pooler() -> Vec<u8> {
    let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
    let length = (fields.len() as u32 + 4).to_be_bytes();
    [&b"E"[..], &length, fields].concat()
}

#[test]
fn every_refusal_that_a_server_has_a_say_in_is_one_sentence_and_a_hint() {
    let lines = TABLE_OF_REFUSALS.lines().filter(|line| !line.is_empty()).skip(1);
    let (mut count, mut wrong_rows) = (0, Vec::new());
    for line in lines {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let &[wrong, command, code, sentence, hint] = cells.as_slice() else {
            panic!("not five cells: {line}")
        };
        let stage = Stage::new();
        spoil(&stage, wrong);
        let mut arguments: Vec<&str> = command.split(' ').collect();
        if command == "run" {
            arguments.push("--exit-on-fault");
        }
        let said = stage.says(&arguments);
        let told: Vec<&str> = said.err.lines().rev().take(2).collect();
        let is_right = said.code.to_string() == code
            && told.len() == 2
            && told[1].contains(&sentence.replace("NAME", &stage.name))
            && told[0].starts_with("hint: ")
            && told[0].contains(hint)
            && !["guessed", PASSWORD, "panicked"].iter().any(|never| said.err.contains(never));
        if !is_right {
            wrong_rows.push(format!("{wrong}, {command}: {said:?}"));
        }
        count += 1;
    }
    assert!(wrong_rows.is_empty(), "{} rows are wrong: {wrong_rows:#?}", wrong_rows.len());
    assert!(count >= 30, "{count} rows");
}

#[test]
fn a_port_that_is_not_kafkas_is_waited_for_and_its_setting_named() {
    let stage = Stage::new().with_orders();
    stage.set("kafka.stall_timeout", "'1s'");
    stage.sql().run(&stage.insert("waiting", "'k'", "'{}'"));
    for port in [stage.postgres.port, answering(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())] {
        stage.set("kafka.brokers", &toml_text(&format!("127.0.0.1:{port}")));
        let publisher = stage.start(&[]);
        publisher.allow_warnings();
        let reason = publisher.holds("Kafka");
        assert!(reason.contains("[kafka] brokers"), "the setting is not named: {reason}");
        assert_eq!(publisher.terminate(), 0);
    }
}
