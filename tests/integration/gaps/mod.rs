//! Gaps: what cannot come through the slot any more is held and named, never passed in silence.

mod catalog;
mod clusters;
mod quiet;
mod slots;
mod witness;

use crate::harness::{Publisher, Sql, Stage, lsn};

/// The range that a publisher names, and what went wrong in its words.
pub struct Named {
    after: u64,
    until: u64,
    pub words: String,
}

/// Waits until the publisher names a gap.
#[track_caller]
pub fn named(publisher: &Publisher) -> Named {
    publisher.allow("may be missing");
    let words = publisher.holds("events committed in (");
    range(&words)
}

/// The range in a sentence.
#[track_caller]
pub fn range(words: &str) -> Named {
    let start = words.find("events committed in (").expect("a range");
    let text = &words[start + "events committed in (".len()..];
    let (after, rest) = text.split_once(", ").expect("a range");
    let (until, _) = rest.split_once(']').expect("a range");
    Named { after: lsn(after), until: lsn(until), words: words.to_owned() }
}

/// Rows and where in the WAL they were committed: after the first position and not after the second.
#[derive(Default)]
pub struct Written(Vec<(String, u64, u64)>);

impl Written {
    /// Commits one row.
    pub fn write(&mut self, stage: &Stage<'_>, id: &str) {
        self.write_on(&stage.sql(), stage, id);
    }

    /// Commits one row on a server that is not the stage's.
    pub fn write_on(&mut self, sql: &Sql, stage: &Stage<'_>, id: &str) {
        let end = || lsn(&sql.text("select pg_current_wal_insert_lsn()").unwrap());
        let before = end();
        sql.run(&stage.insert(id, "'k'", "'{}'"));
        self.0.push((id.to_owned(), before, end()));
    }

    /// Each row is in Kafka or in the range; how many are in the range alone.
    #[track_caller]
    pub fn are_delivered_or_named(&self, stage: &Stage<'_>, named: &Named) -> usize {
        let delivered = stage.first_ids();
        let mut missing = 0;
        for (id, before, end) in &self.0 {
            if delivered.contains(id) {
                continue;
            }
            missing += 1;
            assert!(
                named.after <= *before && *end <= named.until,
                "{id}, committed in ({before:X}, {end:X}], is neither in Kafka nor in {}",
                named.words
            );
        }
        missing
    }
}

/// A stage whose publisher tries again soon.
pub fn stage() -> Stage<'static> {
    quick(Stage::new()).with_orders()
}

/// Lets the publisher of a stage try again soon.
pub fn quick<'a>(stage: Stage<'a>) -> Stage<'a> {
    stage.set("refused.first_wait", "'300ms'");
    stage.set("refused.longest_wait", "'300ms'");
    stage
}

/// `init --accept-gap`, which must take note of a gap.
#[track_caller]
pub fn accept(stage: &Stage<'_>) {
    let said = stage.says(&["init", "--accept-gap"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("are given up"), "{said:?}");
}

/// Publishing goes on after a gap was accepted: a new row arrives and is confirmed.
#[track_caller]
pub fn goes_on(stage: &Stage<'_>, publisher: &Publisher, written: &mut Written) {
    written.write(stage, "at-last");
    arrives(stage, publisher);
    stage.confirmed();
}

/// The last row arrives.
#[track_caller]
pub fn arrives(stage: &Stage<'_>, publisher: &Publisher) {
    publisher.ready();
    publisher.eventually("the last row arrives", || {
        stage.first_ids().contains(&"at-last".to_owned()).then_some(())
    });
}
