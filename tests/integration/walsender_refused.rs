//! What no walsender should say: one sentence, nothing confirmed behind it, and on when it is right again.

use crate::harness::{
    Line,
    frames::{self, COLUMNS},
    play::{Author, Play, commit_lsn, end},
};

/// One thing said in place of transaction 1, and the words of the hold; none when it is only a
/// connection that ends.
struct Case {
    name: &'static str,
    said: fn(&Line, &Author),
    holds: Option<&'static str>,
}

/// Plays one case after the other, each in a session of its own: transaction `n`, then the case,
/// and on the next connection all is well again.
fn plays(cases: &'static [Case]) {
    let play = Play::with(move |line, author| {
        let done = line.session as usize - 1;
        author.serve(line, 0..line.session.into());
        line.confirmed(end(done as u64));
        let Some(case) = cases.get(done) else { return };
        (case.said)(line, author);
    });
    let publisher = play.stage.start(&[]);
    publisher.allow("WARN").allow("ERROR");
    for (number, case) in cases.iter().enumerate() {
        let what = format!("{} ended the session", case.name);
        publisher.eventually(&what, || {
            play.walsender.heard(|heard| (heard.starts.len() > number + 1).then_some(()))
        });
        let log = publisher.log();
        assert!(!log.contains("panicked"), "{}: {log}", case.name);
        if let Some(words) = case.holds {
            assert!(log.contains(words), "{}: {words:?} is not in {log}", case.name);
        }
    }
    play.ends_well(&publisher, cases.len() as u64 + 1);
}

/// Where the transaction behind the last good one lies, whichever session it is.
fn next(line: &Line) -> u64 {
    line.session.into()
}

fn opened(line: &Line, author: &Author) -> u64 {
    let number = next(line);
    line.frame(&frames::begin(commit_lsn(number)));
    line.frame(&author.relation());
    number
}

#[test]
fn messages_that_nobody_knows_hold_and_are_not_passed_over() {
    plays(&[
        Case {
            name: "a frame of another kind",
            said: |line, _| line.frame(b"x nothing"),
            holds: Some("the frame has the unknown tag 'x'"),
        },
        Case {
            name: "an empty frame",
            said: |line, _| line.frame(b""),
            holds: Some("the server sent a message in which"),
        },
        Case {
            name: "a pgoutput message of another kind",
            said: |line, author| {
                opened(line, author);
                line.frame(&frames::xlog_data(commit_lsn(next(line)), b"Z???"));
            },
            holds: Some("unknown tag 'Z'"),
        },
        Case {
            name: "a protocol message of another kind",
            said: |line, _| line.bytes(&frames::message(b'~', b"?")),
            holds: Some("does not speak PostgreSQL's replication protocol"),
        },
        Case {
            name: "a message that has no place in a stream",
            said: |line, _| line.bytes(&frames::answer(&["a row"])),
            holds: Some("a message that has no place in a stream"),
        },
        Case {
            name: "a frame of two gigabytes",
            said: |line, _| line.bytes(b"d\x7f\xff\xff\xff and its first bytes"),
            holds: Some("does not speak PostgreSQL's replication protocol"),
        },
        Case {
            name: "a frame of a negative length",
            said: |line, _| line.bytes(b"d\xff\xff\xff\xff and its first bytes"),
            holds: Some("does not speak PostgreSQL's replication protocol"),
        },
        Case {
            name: "a frame that is shorter than its own length",
            said: |line, _| line.bytes(b"d\0\0\0\x03???"),
            holds: Some("does not speak PostgreSQL's replication protocol"),
        },
        Case {
            name: "an error without an end",
            said: |line, _| line.bytes(&frames::message(b'E', b"SERROR\0C57P01\0Mwords")),
            holds: Some("does not speak PostgreSQL's replication protocol"),
        },
    ]);
}

