//! Lsn: a byte position in PostgreSQL's write-ahead log.

use std::{fmt, str::FromStr};

/// A byte position in the WAL, written as PostgreSQL writes it: `16/B374D848`.
///
/// Ordered by position. Positions compare only within one system identifier and timeline.
/// 0/0 is PostgreSQL's "no position"; where absence has a meaning, code says `Option<Lsn>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(u64);

impl Lsn {
    /// 0/0, PostgreSQL's "no position". In START_REPLICATION: "where the slot stands".
    pub const ZERO: Lsn = Lsn(0);

    /// The position at `byte`.
    pub const fn new(byte: u64) -> Lsn {
        Lsn(byte)
    }

    /// The byte offset from the beginning of the WAL.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Bytes from `earlier` to here; 0 when `earlier` is not earlier.
    pub fn bytes_since(self, earlier: Lsn) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// Text that is no LSN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an LSN such as 16/B374D848")]
pub struct ParseLsnError(String);

impl FromStr for Lsn {
    type Err = ParseLsnError;

    fn from_str(text: &str) -> Result<Lsn, ParseLsnError> {
        let half = |digits: &str| -> Option<u64> {
            let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            (hex && (1..=8).contains(&digits.len()))
                .then(|| u64::from_str_radix(digits, 16).ok())
                .flatten()
        };
        text.split_once('/')
            .and_then(|(high, low)| Some(Lsn(half(high)? << 32 | half(low)?)))
            .ok_or_else(|| ParseLsnError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Lsn;

    #[test]
    fn the_text_is_two_hex_halves_without_leading_zeros() {
        for (byte, text) in [
            (0, "0/0"),
            (1, "0/1"),
            (0x16_B374_D848, "16/B374D848"),
            (0x1_0000_0000, "1/0"),
            (0x1_0000_000A, "1/A"),
            (u64::MAX, "FFFFFFFF/FFFFFFFF"),
        ] {
            assert_eq!(Lsn::new(byte).to_string(), text);
            assert_eq!(text.parse(), Ok(Lsn::new(byte)), "{text}");
        }
    }

    #[test]
    fn small_letters_and_leading_zeros_are_read_too() {
        assert_eq!("16/b374d848".parse(), Ok(Lsn::new(0x16_B374_D848)));
        // pg_lsn accepts leading zeros too, up to eight digits a half.
        assert_eq!("00000016/0000000A".parse(), Ok(Lsn::new(0x16_0000_000A)));
    }

    #[test]
    fn what_is_no_lsn_is_refused_and_quoted() {
        for text in [
            "",
            "/",
            "0",
            "0/",
            "/0",
            "0//0",
            "0/0/0",
            " 0/0",
            "0/0 ",
            "0/ 0",
            "+1/0",
            "0/-1",
            "0x1/0",
            "G/0",
            "0/1G",
            "0/é",
            "000000001/0",
            "0/100000000",
            "16-B374D848",
            "0/16B3748/3",
        ] {
            let error = text.parse::<Lsn>().expect_err(text);
            assert_eq!(error.to_string(), format!("{text:?} is not an LSN such as 16/B374D848"));
        }
    }

    #[test]
    fn positions_order_by_both_halves() {
        let order = ["0/0", "0/9", "0/A", "0/FFFFFFFF", "1/0", "9/FFFFFFFF", "10/0"];
        assert!(order.map(|text| text.parse::<Lsn>().unwrap()).is_sorted_by(|a, b| a < b));
        assert_eq!(Lsn::default(), Lsn::ZERO);
    }

    #[test]
    fn distance_counts_bytes_and_is_never_negative() {
        assert_eq!(Lsn::new(0x1_0000_0000).bytes_since(Lsn::new(0xFFFF_FFFF)), 1);
        assert_eq!(Lsn::new(5).bytes_since(Lsn::new(5)), 0);
        assert_eq!(Lsn::new(5).bytes_since(Lsn::new(6)), 0);
        assert_eq!(Lsn::new(u64::MAX).bytes_since(Lsn::ZERO), u64::MAX);
    }

    proptest! {
        #[test]
        fn every_position_round_trips_through_its_text(byte: u64) {
            prop_assert_eq!(Lsn::new(byte).to_string().parse(), Ok(Lsn::new(byte)));
        }

        #[test]
        fn any_text_gives_a_position_or_an_error(text: String) {
            let _ = text.parse::<Lsn>();
        }
    }
}
