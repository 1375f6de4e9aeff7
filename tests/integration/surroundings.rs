//! What else goes on in a database: tables rewritten, other databases, unusual defaults and encodings.

use std::time::Duration;

use crate::harness::{Load, ROLE, Row, Sampler, Stage};

#[test]
fn rewriting_the_table_under_load_neither_loses_nor_repeats_an_event() {
    let stage = Stage::heavy().with_orders();
    let publisher = stage.run();
    let sampler = Sampler::start(&stage);
    let load = Load::start(&stage, 3, Duration::from_millis(2));
    let (sql, superuser) = (stage.sql(), stage.postgres.sql("postgres"));
    let other = format!("{}_other", stage.name);
    for statement in [
        "vacuum full outbox",
        "cluster outbox using outbox_pkey",
        "reindex table outbox",
        "reindex table concurrently outbox",
        "create index concurrently on outbox (aggregateid)",
        "alter table outbox add column scratch int default 7",
        "alter table outbox alter scratch set data type numeric",
        "vacuum (freeze, analyze) outbox",
    ] {
        load.goes_on(20);
        sql.run(statement);
    }
    superuser.run(&format!("create database {other}"));
    superuser.run(&format!("drop database {other}"));
    superuser.run("checkpoint; select pg_switch_wal()");
    load.goes_on(20);

    // What was delivered may go from the table.
    sql.run("begin; lock table outbox; create table kept as select * from outbox; truncate outbox; commit");
    load.goes_on(20);
    load.finish();
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
    sql.run(
        "alter table outbox rename to live;
         create view outbox as select * from kept union all select * from live",
    );
    assert_eq!(stage.check(stage.rows(), sampler.finish()).repeats, 0);
}

/// Defaults of the database and of the role that change how values are written or sessions live.
const UNUSUAL: &[&str] = &[
    "search_path = ''",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'sql_standard'",
    "timezone = 'Asia/Kathmandu'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "standard_conforming_strings = off",
    "quote_all_identifiers = on",
    "client_encoding = 'LATIN1'",
    "default_transaction_read_only = on",
    "default_transaction_isolation = 'serializable'",
    "statement_timeout = '40ms'",
    "idle_session_timeout = '300ms'",
    "row_security = off",
    "lc_monetary = 'C'",
    "xmloption = 'document'",
];

#[test]
fn defaults_of_the_database_and_the_role_change_nothing_in_what_is_sent() {
    let stage = Stage::new();
    stage.sql().run(
        "create table outbox (
             id float8, aggregatetype text, aggregateid timestamptz, type interval,
             payload bytea, at timestamptz)",
    );
    stage.set("outbox.columns", "{ timestamp = 'at' }");
    stage.topic("orders", &[]);
    stage.init();
    let superuser = stage.postgres.sql("postgres");
    for setting in UNUSUAL {
        superuser.run(&format!("alter database {} set {setting}", stage.name));
        superuser.run(&format!("alter role {ROLE} in database {} set {setting}", stage.name));
    }
    let publisher = stage.run();
    let sql = stage.postgres.sql(&stage.name);
    sql.run(
        "set default_transaction_read_only = off; set statement_timeout = 0;
         set idle_session_timeout = 0; set standard_conforming_strings = on",
    );
    sql.run(&format!(
        "insert into public.outbox values (0.1::float8 + 0.2::float8, '{}', '2024-05-01 12:34:56Z',
             '1 year 2 days 03:04:05', '\\x00ff5c27', '2024-05-01 12:34:56.789Z')",
        stage.aggregate("orders")
    ));

    let records = stage.records_when(&publisher, 1);
    assert_eq!(records[0].header("id").as_deref(), Some("0.30000000000000004"));
    assert_eq!(records[0].key.as_deref(), Some(&b"2024-05-01 12:34:56+00"[..]));
    assert_eq!(records[0].header("type").as_deref(), Some("1 year 2 days 03:04:05"));
    assert_eq!(records[0].payload.as_deref(), Some(&b"\x00\xff\\'"[..]));
    assert_eq!(records[0].timestamp, Some(1_714_566_896_789));

    // One session looks at the catalog again and again, though those that idle are ended.
    let looks = format!(
        "select query_start::text from pg_stat_activity
         where datname = '{}' and application_name like '% sql' and query_start > backend_start",
        stage.name
    );
    let first = publisher.eventually("the catalog is looked at", || superuser.text(&looks));
    let again = format!(
        "{looks} and backend_start < '{first}' and query_start - '{first}' > interval '900 ms'"
    );
    publisher.eventually("the same session looks again", || superuser.text(&again));
    let own = stage.postgres.sql(&stage.name);
    own.run("set default_transaction_read_only = off; set statement_timeout = 0");
    own.run(&format!("alter publication {} drop table public.outbox", stage.name));
    publisher.allow("does not deliver the rows");
    publisher.holds("does not deliver the rows of public.outbox");
    assert_eq!(publisher.terminate(), 0);
}

