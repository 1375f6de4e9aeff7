//! Each way in which a witness and a server can disagree.

use super::{Cause, Here, Identity, Look, Subject, TimelineEnd, Witness, compare};
use crate::{fault::FaultKind, wal::Lsn};

fn look(lsn: u64, entry: &str) -> Look {
    let identity =
        Identity::new([("the table's entry", entry.to_owned()), ("the table", "1".to_owned())]);
    Look { lsn: Lsn::new(lsn), oldest_xid: 700, identity }
}

/// A witness of timeline 1 that saw the catalog good at 35.
pub(super) fn witness(epoch: u64, confirmed: u64) -> Witness {
    Witness {
        subject: Subject { database: "shop".into(), slot: "postrider".into() },
        system_identifier: 7,
        timeline: 1,
        epoch,
        confirmed: Lsn::new(confirmed),
        seen: look(35, "2"),
        spoiled: None,
    }
}

fn here(slot: u64) -> Here {
    Here {
        system_identifier: 7,
        timeline: 1,
        history: Vec::new(),
        slot_confirmed: Ok(Lsn::new(slot)),
        look: look(100, "2"),
    }
}

fn promoted(end: u64) -> Here {
    let history = vec![TimelineEnd { timeline: 1, end: Lsn::new(end) }];
    Here { timeline: 2, history, ..here(30) }
}

#[track_caller]
fn gap(witness: &Witness, here: &Here) -> (Vec<Cause>, u64, u64) {
    let gap = compare(Some(witness), here).expect_err("a gap");
    (gap.causes, gap.after.as_u64(), gap.until.as_u64())
}

fn entry_changed() -> Cause {
    Cause::Catalog { changed: vec!["the table's entry".into()] }
}

#[test]
fn a_slot_that_stands_where_it_was_confirmed_or_before_is_fine() {
    for slot in [10, 39, 40] {
        assert_eq!(compare(Some(&witness(1, 40)), &here(slot)), Ok(()));
    }
    assert_eq!(compare(None, &here(99)), Ok(()));
}

#[test]
fn a_slot_that_somebody_moved_leaves_out_what_lies_between() {
    let cause = Cause::SlotAhead { slot: Lsn::new(41), confirmed: Lsn::new(40) };
    assert_eq!(gap(&witness(1, 40), &here(41)), (vec![cause], 40, 41));
}

#[test]
fn a_slot_that_is_gone_leaves_out_everything_since() {
    let why = "it does not exist".to_owned();
    let gone = Here { slot_confirmed: Err(why.clone()), ..here(0) };
    let cause = Cause::SlotGone { why, confirmed: Lsn::new(40) };
    assert_eq!(gap(&witness(1, 40), &gone), (vec![cause], 40, 100));
}

#[test]
fn another_cluster_says_nothing_of_its_own_rows() {
    let other = Here { system_identifier: 8, ..here(30) };
    let cause = Cause::OtherCluster { before: 7, position: Lsn::new(40) };
    assert_eq!(gap(&witness(1, 40), &other), (vec![cause], 0, 100));
}

#[test]
fn a_promoted_standby_that_had_everything_is_fine() {
    assert_eq!(compare(Some(&witness(1, 40)), &promoted(40)), Ok(()));
}

#[test]
fn a_history_without_what_was_confirmed_is_told() {
    let cause = |left| {
        let (left, position) = (Lsn::new(left), Lsn::new(40));
        vec![Cause::OtherHistory { timeline: 1, left, position }]
    };
    assert_eq!(gap(&witness(1, 40), &promoted(39)), (cause(39), 39, 100));
    let stranger = Here { timeline: 3, ..here(30) };
    assert_eq!(gap(&witness(1, 40), &stranger), (cause(0), 0, 100));
}

#[test]
fn a_server_that_was_put_back_is_told_by_its_wal_or_its_transaction_ids() {
    let cause = |end| vec![Cause::SetBack { end: Lsn::new(end), position: Lsn::new(40) }];
    let shorter = Here { look: look(39, "2"), ..here(30) };
    assert_eq!(gap(&witness(1, 40), &shorter), (cause(39), 0, 39));
    let younger = Here { look: Look { oldest_xid: 699, ..look(100, "2") }, ..here(30) };
    assert_eq!(gap(&witness(1, 40), &younger), (cause(100), 0, 100));
}

#[test]
fn a_changed_catalog_leaves_out_what_was_written_since_it_was_seen_good() {
    let changed = Here { look: look(100, "3"), ..here(40) };
    assert_eq!(gap(&witness(1, 40), &changed), (vec![entry_changed()], 35, 100));
}

#[test]
fn a_catalog_that_was_spoiled_and_mended_is_told() {
    let what = "table public.outbox was unlogged".to_owned();
    let spoiled = Witness { spoiled: Some(what.clone()), ..witness(1, 40) };
    assert_eq!(gap(&spoiled, &here(40)), (vec![Cause::Spoiled { what }], 35, 100));
}

#[test]
fn a_range_covers_everything_that_opened_it() {
    let both = Here { look: look(100, "3"), ..here(41) };
    let ahead = Cause::SlotAhead { slot: Lsn::new(41), confirmed: Lsn::new(40) };
    assert_eq!(gap(&witness(1, 40), &both), (vec![ahead, entry_changed()], 35, 100));
}

#[test]
fn a_gap_is_told_with_its_range_and_what_to_do() {
    let gap = compare(Some(&witness(1, 40)), &here(41)).unwrap_err();
    let fault = gap.fault("3 rows of public.outbox were written since");
    assert_eq!(fault.kind, FaultKind::Gap);
    assert!(fault.sentence.contains("(0/28, 0/29]"), "{fault}");
    assert!(fault.sentence.ends_with("3 rows of public.outbox were written since"), "{fault}");
    assert!(fault.hint.contains("postrider init --accept-gap"), "{}", fault.hint);
}
