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
