//! The catalog is watched while events flow: what would lose rows in silence is held and named.

use std::time::Duration;

use crate::{
    facts::spoils,
    harness::{Stage, eventually},
};

/// A change is to be noticed within two seconds; the rest is for a busy machine.
const NOTICED: Duration = Duration::from_secs(6);

/// Streams, then runs `spoil`; the publisher holds and says `sentence`, and goes on after `mend`. `@`
/// is the publication.
fn holds_until_mended(spoil: &str, sentence: &str, mend: &str) {
    // What a witness makes of it is shown in `gaps`.
    let stage = Stage::new();
    stage.set("kafka.witness_topic", "''");
    let stage = stage.with_orders();
    stage.set("refused.first_wait", "\"500ms\"");
    stage.set("refused.longest_wait", "\"500ms\"");
    let publisher = stage.run();
    publisher.allow(sentence);
    stage.sql().run(&stage.insert("before", "'k'", "'{}'"));
    stage.records_when(&publisher, 1);

    if !spoils(&stage, &spoil.replace('@', &stage.name)) {
        assert_eq!(publisher.terminate(), 0);
        return;
    }
    let why = eventually("the publisher holds", NOTICED, || {
        publisher.get("/readyz").filter(|(status, _)| *status == 503).map(|(_, body)| body)
    });
    assert!(why.contains(sentence), "{why}");

    stage.sql().run(&mend.replace('@', &stage.name));
    publisher.ready();
    stage.sql().run(&stage.insert("after", "'k'", "'{}'"));
    stage.records_when(&publisher, 2);
    stage.confirmed();
    assert_eq!(publisher.terminate(), 0);
}

#[test]
fn a_row_filter_added_while_streaming_holds() {
    holds_until_mended(
        "alter publication @ set table outbox where (id <> 'missing')",
        "does not deliver the rows of public.outbox",
        "alter publication @ set table outbox",
    );
}

#[test]
fn a_publication_that_stops_publishing_inserts_while_streaming_holds() {
    holds_until_mended(
        "alter publication @ set (publish = 'update')",
        "does not deliver the rows of public.outbox",
        "alter publication @ set (publish = 'insert')",
    );
}

#[test]
fn a_table_taken_out_of_the_publication_while_streaming_holds() {
    holds_until_mended(
        "alter publication @ drop table outbox",
        "does not deliver the rows of public.outbox",
        "alter publication @ add table outbox",
    );
}