fn stage_in_encoding(encoding: &str) -> Stage<'static> {
    let stage = Stage::new();
    let name = &stage.name;
    let superuser = stage.postgres.sql("postgres");
    superuser.run(&format!("drop database {name}"));
    superuser.run(&format!(
        "create database {name} owner {ROLE} encoding '{encoding}' locale 'C' template template0"
    ));
    stage.sql().run(
        "create table outbox (id text, aggregatetype text, aggregateid text, type text,
                              payload text)",
    );
    stage.topic("orders", &[]);
    stage.init();
    stage
}

#[test]
fn text_is_sent_as_utf_8_whatever_the_encoding_of_the_database_and_as_it_is_without_one() {
    for (encoding, text, sent) in [
        ("LATIN1", "convert_from('\\xe4f6', 'LATIN1')", "äö".as_bytes()),
        ("EUC_JP", "convert_from('\\xe697a5e69cac', 'UTF8')", "日本".as_bytes()),
        ("SQL_ASCII", "convert_from('\\xe4f6ff', 'SQL_ASCII')", &[0xe4, 0xf6, 0xff]),
    ] {
        let stage = stage_in_encoding(encoding);
        let publisher = stage.run();
        let aggregate = stage.aggregate("orders");
        stage.sql().run(&format!(
            "insert into outbox values ({text}, '{aggregate}', {text}, {text}, {text})"
        ));
        let records = stage.records_when(&publisher, 1);
        assert_eq!(records[0].payload.as_deref(), Some(sent), "{encoding}");
        assert_eq!(records[0].key.as_deref(), Some(sent), "{encoding}");
        let headers = &records[0].headers;
        assert!(
            headers[..2].iter().all(|(_, value)| value.as_deref() == Some(sent)),
            "{headers:?}"
        );
        assert_eq!(publisher.terminate(), 0);
    }
}

#[test]
fn a_row_that_has_no_utf_8_form_is_held_and_told_and_not_shown() {
    let stage = stage_in_encoding("EUC_JP");
    stage
        .sql()
        .run("insert into outbox values ('1', 'x', 'k', 't', convert_from('\\xf9a1', 'EUC_JP'))");
    let said = stage.run_and_leave();
    said.refuses(76, &[&stage.name, "UTF-8"]);
    assert!(!said.err.contains("f9"), "the text is told: {said:?}");
}

#[test]
fn the_largest_payload_that_the_shipped_table_takes_arrives_whole_from_toast() {
    let stage = Stage::new().with_orders();
    let publisher = stage.run();
    let sql = stage.sql();
    for storage in ["extended", "external"] {
        sql.run(&format!("alter table outbox alter payload set storage {storage}"));
        // Random, so that compression does not make it small.
        let payload = "to_json((select string_agg(md5(n::text || random()), '')
                        from generate_series(1, 28120) n))";
        sql.run(&stage.insert(storage, "'k'", payload));
    }
    stage.records_when(&publisher, 2);
    let rows: Vec<Row> = stage.rows();
    assert!(rows.iter().all(|row| row.payload.as_ref().unwrap().len() > 899_000));
    assert_eq!(stage.check(rows, Vec::new()).repeats, 0);
    assert_eq!(publisher.terminate(), 0);
}
