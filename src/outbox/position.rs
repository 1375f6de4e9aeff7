//! Position: the name of one event, the same in every repeat.

use std::{fmt, str::FromStr};

use crate::wal::Lsn;

/// Where an event stands in the WAL: its transaction's commit LSN and its place among the
/// transaction's outbox rows, from 0. Written `0/16B3748/3`.
///
/// Rows share LSNs (COPY) and one transaction's end is the next one's begin, so an LSN alone
/// names no event. Positions increase in commit order within one system and timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// LSN of the transaction's commit record (`final_lsn` of its Begin message).
    pub commit_lsn: Lsn,
    /// The row's place among the transaction's outbox rows, from 0.
    pub ordinal: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.commit_lsn, self.ordinal)
    }
}

/// Text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a position such as 0/16B3748/3")]
pub struct ParsePositionError(String);

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Position, ParsePositionError> {
        text.rsplit_once('/')
            .and_then(|(lsn, ordinal)| {
                let plain = ordinal.bytes().all(|b| b.is_ascii_digit());
                Some(Position {
                    commit_lsn: lsn.parse().ok()?,
                    ordinal: plain.then(|| ordinal.parse().ok()).flatten()?,
                })
            })
            .ok_or_else(|| ParsePositionError(text.to_owned()))
    }
}