#[test]
fn a_stream_out_of_order_holds_and_is_not_put_right_by_us() {
    plays(&[
        Case {
            name: "a commit before its begin",
            said: |line, _| {
                line.frame(&frames::commit(commit_lsn(next(line)), end(next(line))));
            },
            holds: Some("a commit outside of a transaction"),
        },
        Case {
            name: "a row outside of a transaction",
            said: |line, author| line.frame(&author.row(next(line), 0)),
            holds: Some("a row outside of a transaction"),
        },
        Case {
            name: "a begin inside a transaction",
            said: |line, author| {
                opened(line, author);
                line.frame(&frames::begin(commit_lsn(next(line) + 1)));
            },
            holds: Some("a transaction that begins inside another"),
        },
        Case {
            name: "another transaction's commit",
            said: |line, author| {
                let number = opened(line, author);
                line.frame(&frames::commit(commit_lsn(number + 1), end(number + 1)));
            },
            holds: Some("a commit that is not its transaction's"),
        },
        Case {
            name: "a commit that ends before it begins",
            said: |line, author| {
                let number = opened(line, author);
                line.frame(&frames::commit(commit_lsn(number), commit_lsn(number) - 8));
            },
            holds: Some("a commit that is not its transaction's"),
        },
        Case {
            name: "a transaction below the confirmed position",
            said: |line, author| {
                for frame in author.transaction(next(line) - 1) {
                    line.frame(&frame);
                }
            },
            holds: Some("a commit that ends before what was confirmed"),
        },
        Case {
            name: "a row of a table that was never described",
            said: |line, author| {
                opened(line, author);
                let stranger = Author::new(author.oid + 1, "stranger");
                line.frame(&stranger.row(next(line), 0));
            },
            holds: Some("a row of a table that it has not described"),
        },
    ]);
}

#[test]
fn what_ends_a_stream_early_is_an_end_and_the_next_one_begins_where_it_must() {
    plays(&[
        Case {
            name: "CopyDone outside of a transaction",
            said: |line, _| line.bytes(&frames::message(b'c', b"")),
            holds: None,
        },
        Case {
            name: "CopyDone between the rows of a transaction",
            said: |line, author| {
                let number = opened(line, author);
                line.frame(&author.row(number, 0));
                line.bytes(&frames::message(b'c', b""));
            },
            holds: None,
        },
        Case {
            name: "an error between the rows of a transaction",
            said: |line, author| {
                let number = opened(line, author);
                line.frame(&author.row(number, 0));
                line.bytes(&frames::said(b'E', "FATAL", "57P01", "terminating by command"));
            },
            holds: Some("terminating by command"),
        },
        Case {
            name: "an error that nobody knows",
            said: |line, _| line.bytes(&frames::said(b'E', "ERROR", "XX001", "index broken")),
            holds: Some("index broken (SQLSTATE XX001)"),
        },
        Case {
            name: "a publication that is skipped",
            said: |line, _| {
                let words = "skipped loading publication \"p\"";
                line.bytes(&frames::said(b'N', "WARNING", "55000", words));
            },
            holds: Some("publication"),
        },
        Case {
            name: "the end of the connection before a commit",
            said: |line, author| {
                let number = opened(line, author);
                line.frame(&author.row(number, 0));
                line.frame(&author.row(number, 1));
                line.cut();
            },
            holds: None,
        },
    ]);
}

#[test]
fn a_table_that_changes_in_mid_stream_goes_on_or_holds_by_what_is_left_of_it() {
    plays(&[
        Case {
            name: "a required column that is gone",
            said: |line, author| {
                opened(line, author);
                let rest: Vec<_> =
                    COLUMNS.iter().filter(|(name, _)| *name != "aggregateid").copied().collect();
                line.frame(&frames::relation(author.oid, b'd', &rest));
            },
            holds: Some("aggregateid"),
        },
        Case {
            name: "a column under another name",
            said: |line, author| {
                opened(line, author);
                let mut renamed = COLUMNS;
                renamed[4].0 = "body";
                line.frame(&frames::relation(author.oid, b'd', &renamed));
            },
            holds: Some("payload"),
        },
        Case {
            name: "columns in other places, one more, and another replica identity",
            said: |line, author| {
                let number = opened(line, author);
                let mut other = COLUMNS;
                other.swap(3, 4);
                let more = [&other[..], &[("note", 25)]].concat();
                line.frame(&frames::relation(author.oid, b'f', &more));
                let id = |ordinal| format!("{number}-{ordinal}");
                let topic = author.aggregate();
                for ordinal in 0..2 {
                    let id = id(ordinal);
                    let row = [&id[..], topic, "k", "{}", "made", "1", "1", "x"].map(Some);
                    line.frame(&frames::insert(author.oid, commit_lsn(number) - 16, &row));
                }
                line.frame(&frames::commit(commit_lsn(number), end(number)));
                line.confirmed(end(number));
                line.cut();
            },
            holds: None,
        },
    ]);
}
