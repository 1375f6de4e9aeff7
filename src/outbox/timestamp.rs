//! Record timestamps from timestamptz and timestamp text, in PostgreSQL's ISO style.

/// The record's timestamp in milliseconds since the Unix epoch: what `text` says, or `commit`
/// where Kafka would not take that. `None` when `text` is no timestamp in the ISO style.
///
/// Kafka does not take infinity nor times before the epoch, and by default refuses what is more
/// than an hour ahead of the broker's clock. The commit is never ahead of that clock, and unlike
/// the clock it is the same in every repeat, so the hour is counted from the commit. The epoch
/// itself is left out because librdkafka reads 0 as "now".
pub(super) fn record_timestamp(text: &[u8], commit: i64) -> Option<i64> {
    if matches!(text, b"infinity" | b"-infinity") {
        return Some(commit);
    }
    let millis = unix_millis(text)?;
    let latest = commit.saturating_add(MOST_AHEAD);
    Some(if (1..=latest).contains(&millis) { millis } else { commit })
}

/// Kafka's default for `message.timestamp.after.max.ms`.
const MOST_AHEAD: i64 = 3_600_000;

/// Reads `2024-05-01 12:34:56.789+05:30`, with an optional fraction, offset (none is UTC) and `BC`.
///
/// By hand, because years beyond 9999 and before 1, and offsets with seconds, are all PostgreSQL's.
fn unix_millis(text: &[u8]) -> Option<i64> {
    let mut rest = Cursor(text);
    let year = rest.number(4..=6)?;
    let month = rest.after(b'-')?.number(2..=2)?;
    let day = rest.after(b'-')?.number(2..=2)?;
    let hour = rest.after(b' ')?.number(2..=2)?;
    let minute = rest.after(b':')?.number(2..=2)?;
    let second = rest.after(b':')?.number(2..=2)?;
    let fraction = if rest.skip(b".") { rest.milliseconds()? } else { 0 };
    let offset = rest.offset()?;
    let before_christ = rest.skip(b" BC");

    let in_range = rest.0.is_empty() && year > 0 && hour < 24 && minute < 60 && second < 60;
    // 1 BC is the year before 1 AD.
    let year = if before_christ { 1 - year } else { year };
    let days = days_since_epoch(year, month, day).filter(|_| in_range)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset;
    Some(seconds * 1000 + fraction)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, where year 0 is 1 BC.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    const DAYS_BEFORE_MONTH: [i64; 13] =
        [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];
    const DAYS_BEFORE_EPOCH: i64 = 719_162;

    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let index = usize::try_from(month - 1).ok().filter(|index| *index < 12)?;
    let leap_day = |month| i64::from(leap && month > 2);
    let before_month = DAYS_BEFORE_MONTH[index] + leap_day(month);
    let before_next = DAYS_BEFORE_MONTH[index + 1] + leap_day(month + 1);
    if day < 1 || before_month + day > before_next {
        return None;
    }
    let past = year - 1;
    let leap_days = past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400);
    Some(past * 365 + leap_days + before_month + day - 1 - DAYS_BEFORE_EPOCH)
}

