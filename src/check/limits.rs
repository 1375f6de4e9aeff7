//! Limits: what the server has few of, and what it lets a slot have.

use std::time::Duration;

use super::{
    report::{Area, Line},
    words,
};
use crate::postgres::{
    facts::Facts,
    survey::{Load, Survey},
};

const HERE: Area = Area::Postgres;

/// Kafka may be away for minutes; at a modest 5 MB/s of WAL a smaller limit is reached meanwhile.
const SMALL_KEEP_MIB: i64 = 1024;

/// Status updates come three times in this time; below, a busy machine may miss it.
const SHORT_SENDER_TIMEOUT: Duration = Duration::from_secs(10);

/// A restart, an upgrade or a night's maintenance takes less than a day; a mere pause, an hour.
const LONG_IDLE: Duration = Duration::from_secs(24 * 3600);
const SHORT_IDLE: Duration = Duration::from_secs(3600);

/// Slots, walsenders, max_slot_wal_keep_size and the two timeouts.
pub(super) fn judge(facts: &Facts, survey: &Survey) -> Vec<Line> {
    let slot_exists = facts.slot.is_some();
    let reads = facts.slot.as_ref().is_some_and(|slot| slot.active);
    let most = |setting| survey.number(setting).unwrap_or(0);
    let mut lines = vec![
        Stock::slots(&survey.load, most("max_replication_slots")).line(slot_exists),
        Stock::walsenders(&survey.load, most("max_wal_senders")).line(reads),
        keep_size(survey.number("max_slot_wal_keep_size").unwrap_or(-1)),
        sender_timeout(facts.server.wal_sender_timeout),
    ];
    lines.extend(survey.duration("idle_replication_slot_timeout").map(idle_timeout));
    lines.extend(survey.text("output_plugin_libraries").map(plugin_libraries));
    lines
}

/// Whether every walsender is in use, ours among them: a further connection would be refused.
pub(super) fn is_out_of_walsenders(facts: &Facts, survey: &Survey) -> bool {
    let reads = facts.slot.as_ref().is_some_and(|slot| slot.active);
    let most = survey.number("max_wal_senders").unwrap_or(0);
    reads && Stock::walsenders(&survey.load, most).is_used_up()
}

/// Something of which the server has only so many: is one left for us, or one ours already?
struct Stock {
    name: &'static str,
    what: &'static str,
    used: i64,
    most: i64,
    remedy: &'static str,
}

impl Stock {
    fn slots(load: &Load, most: i64) -> Stock {
        Stock {
            name: "replication_slots",
            what: "replication slots",
            used: load.slots,
            most,
            remedy: "drop slots that nobody uses, or raise max_replication_slots and restart \
                     PostgreSQL",
        }
    }

    fn walsenders(load: &Load, most: i64) -> Stock {
        Stock {
            name: "walsenders",
            what: "walsenders",
            used: load.walsenders,
            most,
            remedy: "raise max_wal_senders and restart PostgreSQL, or end other replication \
                     connections",
        }
    }

    fn is_used_up(&self) -> bool {
        self.used >= self.most
    }

    fn line(&self, ours_is_there: bool) -> Line {
        let Stock { name, what, used, most, remedy } = self;
        let is_used_up = self.is_used_up();
        let sentence = format!("{used} of {most} {what} in use");
        match (ours_is_there, is_used_up) {
            (true, _) => Line::ok(HERE, name, format!("{sentence}, ours among them")),
            (false, false) => Line::ok(HERE, name, sentence),
            (false, true) => {
                let sentence = format!("{sentence}, so there is none left for ours");
                Line::fault(HERE, name, sentence, *remedy)
            }
        }
    }
}

fn keep_size(mib: i64) -> Line {
    let name = "max_slot_wal_keep_size";
    if mib < 0 {
        return Line::warning(
            HERE,
            name,
            "max_slot_wal_keep_size is -1: a slot that lags can fill the disk",
            "set it to what the disk can spare; beyond it the slot is lost instead, so watch \
             postrider_slot_safe_bytes",
        );
    }
    let size = words::bytes(mib.unsigned_abs() * 1024 * 1024);
    let sentence = format!("max_slot_wal_keep_size is {size}");
    match mib < SMALL_KEEP_MIB {
        true => Line::warning(
            HERE,
            name,
            format!("{sentence}: a short outage of Kafka can cost the slot"),
            "raise it to what the disk can spare, and watch postrider_slot_safe_bytes",
        ),
        false => Line::ok(HERE, name, format!("{sentence}; a slot further behind is lost")),
    }
}

