//! Gap: a range of the WAL whose events may be missing, and why.

use crate::{
    fault::{Fault, FaultKind},
    wal::Lsn,
};

/// A range in which events may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The slot.
    pub slot: String,
    /// What happened: one thing at least.
    pub causes: Vec<Cause>,
    /// Everything committed up to here is published.
    pub after: Lsn,
    /// Everything committed after this comes through the slot, once the cause is mended.
    pub until: Lsn,
    /// Rows in the range have this transaction id or a higher one; `None` when nothing is known.
    pub oldest_xid: Option<u64>,
}

/// Why events may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The slot stands ahead of everything that a publisher confirmed: somebody else moved it, or it
    /// was dropped and made again.
    SlotAhead {
        /// Where it stands.
        slot: Lsn,
        /// What was confirmed.
        confirmed: Lsn,
    },
    /// The slot is gone or was given up by the server.
    SlotGone {
        /// In the words of whoever looked for it.
        why: String,
        /// What was confirmed.
        confirmed: Lsn,
    },
    /// The server is another cluster than the one of the witness.
    OtherCluster {
        /// The cluster of the witness.
        before: u64,
        /// What was confirmed there.
        position: Lsn,
    },
    /// The server's timeline began before what was confirmed on another: it was promoted, or
    /// restored, at an earlier point.
    OtherHistory {
        /// The timeline of the witness.
        timeline: u32,
        /// Where the server's history left it.
        left: Lsn,
        /// What was confirmed there.
        position: Lsn,
    },
    /// The server was put back to an earlier state, on the same timeline.
    SetBack {
        /// The end of its WAL.
        end: Lsn,
        /// What was confirmed.
        position: Lsn,
    },
    /// Rows went missing for a while.
    Spoiled {
        /// Why, in the words of whoever saw it.
        what: String,
    },
    /// Table or publication were changed, or replaced by others of their names.
    Catalog {
        /// What differs.
        changed: Vec<String>,
    },
}

impl Gap {
    /// As a fault; `rows` says how many rows of the table lie in the range, as far as they could be
    /// counted.
    pub fn fault(&self, rows: &str) -> Fault {
        let Gap { slot, causes, after, until, .. } = self;
        let why: Vec<String> = causes.iter().map(|cause| cause.told(slot)).collect();
        let why = why.join("; ");
        let sentence =
            format!("events committed in ({after}, {until}] may be missing: {why}; {rows}");
        Fault::new(FaultKind::Gap, sentence, self.hint())
    }

    fn hint(&self) -> String {
        let first = match self.causes.first() {
            Some(Cause::OtherCluster { .. }) => {
                "make sure that [postgres] url leads to the right server, and that no other \
                 database's publisher shares database name, slot name and kafka.witness_topic; if \
                 it is right, "
            }
            _ => "see which rows of the range are not in Kafka; then ",
        };
        format!(
            "{first}run `postrider init --accept-gap`, which records the decision and lets \
             Postrider go on"
        )
    }
}

impl Cause {
    fn told(&self, slot: &str) -> String {
        match self {
            Cause::SlotAhead { slot: at, confirmed } => format!(
                "replication slot {slot:?} stands at {at}, ahead of {confirmed}, the last position \
                 that Postrider confirmed: it was moved, or dropped and made again"
            ),
            Cause::SlotGone { why, confirmed } => {
                format!("{why}, and {confirmed} was the last position that Postrider confirmed")
            }
            Cause::OtherCluster { before, position } => format!(
                "the server is another cluster than the one of which {position} was confirmed \
                 (system identifier {before})"
            ),
            Cause::OtherHistory { timeline, left, position } => format!(
                "the server's history leaves timeline {timeline} at {left}, before {position}, \
                 which was confirmed: what was published in between is not in this database"
            ),
            Cause::SetBack { end, position } => format!(
                "the server was put back to an earlier state (its WAL ends at {end}, {position} was \
                 confirmed): what was published since is not in this database"
            ),
            Cause::Spoiled { what } => format!("for a while, {what}"),
            Cause::Catalog { changed } => format!("{} changed", listed(changed)),
        }
    }
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
