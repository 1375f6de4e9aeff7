//! Each thing that can be wrong, alone and together with what follows from it.

use Persistence::{Permanent, Temporary, Unlogged};

use super::*;
use crate::{fault::FaultKind, postgres::facts::fixture::sound, wal::Lsn};

type Damage = fn(&mut Facts);

fn table(facts: &mut Facts) -> &mut TableFacts {
    facts.table.as_mut().unwrap()
}

fn publication(facts: &mut Facts) -> &mut PublicationFacts {
    facts.publication.as_mut().unwrap()
}

fn slot(facts: &mut Facts) -> &mut SlotFacts {
    facts.slot.as_mut().unwrap()
}

type Child = (TableKind, Persistence);

const ROWS: Child = (TableKind::Table, Permanent);

/// Gives the outbox, of this kind, children named `c0`, `c1` and so on.
fn with_below(facts: &mut Facts, kind: TableKind, children: &[Child]) {
    let child = |(number, (kind, persistence)): (usize, &Child)| ChildFacts {
        name: format!("public.c{number}"),
        parent: "public.outbox".into(),
        kind: *kind,
        persistence: *persistence,
        attached_since: false,
    };
    table(facts).kind = kind;
    table(facts).below = children.iter().enumerate().map(child).collect();
}

/// In the order in which they are to be found.
const DAMAGES: [(Damage, FaultKind, &str); 28] = [
    (|f| f.server.in_recovery = true, FaultKind::Postgres, "is a standby"),
    (|f| f.server.wal_level = "replica".into(), FaultKind::Settings, "is replica"),
    (
        |f| {
            f.table = None;
            publication(f).other_tables = 1;
        },
        FaultKind::Settings,
        "public.outbox does not exist",
    ),
    (|f| f.table = None, FaultKind::Publication, "is empty"),
    (|f| table(f).kind = TableKind::Other("view"), FaultKind::Settings, "is a view"),
    (|f| table(f).persistence = Persistence::Unlogged, FaultKind::Publication, "unlogged"),
    (|f| table(f).persistence = Persistence::Temporary, FaultKind::Publication, "temporary"),
    (
        |f| with_below(f, TableKind::Partitioned, &[ROWS, (TableKind::Table, Unlogged)]),
        FaultKind::Publication,
        "partition public.c1 of table public.outbox is unlogged",
    ),
    (
        |f| with_below(f, TableKind::Partitioned, &[(TableKind::Table, Temporary)]),
        FaultKind::Publication,
        "public.c0 of table public.outbox is temporary",
    ),
    (
        |f| {
            with_below(f, TableKind::Partitioned, &[(TableKind::Other("foreign table"), Permanent)])
        },
        FaultKind::Publication,
        "public.c0 of table public.outbox is a foreign table",
    ),
    (
        |f| {
            f.server.version_num = 140_022;
            with_below(f, TableKind::Partitioned, &[ROWS, ROWS]);
            table(f).below[1].attached_since = true;
        },
        FaultKind::Publication,
        "partition public.c1 was attached to table public.outbox",
    ),
    (
        |f| with_below(f, TableKind::Table, &[ROWS, (TableKind::Table, Unlogged)]),
        FaultKind::Publication,
        "table public.c0 inherits from public.outbox",
    ),
    (|f| f.publication = None, FaultKind::Publication, "\"p\" does not exist"),
    (|f| publication(f).inserts = false, FaultKind::Publication, "not publish inserts"),
    (
        |f| {
            table(f).kind = TableKind::Partitioned;
            publication(f).via_root = false;
        },
        FaultKind::Publication,
        "under their own names",
    ),
    (
        |f| publication(f).via = Some("public.root".into()),
        FaultKind::Publication,
        "rows of public.outbox as rows of public.root",
    ),
    (
        |f| {
            publication(f).via = Some("public.root".into());
            publication(f).includes_table = false;
        },
        FaultKind::Publication,
        "rows of public.outbox as rows of public.root",
    ),
    (|f| publication(f).includes_table = false, FaultKind::Publication, "is not in it"),
    (|f| publication(f).row_filter = Some("(a)".into()), FaultKind::Publication, "filter, (a)"),
    (|f| publication(f).has_column_list = true, FaultKind::Publication, "column list"),
    (|f| f.slot = None, FaultKind::Slot, "\"s\" does not exist"),
    (|f| slot(f).plugin = None, FaultKind::Slot, "physical"),
    (|f| slot(f).plugin = Some("wal2json".into()), FaultKind::Slot, "wal2json"),
    (|f| slot(f).database = Some("other".into()), FaultKind::Slot, "database \"other\""),
    (|f| slot(f).invalidation = Some("idle".into()), FaultKind::Slot, "invalidated: idle"),
    (|f| slot(f).two_phase = true, FaultKind::Slot, "two_phase"),
    (|f| slot(f).confirmed_flush_lsn = None, FaultKind::SlotBusy, "not ready"),
    (
        |f| {
            slot(f).active = true;
            slot(f).active_pid = Some(9);
        },
        FaultKind::SlotBusy,
        "by process 9",
    ),
];

#[test]
fn sound_facts_give_the_slot_s_own_position() {
    let start = sound().verdict().unwrap();
    assert_eq!(start.confirmed, Lsn::new(100));
    assert_eq!((start.system_identifier, start.timeline), (7, 3));
}

#[test]
fn leaves_that_write_wal_are_sound_whatever_is_between_them_and_the_root() {
    let mut facts = sound();
    with_below(&mut facts, TableKind::Partitioned, &[(TableKind::Partitioned, Unlogged), ROWS]);
    facts.verdict().unwrap();
}

#[test]
fn each_damage_alone_is_found_and_named() {
    for (damage, kind, words) in DAMAGES {
        let mut facts = sound();
        damage(&mut facts);
        let fault = facts.verdict().expect_err(words).fault();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.sentence.contains(words), "{fault}");
    }
}

#[test]
fn of_two_damages_the_cause_is_told_before_the_consequence() {
    for (i, (first, kind, words)) in DAMAGES.into_iter().enumerate() {
        for (second, ..) in &DAMAGES[i + 1..] {
            let mut facts = sound();
            let unchanged = facts.clone();
            // A later damage may undo an earlier one, or have nothing left to damage.
            second(&mut facts);
            if facts.table.is_none() || facts.publication.is_none() || facts.slot.is_none() {
                continue;
            }
            first(&mut facts);
            assert_ne!(facts, unchanged);
            let fault = facts.verdict().expect_err(words).fault();
            assert_eq!(fault.kind, kind, "{fault}, expected {words}");
        }
    }
}
