//! Publication and slot: do inserts get into the stream, and how does the slot stand.

use super::{
    report::{Area, Line},
    words,
};
use crate::{
    postgres::{
        Error,
        facts::{Facts, SlotFacts, WalStatus},
        setup::{self, State as Setup},
        survey::{Load, Reader, Survey},
    },
    wal::Lsn,
};

const HERE: Area = Area::Slot;

/// A slot without a reader that keeps this much is most likely forgotten.
const MUCH_WAL: u64 = 1024 * 1024 * 1024;

/// Failover slots are of PostgreSQL 17.
const FAILOVER_SLOTS: i32 = 170_000;

/// Publication, slot, its reader, its WAL, its fate at a failover.
pub(super) fn judge(facts: &Facts, survey: &Survey, application_name: &str) -> Vec<Line> {
    let mut lines = vec![publication(facts)];
    let Some(slot) = &facts.slot else {
        let fault = Error::SlotMissing { slot: facts.names.slot.clone() }.fault();
        lines.push(Line::of(HERE, "slot", &fault));
        return lines;
    };
    let name = &facts.names.slot;
    match facts.judge_slot_kind(slot) {
        Err(error) => {
            lines.push(Line::of(HERE, "slot", &error.fault()));
            return lines;
        }
        Ok(()) if facts.publication.is_none() => {
            let publication = facts.names.publication.clone();
            let error = Error::SlotWithoutPublication { slot: name.clone(), publication };
            lines.push(Line::of(HERE, "slot", &error.fault()));
        }
        Ok(()) => {
            let sentence = format!("replication slot {name:?} exists and is sound");
            lines.push(Line::ok(HERE, "slot", sentence));
        }
    }
    let reader = survey.reader.clone().unwrap_or_default();
    lines.push(used_by(name, slot, &reader, application_name));
    lines.push(kept(name, slot, facts.server.current_lsn));
    lines.push(failover(name, &reader, &survey.load, facts.server.version_num));
    lines
}

fn publication(facts: &Facts) -> Line {
    let (name, line) = (&facts.names.publication, "publication");
    let known = match (facts.judge_publication(), &facts.publication) {
        (Err(error), _) => return Line::of(HERE, line, &error.fault()),
        (Ok(()), known) => known.as_ref(),
    };
    match known.map(|known| setup::difference(known, facts)) {
        Some(Setup::Differs { what, remedy }) => Line::warning(
            HERE,
            line,
            format!("publication {name:?} delivers the table, and {what}"),
            format!("run {remedy}"),
        ),
        _ => Line::ok(
            HERE,
            line,
            format!("publication {name:?} delivers inserts into {}", facts.names.table),
        ),
    }
}

fn used_by(name: &str, slot: &SlotFacts, reader: &Reader, application_name: &str) -> Line {
    let line = "slot_reader";
    let who = slot.active_pid.map_or_else(String::new, |pid| format!(", process {pid}"));
    match (slot.active, reader.application.as_deref()) {
        (false, _) => Line::ok(HERE, line, "nobody uses the slot now"),
        (true, Some(application)) if application == application_name => {
            Line::ok(HERE, line, format!("the slot is in use by {application:?}{who}"))
        }
        (true, other) => Line::warning(
            HERE,
            line,
            format!(
                "replication slot {name:?} is in use by {}{who}: a publisher would wait for it",
                other.map_or_else(|| "another role".to_owned(), |other| format!("{other:?}"))
            ),
            "give each publisher a slot of its own (postgres.slot), or end the other connection",
        ),
    }
}

fn kept(name: &str, slot: &SlotFacts, current: Lsn) -> Line {
    let line = "slot_wal";
    let behind = |lsn: Option<Lsn>| lsn.map_or(0, |lsn| current.bytes_since(lsn));
    let (lag, kept) = (behind(slot.confirmed_flush_lsn), behind(slot.restart_lsn));
    let safe = slot.safe_wal_size.map(|left| u64::try_from(left).unwrap_or(0));
    let start = "start the publisher, or end the oldest transactions (SELECT pid, xact_start FROM \
                 pg_stat_activity ORDER BY xact_start); if it is not needed any more, drop the slot";
    if slot.wal_status == WalStatus::Unreserved {
        return Line::fault(
            HERE,
            line,
            format!("replication slot {name:?} is lost at the next checkpoint unless it moves"),
            format!("raise max_slot_wal_keep_size at once, then {start}"),
        );
    }
    let sizes = format!("{} behind, {} of WAL kept", words::bytes(lag), words::bytes(kept));
    match safe {
        // Most of what max_slot_wal_keep_size grants is used up.
        Some(left) if left < kept / 3 && kept > 0 => Line::warning(
            HERE,
            line,
            format!("the slot is {sizes}, and lost after {} more", words::bytes(left)),
            start,
        ),
        _ if !slot.active && kept >= MUCH_WAL => {
            Line::warning(HERE, line, format!("the slot is {sizes}, and nobody reads it"), start)
        }
        Some(left) => {
            let left = words::bytes(left);
            Line::ok(HERE, line, format!("the slot is {sizes}, lost after {left} more"))
        }
        None => Line::ok(HERE, line, format!("the slot is {sizes}")),
    }
}

fn failover(name: &str, reader: &Reader, load: &Load, version_num: i32) -> Line {
    let line = "failover";
    let standbys = load.physical_slots > 0 || load.standbys > 0;
    match (reader.failover.unwrap_or(false), standbys) {
        (true, _) => Line::ok(HERE, line, "the slot is kept on standbys (failover)"),
        (false, false) if load.unseen > 0 => Line::warning(
            HERE,
            line,
            format!(
                "standbys that lack replication slot {name:?} cannot be seen without pg_monitor, \
                 and {} may be one",
                words::several(usize::try_from(load.unseen).unwrap_or(0), "walsender")
            ),
            "run check once as a role with pg_monitor (postgres.url), which sees what walsenders \
             do",
        ),
        (false, false) => Line::ok(HERE, line, "no standby is known that could lack the slot"),
        (false, true) if version_num >= FAILOVER_SLOTS => Line::warning(
            HERE,
            line,
            format!(
                "replication slot {name:?} is not kept on standbys: after a failover it is gone \
                 and rows are missing"
            ),
            format!(
                "while no publisher runs: psql \"dbname=… replication=database\" -c \
                 'ALTER_REPLICATION_SLOT {name} (FAILOVER true)', and sync_replication_slots = on \
                 on the standbys"
            ),
        ),
        (false, true) => Line::warning(
            HERE,
            line,
            format!(
                "this PostgreSQL does not keep slot {name:?} on standbys: after a failover it is \
                 gone and rows are missing"
            ),
            "let the cluster manager carry it (Patroni: permanent slots), or upgrade to \
             PostgreSQL 17, which can",
        ),
    }
}

#[cfg(test)]
#[path = "publication_tests.rs"]
mod tests;
