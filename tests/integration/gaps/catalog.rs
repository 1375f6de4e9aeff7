//! Publication and table: changed and changed back, each row is delivered or in the named range.

use super::{Written, accept, goes_on, named, stage};
use crate::{facts::spoils, harness::Stage};

/// What is done, and what takes it back. `@` is the publication.
struct Change {
    spoil: &'static str,
    mend: &'static str,
    /// What the publisher says has changed.
    says: &'static str,
}

const DROPPED: Change = Change {
    spoil: "alter publication @ drop table outbox",
    mend: "alter publication @ add table outbox",
    says: "the publication's entry of the table",
};

const REPLACED: Change = Change {
    spoil: "alter table outbox rename to outbox_old;
            create table outbox (like outbox_old including all);
            alter table outbox owner to postrider",
    mend: "alter publication @ set table outbox",
    says: "the table changed",
};

const FILTERED: Change = Change {
    spoil: "alter publication @ set table outbox where (id <> 'during')",
    mend: "alter publication @ set table outbox",
    says: "the publication's entry of the table",
};

const FEWER_COLUMNS: Change = Change {
    spoil: "alter publication @ set table outbox (id, aggregatetype, aggregateid, type)",
    mend: "alter publication @ set table outbox",
    says: "the publication's entry of the table",
};

const REPUBLISHED: Change = Change {
    spoil: "drop publication @",
    mend: "create publication @ for table outbox
           with (publish = 'insert', publish_via_partition_root = true)",
    says: "the publication",
};

const NO_INSERTS: Change = Change {
    spoil: "alter publication @ set (publish = 'update')",
    mend: "alter publication @ set (publish = 'insert')",
    says: "the publication",
};

const UNLOGGED: Change = Change {
    spoil: "alter publication @ drop table outbox; alter table outbox set unlogged",
    mend: "alter table outbox set logged; alter publication @ add table outbox",
    says: "the publication's entry of the table",
};

fn run(stage: &Stage<'_>, sql: &str) -> bool {
    let sql = sql.replace('@', &stage.name);
    sql.split(';').all(|statement| spoils(stage, statement))
}

/// While it runs: changed, noticed, changed back, named, accepted.
fn while_it_runs(change: &Change) {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    publisher.allow("may be missing").allow("does not").allow("is unlogged").allow("has no column");
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    if !run(&stage, change.spoil) {
        assert_eq!(publisher.terminate(), 0);
        return;
    }
    written.write(&stage, "during");
    publisher.holds("");
    written.write(&stage, "held");
    run(&stage, change.mend);
    written.write(&stage, "after");

    let named = named(&publisher);
    assert!(named.words.contains(change.says), "{}", named.words);
    assert!(named.words.contains("rows of public.outbox were written since"), "{}", named.words);
    accept(&stage);
    goes_on(&stage, &publisher, &mut written);
    written.are_delivered_or_named(&stage, &named);
    assert_eq!(publisher.terminate(), 0);
}

/// Between two runs: nobody looked while it was changed and changed back.
fn while_it_is_down(change: &Change) {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    stage.confirmed();
    publisher.kill();
    written.write(&stage, "down");
    if !run(&stage, change.spoil) {
        return;
    }
    written.write(&stage, "during");
    run(&stage, change.mend);
    written.write(&stage, "after");

    let publisher = stage.start(&[]);
    publisher.allow("does not");
    let named = named(&publisher);
    assert!(named.words.contains(change.says), "{}", named.words);
    publisher.kill();
    // A restart does not forget it, and init does not pass over it.
    stage.run_and_leave().refuses(76, &["may be missing", change.says]);
    stage.says(&["init"]).refuses(76, &["may be missing", change.says]);
    accept(&stage);
    let publisher = stage.start(&[]);
    goes_on(&stage, &publisher, &mut written);
    assert!(written.are_delivered_or_named(&stage, &named) > 0, "the row during it went missing");
    assert_eq!(publisher.terminate(), 0);
}

macro_rules! each_change {
    ($($name:ident: $change:expr),* $(,)?) => {
        mod noticed_while_it_runs { use super::*; $(#[test] fn $name() { while_it_runs(&$change) })* }
        mod noticed_at_the_start { use super::*; $(#[test] fn $name() { while_it_is_down(&$change) })* }
    };
}

each_change! {
    a_table_taken_out_of_the_publication_and_put_back: DROPPED,
    a_table_renamed_and_made_again: REPLACED,
    a_row_filter: FILTERED,
    a_column_list: FEWER_COLUMNS,
    a_publication_dropped_and_made_again: REPUBLISHED,
    a_publication_without_inserts: NO_INSERTS,
    a_table_made_unlogged: UNLOGGED,
}

/// Where all tables are published, PostgreSQL lets one be made unlogged without a word, and nothing
/// in the catalog shows it once it is mended.
#[test]
fn a_table_among_all_tables_made_unlogged_for_a_while() {
    let (stage, mut written) = (super::quick(Stage::new()), Written::default());
    stage.sql().run(crate::harness::TABLE);
    stage.topic("orders", &[]);
    let all = format!("create publication {} for all tables with (publish = 'insert')", stage.name);
    stage.postgres.sql(&stage.name).run(&all);
    stage.init();
    let publisher = stage.run();
    publisher.allow("is unlogged").allow("may be missing");
    written.write(&stage, "before");
    stage.records_when(&publisher, 1);
    stage.sql().run("alter table outbox set unlogged");
    written.write(&stage, "during");
    publisher.holds("is unlogged");
    // Nor does a restart forget it.
    publisher.kill();
    stage.sql().run("alter table outbox set logged");
    written.write(&stage, "after");

    let publisher = stage.start(&[]);
    let named = named(&publisher);
    assert!(
        named.words.contains("for a while, table public.outbox is unlogged"),
        "{}",
        named.words
    );
    accept(&stage);
    goes_on(&stage, &publisher, &mut written);
    assert!(written.are_delivered_or_named(&stage, &named) > 0, "the row during it went missing");
    assert_eq!(publisher.terminate(), 0);
}

/// Daily work on table and publication.
#[test]
fn what_does_not_concern_the_rows_is_no_gap() {
    let (stage, mut written) = (stage(), Written::default());
    let publisher = stage.run();
    let daily = [
        "create table other (id int)",
        "alter publication @ add table other",
        "alter publication @ drop table other",
        "create index on outbox (aggregateid)",
        "alter table outbox add column more text",
        "analyze outbox",
        "truncate outbox",
        "vacuum full outbox",
    ];
    for (number, sql) in daily.iter().enumerate() {
        stage.sql().run(&sql.replace('@', &stage.name));
        std::thread::sleep(std::time::Duration::from_millis(400));
        written.write(&stage, &format!("row-{number}"));
    }
    assert_eq!(publisher.terminate(), 0);
    let publisher = stage.run();
    goes_on(&stage, &publisher, &mut written);
    assert_eq!(stage.first_ids().len(), daily.len() + 1);
    assert_eq!(publisher.terminate(), 0);
}
