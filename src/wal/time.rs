//! PgTimestamp: the instants of the replication protocol.

/// Microseconds since 2000-01-01 00:00:00 UTC, PostgreSQL's epoch.
///
/// Every time in the protocol has this form: PostgreSQL manual, "Streaming Replication Protocol"
/// and "Logical Replication Message Formats". Leap seconds do not count, as in Unix time. The
/// ends of the range are PostgreSQL's `-infinity` and `infinity`; conversions stay within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PgTimestamp(pub i64);

/// From 1970-01-01 to 2000-01-01: 10,957 days, POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE in
/// PostgreSQL's `datatype/timestamp.h`.
const UNIX_TO_PG_EPOCH_MICROS: i64 = 10_957 * 86_400 * 1_000_000;

impl PgTimestamp {
    /// Milliseconds since 1970-01-01 UTC, rounded down as Kafka's timestamps are.
    ///
    /// Rounded down and not towards zero, so that the order of two instants never turns around.
    pub fn unix_millis(self) -> i64 {
        self.unix_micros().div_euclid(1_000)
    }

    /// Microseconds since 1970-01-01 UTC; the last possible instant when out of range.
    pub fn unix_micros(self) -> i64 {
        self.0.saturating_add(UNIX_TO_PG_EPOCH_MICROS)
    }

    /// The instant `micros` microseconds after 1970-01-01 UTC; the first possible one when out of
    /// range.
    pub fn from_unix_micros(micros: i64) -> PgTimestamp {
        PgTimestamp(micros.saturating_sub(UNIX_TO_PG_EPOCH_MICROS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PgTimestamp;

    #[test]
    fn the_epoch_is_the_year_2000() {
        // `date -u -d 2000-01-01 +%s` is 946684800.
        assert_eq!(PgTimestamp(0).unix_millis(), 946_684_800_000);
        assert_eq!(PgTimestamp::from_unix_micros(946_684_800_000_000), PgTimestamp(0));
    }

    #[test]
    fn milliseconds_round_down_before_and_after_both_epochs() {
        assert_eq!(PgTimestamp(1_999).unix_millis(), 946_684_800_001);
        assert_eq!(PgTimestamp(-1).unix_millis(), 946_684_799_999);
        assert_eq!(PgTimestamp::from_unix_micros(-1).unix_millis(), -1);
    }

    #[test]
    fn the_ends_of_the_range_do_not_wrap() {
        assert_eq!(PgTimestamp(i64::MAX).unix_millis(), i64::MAX / 1_000);
        assert_eq!(PgTimestamp::from_unix_micros(i64::MIN), PgTimestamp(i64::MIN));
        assert!(PgTimestamp(i64::MIN).unix_millis() < 0);
    }

    proptest! {
        #[test]
        fn unix_microseconds_round_trip(micros in i64::MIN / 2..=i64::MAX) {
            prop_assert_eq!(PgTimestamp::from_unix_micros(micros).unix_micros(), micros);
        }

        #[test]
        fn conversion_keeps_order(a: i64, b: i64) {
            let (earlier, later) = (a.min(b), a.max(b));
            prop_assert!(PgTimestamp(earlier).unix_millis() <= PgTimestamp(later).unix_millis());
            prop_assert!(
                PgTimestamp::from_unix_micros(earlier) <= PgTimestamp::from_unix_micros(later)
            );
        }
    }
}
