//! The comparison of a witness with what is there.

use super::{
    gap::{Cause, Gap},
    look::Look,
    record::Witness,
};
use crate::wal::Lsn;

/// Where a timeline ended and the next began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineEnd {
    /// The timeline.
    pub timeline: u32,
    /// The first position that is not on it.
    pub end: Lsn,
}

/// What is there: server, slot and catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// The cluster's identifier.
    pub system_identifier: u64,
    /// The timeline.
    pub timeline: u32,
    /// The timelines that this one descends from.
    pub history: Vec<TimelineEnd>,
    /// What the slot says was confirmed, or why there is no such slot any more.
    pub slot_confirmed: Result<Lsn, String>,
    /// The catalog now, and the end of the WAL.
    pub look: Look,
}

/// Whether everything that was written since the witness comes through the slot. A slot without a
/// witness is taken as it is: there is nothing to compare it with.
///
/// # Errors
/// The gap, with everything that opens it: a range that covers all of them.
pub fn compare(witness: Option<&Witness>, here: &Here) -> Result<(), Gap> {
    let Some(witness) = witness else { return Ok(()) };
    let slot = witness.subject.slot.clone();
    let now = here.look.lsn;
    if witness.system_identifier != here.system_identifier {
        let (before, position) = (witness.system_identifier, witness.confirmed);
        let causes = vec![Cause::OtherCluster { before, position }];
        // Positions of another cluster say nothing here: all that it holds is in question.
        return Err(Gap { slot, causes, after: Lsn::ZERO, until: now, oldest_xid: None });
    }
    let found: Vec<(Cause, Lsn, Lsn)> = [
        of_history(witness, here),
        of_slot(witness, here),
        of_catalog(witness, here),
        was_spoiled(witness, here),
    ]
    .into_iter()
    .flatten()
    .collect();
    let Some(after) = found.iter().map(|(_, after, _)| *after).min() else { return Ok(()) };
    let until = found.iter().map(|(_, _, until)| *until).max().unwrap_or(now).max(after);
    // From the beginning on there is nothing to count from.
    let oldest_xid = Some(witness.seen.oldest_xid).filter(|_| after > Lsn::ZERO);
    let causes = found.into_iter().map(|(cause, ..)| cause).collect();
    Err(Gap { slot, causes, after, until, oldest_xid })
}

/// The server's history does not contain what was confirmed.
fn of_history(witness: &Witness, here: &Here) -> Option<(Cause, Lsn, Lsn)> {
    if here.timeline == witness.timeline {
        return was_set_back(witness, here);
    }
    let left = here.history.iter().find(|left| left.timeline == witness.timeline);
    let left = left.map_or(Lsn::ZERO, |left| left.end);
    let (timeline, position) = (witness.timeline, witness.confirmed);
    let cause = Cause::OtherHistory { timeline, left, position };
    (position > left).then_some((cause, left, here.look.lsn))
}

/// On one timeline neither the WAL's end nor transaction ids go back, but where an earlier state was
/// put back. From where on it is another history nobody can say, and the slot may be a new one.
fn was_set_back(witness: &Witness, here: &Here) -> Option<(Cause, Lsn, Lsn)> {
    let end = here.look.lsn;
    let goes_on = end >= witness.confirmed && here.look.oldest_xid >= witness.seen.oldest_xid;
    let cause = Cause::SetBack { end, position: witness.confirmed };
    (!goes_on).then_some((cause, Lsn::ZERO, end))
}

/// The slot is not where it was confirmed, or before.
fn of_slot(witness: &Witness, here: &Here) -> Option<(Cause, Lsn, Lsn)> {
    let confirmed = witness.confirmed;
    match &here.slot_confirmed {
        Err(why) => {
            let cause = Cause::SlotGone { why: why.clone(), confirmed };
            Some((cause, confirmed, here.look.lsn))
        }
        Ok(slot) if *slot > confirmed => {
            Some((Cause::SlotAhead { slot: *slot, confirmed }, confirmed, *slot))
        }
        Ok(_) => None,
    }
}

/// The catalog is not the one that was seen good.
fn of_catalog(witness: &Witness, here: &Here) -> Option<(Cause, Lsn, Lsn)> {
    let changed = witness.seen.identity.differences(&here.look.identity);
    let found = (Cause::Catalog { changed: changed.clone() }, witness.seen.lsn, here.look.lsn);
    (!changed.is_empty()).then_some(found)
}

/// The catalog was seen in a state in which rows go missing.
fn was_spoiled(witness: &Witness, here: &Here) -> Option<(Cause, Lsn, Lsn)> {
    let what = witness.spoiled.clone()?;
    Some((Cause::Spoiled { what }, witness.seen.lsn, here.look.lsn))
}