fn sender_timeout(timeout: Option<Duration>) -> Line {
    let name = "wal_sender_timeout";
    let hint = "set wal_sender_timeout to its default of 60s";
    match timeout {
        None => Line::warning(
            HERE,
            name,
            "wal_sender_timeout is 0: a connection that died in silence keeps the slot busy",
            hint,
        ),
        Some(timeout) if timeout < SHORT_SENDER_TIMEOUT => {
            let time = words::time(timeout);
            let sentence =
                format!("wal_sender_timeout is {time}: a short pause ends the connection");
            Line::warning(HERE, name, sentence, hint)
        }
        Some(timeout) => {
            let sentence = format!("wal_sender_timeout is {}", words::time(timeout));
            Line::ok(HERE, name, sentence)
        }
    }
}

/// PostgreSQL 18: slots that nobody reads for so long are lost, at the next checkpoint.
fn idle_timeout(timeout: Duration) -> Line {
    let name = "idle_replication_slot_timeout";
    let sentence = match timeout {
        Duration::ZERO => return Line::ok(HERE, name, format!("{name} is off")),
        _ => format!("{name} is {}", words::time(timeout)),
    };
    let consequence = "a publisher that is stopped for so long loses the slot";
    let hint = "set idle_replication_slot_timeout to 0, or longer than any outage";
    match timeout {
        _ if timeout < SHORT_IDLE => {
            Line::fault(HERE, name, format!("{sentence}: {consequence}"), hint)
        }
        _ if timeout < LONG_IDLE => {
            Line::warning(HERE, name, format!("{sentence}: {consequence}"), hint)
        }
        _ => Line::ok(HERE, name, sentence),
    }
}

/// Output plugins that replication may use, since CVE-2026-6471; ours is there by default.
fn plugin_libraries(list: &str) -> Line {
    let name = "output_plugin_libraries";
    let listed = list.split(',').any(|entry| entry.trim().trim_matches('"') == "pgoutput");
    match listed {
        true => Line::ok(HERE, name, "output_plugin_libraries allows pgoutput"),
        false => Line::fault(
            HERE,
            name,
            format!("output_plugin_libraries is {list:?}, which does not allow pgoutput"),
            "add pgoutput to output_plugin_libraries and reload the server's settings",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::State::{self, Fault, Ok as Fine, Warning};

    #[track_caller]
    fn assert_each(lines: Vec<(Line, State)>) {
        for (line, state) in lines {
            assert_eq!(line.state, state, "{line:?}");
            assert_eq!(line.hint.is_some(), state != Fine, "{line:?}");
        }
    }

    #[test]
    fn slots_and_walsenders_matter_only_when_we_need_another_one() {
        let load = Load { slots: 10, walsenders: 10, ..Load::default() };
        assert_each(vec![
            (Stock::slots(&load, 11).line(false), Fine),
            (Stock::slots(&load, 10).line(false), Fault),
            (Stock::slots(&load, 10).line(true), Fine),
            (Stock::walsenders(&load, 11).line(false), Fine),
            (Stock::walsenders(&load, 10).line(false), Fault),
            (Stock::walsenders(&load, 10).line(true), Fine),
        ]);
    }

    #[test]
    fn the_wal_kept_for_a_slot_has_a_limit_that_is_not_small() {
        let lines = [(-1, Warning), (64, Warning), (1024, Fine), (10 * 1024, Fine)];
        assert_each(lines.map(|(mib, state)| (keep_size(mib), state)).into());
        assert!(keep_size(10 * 1024).sentence.contains("10 GiB"));
    }

    #[test]
    fn timeouts_are_neither_off_nor_tiny() {
        let seconds = Duration::from_secs;
        assert_each(vec![
            (sender_timeout(None), Warning),
            (sender_timeout(Some(seconds(5))), Warning),
            (sender_timeout(Some(seconds(10))), Fine),
            (sender_timeout(Some(seconds(60))), Fine),
            (idle_timeout(Duration::ZERO), Fine),
            (idle_timeout(seconds(60)), Fault),
            (idle_timeout(seconds(3600)), Warning),
            (idle_timeout(seconds(7 * 86_400)), Fine),
        ]);
    }

    #[test]
    fn our_output_plugin_must_be_allowed_where_there_is_a_list() {
        assert_each(vec![
            (plugin_libraries("pgoutput, test_decoding"), Fine),
            (plugin_libraries("test_decoding,\"pgoutput\""), Fine),
            (plugin_libraries("test_decoding, my_pgoutput"), Fault),
            (plugin_libraries(""), Fault),
        ]);
    }
}
