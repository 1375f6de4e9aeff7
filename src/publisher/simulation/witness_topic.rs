//! WitnessTopic: the compacted topic of witnesses, and what may be said by it.

use super::{chronicle::Chronicle, coverage::Rare};
use crate::{
    kafka::witnesses::Records,
    wal::Lsn,
    witness::{Here, Highest, Subject, TimelineEnd, Witness, highest},
};

/// The topic as its readers find it.
pub(super) struct WitnessTopic {
    /// The last value of each key.
    records: Records,
    /// As it was before the last record came.
    before: Records,
    /// Timeline and position of each witness that was ever appended, until a gap was accepted.
    said: Vec<(u32, Lsn)>,
    /// A reader was shown less than was acknowledged. What it wrote then, others go by.
    pub(super) has_shown_less: bool,
    chronicle: Chronicle,
}

/// The slot that all of it is about.
pub(super) fn subject() -> Subject {
    Subject { database: "shop".into(), slot: "postrider".into() }
}

impl WitnessTopic {
    pub(super) fn new(chronicle: Chronicle) -> WitnessTopic {
        let (records, before) = (Records::new(), Records::new());
        WitnessTopic { records, before, said: Vec::new(), has_shown_less: false, chronicle }
    }

    /// A record is appended; `None` erases.
    pub(super) fn append(&mut self, key: &str, value: Option<&[u8]>) {
        self.before.clone_from(&self.records);
        let Some(value) = value else {
            self.records.remove(key);
            return;
        };
        if let Some(witness) = Witness::from_json(value) {
            self.said.push((witness.timeline, witness.confirmed));
        }
        self.records.insert(key.to_owned(), value.to_vec());
    }

    /// Everything, or everything but the newest: right after a change of leader a broker may show less.
    pub(super) fn read(&mut self, is_behind: bool) -> Records {
        self.has_shown_less |= is_behind;
        if is_behind { self.before.clone() } else { self.records.clone() }
    }

    /// The highest position that was witnessed on this timeline.
    pub(super) fn highest_on(&self, timeline: u32) -> Option<Lsn> {
        let on = self.said.iter().filter(|(other, _)| *other == timeline);
        on.map(|(_, confirmed)| *confirmed).max()
    }

    /// Timelines and positions of what was witnessed, for people.
    pub(super) fn said(&self) -> String {
        format!("{:?}", self.said)
    }

    /// Whether something was witnessed that the server's history has not.
    pub(super) fn is_gap_true(&self, now: u32, history: &[TimelineEnd]) -> bool {
        self.said.iter().filter(|(timeline, _)| *timeline != now).any(|(timeline, confirmed)| {
            let end = history.iter().find(|end| end.timeline == *timeline).map(|end| end.end);
            end.is_none_or(|end| *confirmed > end)
        })
    }

    /// A person passes over the gap: `postrider init --accept-gap`.
    pub(super) fn accept(&mut self, here: &Here) {
        let list = self.records.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
        let found: Highest = highest(&subject(), list);
        let witness = Witness {
            subject: subject(),
            system_identifier: here.system_identifier,
            timeline: here.timeline,
            epoch: found.next_epoch(),
            confirmed: here.slot_confirmed.clone().unwrap_or(here.look.lsn),
            seen: here.look.clone(),
            spoiled: None,
        };
        self.said.clear();
        self.has_shown_less = false;
        self.append(&subject().key("accepted"), Some(&witness.to_json()));
        self.chronicle.fault("a person accepts the gap");
        self.chronicle.saw(Rare::GapAccepted);
    }
}
