//! What a walsender seldom does: it goes on, and nothing is confirmed too far.

use std::time::{Duration, Instant};

use crate::harness::{
    frames,
    play::{Play, commit_lsn, end},
};

#[test]
fn keepalives_below_the_confirmed_position_or_without_one_take_nothing_back() {
    let play = Play::with(|line, author| {
        author.serve(line, 0..1);
        line.confirmed(end(0));
        for wal_end in [0, end(0) - 1, commit_lsn(0), 1] {
            line.frame(&frames::keepalive(wal_end, true));
        }
        author.serve(line, 1..2);
        line.confirmed(end(1));
        line.frame(&frames::keepalive(0, true));
        line.frame(&frames::keepalive(end(1) + 100, true));
    });
    let publisher = play.stage.run();
    let goal = end(1) + 100;
    publisher.eventually("the last keepalive is confirmed", || {
        (play.walsender.confirmed() == goal).then_some(())
    });
    play.ends_well(&publisher, 2);
}

#[test]
fn a_keepalive_between_rows_and_before_their_acknowledgement_confirms_nothing() {
    let play = Play::with(|line, author| {
        for number in 0..20 {
            for frame in author.transaction(number) {
                line.frame(&frame);
                // As a walsender that is asked for its position in the middle would say it.
                line.bytes(&frames::message(b'd', &frames::keepalive(end(number) + 8, true)));
            }
            // Only when nothing is open or in flight it may be said back.
            line.frame(&frames::keepalive(end(number) + 8, true));
        }
        line.confirmed(end(19) + 8);
    });
    let publisher = play.stage.run();
    play.ends_well(&publisher, 20);
}

#[test]
fn a_storm_of_reply_requests_is_answered_in_measure_and_publishing_goes_on() {
    let play = Play::with(|line, author| {
        for number in 0..200 {
            for frame in author.transaction(number) {
                line.frame(&frame);
                for _ in 0..40 {
                    line.frame(&frames::keepalive(end(number) - 300, true));
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let publisher = play.stage.run();
    play.confirmed(&publisher, 199);
    let times: Vec<Instant> =
        play.walsender.heard(|heard| heard.statuses.iter().map(|status| status.at).collect());
    let took = times.last().unwrap().duration_since(times[0]).as_millis() as usize;
    // Every 50 ms at most; our clock starts when the first is heard.
    assert!(times.len() <= took / 45 + 3, "{} answers in {took} ms", times.len());
    play.ends_well(&publisher, 200);
}

#[test]
fn a_stream_that_comes_byte_by_byte_with_notices_between_its_frames_is_read_whole() {
    let play = Play::with(|line, author| {
        line.slice(1);
        for number in 0..5 {
            line.bytes(&frames::said(b'N', "WARNING", "01000", "something unusual"));
            line.bytes(&frames::parameter("TimeZone", "UTC"));
            for frame in author.transaction(number) {
                line.frame(&frame);
                line.bytes(&frames::said(b'N', "LOG", "00000", "nothing"));
                line.bytes(&frames::parameter("in_hot_standby", "off"));
            }
        }
    });
    let publisher = play.stage.run();
    play.ends_well(&publisher, 5);
    assert_eq!(play.records(), 10, "nothing is repeated");
}

#[test]
fn a_server_that_freezes_is_asked_for_a_sign_of_life_and_goes_on_when_it_thaws() {
    let play = Play::with(|line, author| {
        author.serve(line, 0..1);
        line.confirmed(end(0));
        line.freeze(true);
        // Two questions: the first was not answered.
        line.until(|heard| heard.statuses.iter().filter(|s| s.wants_reply).count() >= 2);
        line.freeze(false);
        author.serve(line, 1..2);
        line.confirmed(end(1));
        line.freeze(true);
    });
    let name = &play.stage.name;
    play.stage.sql().run(&format!("alter database {name} set wal_sender_timeout = '1s'"));
    let publisher = play.stage.run();
    play.confirmed(&publisher, 1);
    play.walsender.heard(|heard| {
        let asked = heard.statuses.iter().filter(|status| status.wants_reply).count();
        assert!(asked >= 2, "asked {asked} times");
        assert_eq!(heard.starts.len(), 1, "the connection was kept");
    });
    // And a frozen one does not keep us from leaving.
    let begun = Instant::now();
    play.ends_well(&publisher, 2);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn positions_of_rows_that_go_back_mean_nothing() {
    let play = Play::with(|line, author| {
        for number in 0..3 {
            line.frame(&frames::begin(commit_lsn(number)));
            line.frame(&author.relation());
            for ordinal in 0..2 {
                // Written long before the commit, as rows of a long transaction are.
                let mut row = author.row(number, ordinal);
                row[1..17].copy_from_slice(&[(commit_lsn(0) - 99).to_be_bytes(); 2].concat());
                line.frame(&row);
            }
            line.frame(&frames::commit(commit_lsn(number), end(number)));
        }
    });
    let publisher = play.stage.run();
    play.ends_well(&publisher, 3);
}
