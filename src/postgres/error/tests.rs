//! Which fault each answer of PostgreSQL becomes.

use super::*;
use crate::{fault::FaultKind, postgres::Config};

fn config() -> Config {
    Config {
        conninfo: "postgres://shop:hunter2@db/orders".parse().unwrap(),
        password_file: None,
        slot: "the_slot".to_owned(),
        publication: "the_publication".to_owned(),
    }
}

fn answered(code: &str, message: &str) -> Error {
    let config = config();
    Error::from_server(code, message, Context { config: &config, doing: "start replication" })
}

#[test]
fn each_sqlstate_becomes_its_fault() {
    use FaultKind::{
        Postgres, Protocol, Publication, Rights, Settings, Slot, SlotBusy, Unroutable,
    };
    for (code, message, kind, words) in [
        ("28P01", "password authentication failed", Rights, "does not let \"shop\""),
        ("28000", "no pg_hba.conf entry for host", Rights, "does not admit \"shop\""),
        ("28000", "role \"shop\" does not exist", Rights, "role \"shop\" does not exist"),
        ("42501", "must be superuser or replication role", Rights, "may not start replication"),
        ("3D000", "database does not exist", Settings, "database \"orders\""),
        ("3F000", "schema \"a\" does not exist", Settings, "schema \"a\""),
        ("57P04", "database was dropped", Settings, "database \"orders\""),
        ("53300", "sorry, too many clients already", Postgres, "no connection left"),
        ("57P01", "terminating connection", Postgres, "terminating connection"),
        ("57P02", "terminating connection", Postgres, "ended"),
        ("57P03", "the database system is starting up", Postgres, "starting up"),
        ("22021", "invalid byte sequence for encoding \"UTF8\": 0xff", Unroutable, "to UTF-8"),
        ("22P05", "character with byte sequence 0xf9", Unroutable, "database \"orders\""),
        ("08P01", "unsupported startup parameter: options", Protocol, "startup parameter"),
        ("08P01", "invalid message format", Postgres, "invalid message format"),
        ("08006", "connection failure", Postgres, "connection failure"),
        ("XX000", "boom", Postgres, "XX000"),
        ("57014", "canceling statement", Postgres, "57014"),
        ("55006", "slot \"the_slot\" is active for PID 4711", SlotBusy, "by process 4711"),
        ("55006", "Slot »the_slot« ist aktiv", SlotBusy, "is in use"),
        ("42704", "replication slot \"the_slot\" does not exist", Slot, "\"the_slot\""),
        ("42704", "Replikations-Slot »x« existiert nicht", Slot, "\"the_slot\""),
        ("42704", "publication \"x\" does not exist", Publication, "\"the_publication\""),
        ("55000", "can no longer get changes from replication slot", Slot, "invalidated"),
        ("55000", "replication slot was not created in this database", Slot, "cannot be used"),
        ("55000", "cannot use physical replication slot", Slot, "cannot be used"),
        ("55000", "logical decoding requires wal_level >= logical", Settings, "wal_level"),
        ("55000", "logical decoding cannot be used while in recovery", Postgres, "standby"),
        ("55000", "skipped loading publication \"x\"", Publication, "\"the_publication\""),
        ("55000", "something else", Postgres, "55000"),
        ("58P01", "requested WAL segment has already been removed", Slot, "invalidated"),
        ("53400", "all replication slots are in use", Settings, "no replication slot left"),
    ] {
        let fault = answered(code, message).fault();
        assert_eq!(fault.kind, kind, "{code} {message}");
        assert!(fault.sentence.contains(words), "{code} {message}: {fault}");
        assert!(!fault.hint.is_empty());
        assert!(!format!("{fault}{}", fault.hint).contains("hunter2"));
    }
}

#[test]
fn an_unknown_answer_is_transient() {
    assert!(answered("99999", "what is this").fault().kind.is_transient());
}

#[test]
fn what_is_no_answer_has_its_fault_too() {
    let endpoint = || config().conninfo.endpoint();
    for (error, kind, hint) in [
        (
            Error::Unreachable { endpoint: endpoint(), source: io::Error::other("refused") },
            FaultKind::Postgres,
            "postgres.url",
        ),
        (
            Error::PasswordMissing { endpoint: endpoint(), user: "shop".into() },
            FaultKind::Rights,
            "postgres.password_file",
        ),
        (Error::Protocol("a zero length".into()), FaultKind::Protocol, "postgres.url"),
        (
            Error::SlotInvalidated { slot: "it's".into(), reason: "wal_removed".into() },
            FaultKind::Slot,
            "init --accept-gap",
        ),
        (
            Error::TableMissing { table: "public.outbox".into(), database: "orders".into() },
            FaultKind::Settings,
            "--create-table",
        ),
    ] {
        let fault = error.fault();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.hint.contains(hint), "{}", fault.hint);
    }
}