/// What is still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// Skips `prefix` if it comes next, and says whether it did.
    fn skip(&mut self, prefix: &[u8]) -> bool {
        let rest = self.0.strip_prefix(prefix);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Skips `separator`, which must come next.
    fn after(&mut self, separator: u8) -> Option<&mut Self> {
        self.skip(&[separator]).then_some(self)
    }

    /// Takes all digits that come next.
    fn digits(&mut self, length: std::ops::RangeInclusive<usize>) -> Option<&[u8]> {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        length.contains(&count).then_some(digits)
    }

    fn number(&mut self, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
        let digits = self.digits(length)?;
        Some(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// The digits behind the decimal point, cut to milliseconds.
    fn milliseconds(&mut self) -> Option<i64> {
        let digits = self.digits(1..=6)?;
        let padded = digits.iter().chain(b"00").take(3);
        Some(padded.fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// `+HH`, `+HH:MM` or `+HH:MM:SS` in seconds east of UTC; nothing is UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0.first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(0),
        };
        self.0 = &self.0[1..];
        let hours = self.number(2..=2)?;
        let minutes = if self.skip(b":") { self.number(2..=2)? } else { 0 };
        let seconds = if self.skip(b":") { self.number(2..=2)? } else { 0 };
        Some(sign * ((hours * 60 + minutes) * 60 + seconds))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::Offset};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn iso_text_becomes_milliseconds() {
        for (text, millis) in [
            ("1970-01-01 00:00:00+00", 0),
            ("1970-01-01 00:00:00.001+00", 1),
            ("2024-05-01 12:34:56.789+00", 1_714_566_896_789),
            ("2024-05-01 12:34:56.7+00", 1_714_566_896_700),
            ("2024-05-01 12:34:56.789999+00", 1_714_566_896_789),
            ("2024-05-01 12:34:56.000009", 1_714_566_896_000),
            ("2024-05-01 18:04:56+05:30", 1_714_566_896_000),
            ("2024-05-01 09:04:56-03:30", 1_714_566_896_000),
            ("2024-05-01 12:54:28+00:19:32", 1_714_566_896_000),
            ("2024-02-29 00:00:00+00", 1_709_164_800_000),
            ("10000-01-01 00:00:00+00", 253_402_300_800_000),
            ("294276-12-31 23:59:59.999999", 9_224_318_015_999_999),
            ("0001-12-31 23:59:59+00 BC", -62_135_596_801_000),
            ("4714-11-24 00:00:00+00 BC", -210_866_803_200_000),
        ] {
            assert_eq!(unix_millis(text.as_bytes()), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_iso_timestamp_is_refused() {
        for text in [
            "",
            "now",
            "2024-05-01",
            "2024-05-01T12:34:56Z",
            "05/01/2024 12:34:56 UTC",
            "Wed May 01 12:34:56 2024 UTC",
            "2024-13-01 00:00:00+00",
            "2024-00-01 00:00:00+00",
            "2024-02-30 00:00:00+00",
            "2023-02-29 00:00:00+00",
            "2024-04-00 00:00:00+00",
            "2024-05-01 24:00:00+00",
            "2024-05-01 00:60:00+00",
            "2024-05-01 00:00:60+00",
            "2024-05-01 00:00:00.+00",
            "2024-05-01 00:00:00.1234567+00",
            "2024-05-01 00:00:00+0",
            "2024-05-01 00:00:00+00 AD",
            "2024-05-01 00:00:00+00 BC ",
            "0000-05-01 00:00:00+00",
            "999-05-01 00:00:00+00",
        ] {
            assert_eq!(unix_millis(text.as_bytes()), None, "{text}");
            assert_eq!(record_timestamp(text.as_bytes(), 7), None, "{text}");
        }
    }

    #[test]
    fn the_commit_time_stands_in_for_what_kafka_would_refuse() {
        let commit = 1_714_566_896_000;
        for (text, millis) in [
            ("2024-05-01 12:34:56.001+00", commit + 1),
            ("1970-01-01 00:00:00.001+00", 1),
            ("2024-05-01 13:34:56+00", commit + 3_600_000),
            ("2024-05-01 13:34:56.001+00", commit),
            ("294276-12-31 23:59:59.999999+00", commit),
            ("1970-01-01 00:00:00+00", commit),
            ("1969-12-31 23:59:59+00", commit),
            ("2024-05-01 12:34:56+00 BC", commit),
            ("infinity", commit),
            ("-infinity", commit),
        ] {
            assert_eq!(record_timestamp(text.as_bytes(), commit), Some(millis), "{text}");
        }
    }

    /// An offset as PostgreSQL writes it: minutes and seconds only where they are not zero.
    fn offset_text(seconds: i32) -> String {
        let sign = if seconds < 0 { '-' } else { '+' };
        let total = seconds.abs();
        let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
        match (minutes, seconds) {
            (0, 0) => format!("{sign}{hours:02}"),
            (_, 0) => format!("{sign}{hours:02}:{minutes:02}"),
            _ => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        }
    }

    proptest! {
        #[test]
        fn readings_agree_with_jiff(
            micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000,
            offset in prop_oneof![
                Just(0),
                (-14..=14).prop_map(|hours| hours * 3600),
                -57_540..=57_540,
            ],
        ) {
            let instant = Timestamp::from_microsecond(micros).unwrap();
            let local = Offset::from_seconds(offset).unwrap().to_datetime(instant);
            let text = format!("{}{}", local.strftime("%Y-%m-%d %H:%M:%S%.f"), offset_text(offset));
            prop_assert_eq!(unix_millis(text.as_bytes()), Some(micros.div_euclid(1000)), "{}", text);
        }

        #[test]
        fn any_bytes_give_a_timestamp_or_none(text: Vec<u8>, commit: i64) {
            record_timestamp(&text, commit);
        }

        #[test]
        fn near_misses_never_panic(text in "[0-9]{4,7}-[0-9]{2}-[0-9]{2} [0-9:.+-]{0,20}( BC)?") {
            unix_millis(text.as_bytes());
        }
    }
}
