//! Server: can this PostgreSQL decode, and is its version one to trust.

use super::report::{Area, Line};
use crate::postgres::facts::Facts;

const HERE: Area = Area::Postgres;

/// The majors that the tests run on.
const OLDEST: i32 = 14;
const NEWEST: i32 = 18;

/// A major version: the minors that mended what matters to a publisher, and its last day.
struct Major {
    number: i32,
    /// From here on rows are not lost when DDL that takes no strong lock, ALTER PUBLICATION among
    /// it, runs beside inserts (release notes of 17.5, 16.9, 15.13 and 14.18, 2025-05-08).
    keeps_rows: i32,
    /// From here on decoding does not distribute invalidations over and over until it runs out of
    /// memory, and a checkpoint does not remove WAL that a slot still needs (release notes of 17.6,
    /// 16.10, 15.14 and 14.19, 2025-08-14).
    keeps_slots: i32,
    /// From here on REPLICATION cannot run code on the server (CVE-2026-6471; release notes of
    /// 18.6, 17.11, 16.15, 15.19 and 14.24, 2026-08-13).
    allow_list: i32,
    /// postgresql.org/support/versioning: the last release, and its day since 1970.
    ends: (&'static str, i64),
}

const MAJORS: [Major; 5] = [
    major(14, [18, 19, 24], ("2026-11-12", 20_769)),
    major(15, [13, 14, 19], ("2027-11-11", 21_133)),
    major(16, [9, 10, 15], ("2028-11-09", 21_497)),
    major(17, [5, 6, 11], ("2029-11-08", 21_861)),
    major(18, [0, 0, 6], ("2030-11-14", 22_232)),
];

const fn major(number: i32, minors: [i32; 3], ends: (&'static str, i64)) -> Major {
    let [keeps_rows, keeps_slots, allow_list] = minors;
    Major { number, keeps_rows, keeps_slots, allow_list, ends }
}

/// Time enough to plan the upgrade to another major version, in days.
const SOON: i64 = 180;

/// Connection, primary, wal_level.
pub(super) fn judge(facts: &Facts, user: &str) -> Vec<Line> {
    let (names, server) = (&facts.names, &facts.server);
    let answers = format!(
        "PostgreSQL at {} answers; database {:?}, role {user:?}",
        names.endpoint, names.database
    );
    let mut lines = vec![Line::ok(HERE, "connection", answers)];
    if server.in_recovery {
        // The judgement of a standby hides that of its wal_level.
        lines.extend(facts.judge_server().err().map(|e| Line::of(HERE, "primary", &e.fault())));
        return lines;
    }
    lines.push(Line::ok(HERE, "primary", "the server is a primary"));
    lines.push(match facts.judge_server() {
        Ok(()) => Line::ok(HERE, "wal_level", "wal_level is logical"),
        Err(error) => Line::of(HERE, "wal_level", &error.fault()),
    });
    lines
}

/// The version, `number` as server_version_num has it. A server that has the setting
/// output_plugin_libraries (`has_allow_list`) has that fix, whatever its number. `today` is in days
/// since 1970.
pub(super) fn version(number: i32, has_allow_list: bool, today: i64) -> Line {
    let (major, minor) = (number / 10_000, number % 10_000);
    let name = "version";
    let warning = |sentence: String, hint: String| Line::warning(HERE, name, sentence, hint);
    if major < OLDEST {
        let hint =
            format!("upgrade to PostgreSQL {OLDEST} or newer; {NEWEST} is the newest tested");
        let sentence = format!("PostgreSQL {major}.{minor} is too old, {OLDEST} is the oldest");
        return Line::fault(HERE, name, sentence, hint);
    }
    let Some(known) = MAJORS.iter().find(|known| known.number == major) else {
        let sentence = format!("PostgreSQL {major}.{minor} is newer than what was tested");
        let hint = format!("try it where nothing depends on it; {NEWEST} is the newest tested");
        return warning(sentence, hint);
    };
    let upgrade =
        |to: i32| format!("upgrade to PostgreSQL {major}.{} or newer", to.max(known.allow_list));
    if minor < known.keeps_rows {
        let sentence = format!(
            "PostgreSQL {major}.{minor} can lose rows when ALTER PUBLICATION or other light DDL \
             runs beside inserts; {major}.{} mends that",
            known.keeps_rows
        );
        return Line::fault(HERE, name, sentence, upgrade(known.keeps_rows));
    }
    if minor < known.keeps_slots {
        let sentence = format!(
            "PostgreSQL {major}.{minor} can run out of memory while decoding beside DDL, and remove \
             WAL that a slot needs; {major}.{} mends both",
            known.keeps_slots
        );
        return warning(sentence, upgrade(known.keeps_slots));
    }
    if minor < known.allow_list && !has_allow_list {
        let sentence = format!(
            "PostgreSQL {major}.{minor} lets a role with REPLICATION run code on the server \
             (CVE-2026-6471); {major}.{} mends that",
            known.allow_list
        );
        return warning(sentence, upgrade(known.allow_list));
    }
    let (last_day, ends) = known.ends;
    let hint = || "plan the upgrade to a newer major version".to_owned();
    match ends - today {
        left if left < 0 => {
            warning(format!("PostgreSQL {major}.{minor} has had no fixes since {last_day}"), hint())
        }
        left if left <= SOON => {
            warning(format!("PostgreSQL {major}.{minor} gets its last fixes on {last_day}"), hint())
        }
        _ => Line::ok(HERE, name, format!("PostgreSQL {major}.{minor}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::report::State;

    /// 2026-09-01.
    const TODAY: i64 = 20_697;

    #[test]
    fn each_version_gets_its_worst_trouble() {
        for (number, allow_list, state, part) in [
            (130_022, false, State::Fault, "too old"),
            (140_017, false, State::Fault, "lose rows"),
            (140_018, false, State::Warning, "out of memory"),
            (140_024, false, State::Warning, "last fixes on 2026-11-12"),
            (150_012, false, State::Fault, "15.13 mends"),
            (150_013, false, State::Warning, "15.14 mends"),
            (150_018, false, State::Warning, "CVE-2026-6471"),
            (150_018, true, State::Ok, "PostgreSQL 15.18"),
            (150_019, false, State::Ok, "PostgreSQL 15.19"),
            (160_008, false, State::Fault, "16.9 mends"),
            (160_009, false, State::Warning, "16.10 mends"),
            (160_015, true, State::Ok, "PostgreSQL 16.15"),
            (170_004, false, State::Fault, "17.5 mends"),
            (170_005, false, State::Warning, "17.6 mends"),
            (170_011, true, State::Ok, "PostgreSQL 17.11"),
            (180_000, false, State::Warning, "18.6 mends"),
            (180_006, true, State::Ok, "PostgreSQL 18.6"),
            (190_000, true, State::Warning, "newer than what was tested"),
        ] {
            let line = version(number, allow_list, TODAY);
            assert_eq!(line.state, state, "{number}: {line:?}");
            assert!(line.sentence.contains(part), "{number}: {line:?}");
            assert_eq!(line.hint.is_some(), state != State::Ok, "{number}: {line:?}");
        }
    }

    #[test]
    fn the_end_of_a_major_version_is_told_half_a_year_ahead() {
        let on = |today| version(150_019, true, today).state;
        let (_, ends) = MAJORS[1].ends;
        assert_eq!([on(ends - 181), on(ends - 180)], [State::Ok, State::Warning]);
        let line = version(150_019, true, ends + 1);
        assert!(line.sentence.contains("no fixes since 2027-11-11"), "{line:?}");
    }

    #[test]
    fn the_days_of_the_table_are_its_dates() {
        for Major { number, ends: (date, day), .. } in MAJORS {
            let date: jiff::civil::Date = date.parse().expect("a date");
            let since = date - jiff::civil::date(1970, 1, 1);
            assert_eq!(i64::from(since.get_days()), day, "{number}");
        }
    }
}
