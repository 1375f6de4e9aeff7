//! The replication protocol: bytes from the walsender ⇄ meaning. Pure, and imports nothing of ours.
//!
//! After START_REPLICATION both sides speak in CopyData messages. [`Frame`] is the payload of one
//! from the server, [`LogicalMessage`] the pgoutput message inside; a status update goes back.
//!
//! ```text
//! walsender                                                         Postrider
//!
//!   CopyData ─ 'w' XLogData   wal_start wal_end sent_at body ──────▶  Frame::decode
//!                                                       │               LogicalMessage::decode
//!               R  Relation          once, and after each change of the table
//!               B  Begin             final_lsn: where the commit record stands
//!               I  Insert            relation_id, Tuple
//!               U D T M Y O          Update, Delete, Truncate, Message, Type, Origin
//!               C  Commit            end_lsn: what may be confirmed
//!   CopyData ─ 'k' Keepalive  wal_end sent_at reply_requested ─────▶  Frame::decode
//!
//!   CopyData ◀─ 'r' status update    written flushed applied ───────  encode_status_update
//! ```
//!
//! Whole transactions arrive in commit order, each between its Begin and its Commit. A Relation
//! comes before the first row of its table, inside the transaction. A Message that is not
//! transactional stands outside of any.
//!
//! Decoding borrows from the received bytes, allocates nothing per row and never panics: any byte
//! string gives a value or a [`DecodeError`]. Integers are big-endian.

mod error;
mod frame;
mod lsn;
mod pgoutput;
mod reader;
mod time;

#[cfg(test)]
mod fixture;

pub use error::DecodeError;
pub use frame::{Frame, StatusUpdate, decode_status_update, encode_status_update};
pub use lsn::{Lsn, ParseLsnError};
pub use pgoutput::{
    Column, LogicalMessage, OldTuple, Relation, TruncateOptions, Tuple, Value, Values,
};
pub use time::PgTimestamp;
