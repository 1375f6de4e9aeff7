//! Publication and slot: tests by tables of facts.

use super::*;
use crate::{
    check::report::State::{self, Fault, Ok as Fine, Warning},
    postgres::facts::fixture::sound,
};

fn slot() -> SlotFacts {
    let (restart_lsn, confirmed_flush_lsn) = (Some(Lsn::new(1000)), Some(Lsn::new(2000)));
    let sound = sound().slot.expect("a sound publisher has a slot");
    SlotFacts { restart_lsn, confirmed_flush_lsn, ..sound }
}

#[track_caller]
fn assert_line(line: &Line, state: State, part: &str) {
    assert_eq!(line.state, state, "{line:?}");
    assert!(line.sentence.contains(part), "{line:?}");
    assert_eq!(line.hint.is_some(), state != Fine, "{line:?}");
}

#[test]
fn a_slot_is_free_or_in_use_by_a_publisher_of_ours() {
    let active = SlotFacts { active: true, active_pid: Some(7), ..slot() };
    let reader =
        |name: Option<&str>| Reader { application: name.map(str::to_owned), failover: None };
    assert_line(&used_by("s", &slot(), &reader(None), "postrider"), Fine, "nobody");
    let ours = used_by("s", &active, &reader(Some("postrider")), "postrider");
    assert_line(&ours, Fine, "\"postrider\", process 7");
    let other = used_by("s", &active, &reader(Some("psql")), "postrider");
    assert_line(&other, Warning, "\"psql\", process 7");
    assert_line(&used_by("s", &active, &reader(None), "postrider"), Warning, "another role");
}

#[test]
fn a_slot_that_keeps_much_or_is_about_to_be_lost_is_told() {
    const GIB: i64 = 1024 * 1024 * 1024;
    let at = |bytes: i64| Lsn::new(1000 + bytes.unsigned_abs());
    let with = |active, safe_wal_size, wal_status| SlotFacts {
        active,
        safe_wal_size,
        wal_status,
        ..slot()
    };
    let (reserved, extended) = (WalStatus::Reserved, WalStatus::Extended);
    for (slot, bytes, state, part) in [
        (with(false, None, reserved), 5000, Fine, "4.9 KiB of WAL kept"),
        (with(false, None, extended), GIB, Warning, "nobody reads it"),
        (with(true, None, extended), GIB, Fine, "1 GiB of WAL kept"),
        (with(true, Some(GIB), extended), GIB, Fine, "lost after 1 GiB more"),
        (with(true, Some(GIB / 4), extended), GIB, Warning, "lost after 256 MiB more"),
        (with(true, Some(-1), WalStatus::Unreserved), GIB, Fault, "next checkpoint"),
    ] {
        assert_line(&kept("s", &slot, at(bytes)), state, part);
    }
}

#[test]
fn where_there_are_standbys_the_slot_should_be_kept_on_them() {
    let reader = |failover| Reader { application: None, failover };
    let load = |physical_slots, standbys, unseen| Load {
        physical_slots,
        standbys,
        unseen,
        ..Load::default()
    };
    for (on, load, version, state, part) in [
        (None, load(0, 0, 0), 150_018, Fine, "no standby"),
        (Some(false), load(0, 0, 0), 170_011, Fine, "no standby"),
        (Some(true), load(1, 1, 1), 170_011, Fine, "kept on standbys"),
        (Some(false), load(0, 1, 0), 170_011, Warning, "is not kept on standbys"),
        (None, load(1, 0, 1), 150_018, Warning, "this PostgreSQL does not keep"),
        (None, load(0, 0, 2), 150_018, Warning, "without pg_monitor, and 2 walsenders may be"),
        (Some(true), load(0, 0, 2), 170_011, Fine, "kept on standbys"),
    ] {
        assert_line(&failover("s", &reader(on), &load, version), state, part);
    }
}
