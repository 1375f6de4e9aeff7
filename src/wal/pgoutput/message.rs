//! LogicalMessage: one pgoutput message, borrowed from the bytes it came in.

use super::{
    relation::{self, Relation},
    tuple::Tuple,
};
use crate::wal::{DecodeError, Lsn, PgTimestamp, reader::Reader};

/// One pgoutput message of protocol version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogicalMessage<'a> {
    /// A transaction's changes follow.
    Begin {
        /// LSN of the commit record; the `commit_lsn` of the Commit that ends it.
        final_lsn: Lsn,
        /// When it was committed, by the server's clock. A transaction with an origin has the
        /// time its replayer set instead, and 2000-01-01 00:00 when it set none.
        commit_time: PgTimestamp,
        /// The transaction's id. Ids are used again after 2³² transactions.
        xid: u32,
    },
    /// The transaction is complete.
    Commit {
        /// LSN of the commit record.
        commit_lsn: Lsn,
        /// The first byte after the commit record: what to confirm for this transaction. It can
        /// equal the next transaction's `final_lsn`.
        end_lsn: Lsn,
        /// As in the Begin.
        commit_time: PgTimestamp,
    },
    /// The transaction was replicated from another server.
    Origin {
        /// LSN of the commit on the server it came from; 0/0 when the replayer set none.
        lsn: Lsn,
        /// The origin's name on this server.
        name: &'a str,
    },
    /// A table's definition. It holds for the rows that follow, until the next one of the same id.
    Relation(Relation<'a>),
    /// The name of a type that is not built in, before a Relation that uses it.
    Type {
        /// The type's oid.
        id: u32,
        /// Its schema.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// A row was inserted.
    Insert {
        /// The table, by the id of its Relation.
        relation_id: u32,
        /// The row.
        row: Tuple<'a>,
    },
    /// A row was updated.
    Update {
        /// The table, by the id of its Relation.
        relation_id: u32,
        /// What identified the row before; absent when its key did not change and the replica
        /// identity is not FULL.
        old: Option<OldTuple<'a>>,
        /// The row afterwards. Large values that did not change may be
        /// [`UnchangedToast`](super::Value::UnchangedToast).
        new: Tuple<'a>,
    },
    /// A row was deleted.
    Delete {
        /// The table, by the id of its Relation.
        relation_id: u32,
        /// What identified the row.
        old: OldTuple<'a>,
    },
    /// Tables were emptied.
    Truncate {
        /// The tables, by the ids of their Relations. Those of the publication only.
        relation_ids: Vec<u32>,
        /// How they were.
        options: TruncateOptions,
    },
    /// Somebody called `pg_logical_emit_message`.
    Message {
        /// Whether it belongs to the transaction around it. If not, it stands outside of any.
        transactional: bool,
        /// Where it stands in the WAL.
        lsn: Lsn,
        /// The prefix its sender chose.
        prefix: &'a str,
        /// Its bytes. Unlike column values they are never converted to the client's encoding.
        content: &'a [u8],
    },
}

/// What identified a row before it was updated or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldTuple<'a> {
    /// The columns of the replica identity; all others are [`Null`](super::Value::Null).
    Key(Tuple<'a>),
    /// The whole row, of a table with REPLICA IDENTITY FULL.
    Full(Tuple<'a>),
}

/// The options of TRUNCATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TruncateOptions {
    /// CASCADE was given.
    pub cascade: bool,
    /// RESTART IDENTITY was given.
    pub restart_identity: bool,
}

impl<'a> LogicalMessage<'a> {
    /// Reads one message: the whole body of an XLogData frame.
    ///
    /// # Errors
    ///
    /// When the bytes are anything but exactly one message of protocol version 1.
    #[inline]
    pub fn decode(body: &'a [u8]) -> Result<LogicalMessage<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let (message, name) = match reader.u8("the logical message's tag")? {
            b'I' => (insert(&mut reader)?, "an Insert"),
            b'B' => (begin(&mut reader)?, "a Begin"),
            b'C' => (commit(&mut reader)?, "a Commit"),
            b'R' => (LogicalMessage::Relation(Relation::read(&mut reader)?), "a Relation"),
            b'U' => (update(&mut reader)?, "an Update"),
            b'D' => (delete(&mut reader)?, "a Delete"),
            b'M' => (emitted(&mut reader)?, "a Message"),
            b'T' => (truncate(&mut reader)?, "a Truncate"),
            b'Y' => (type_name(&mut reader)?, "a Type"),
            b'O' => (origin(&mut reader)?, "an Origin"),
            tag => return Err(DecodeError::UnknownTag { what: "the logical message", tag }),
        };
        reader.end(name)?;
        Ok(message)
    }
}

fn begin<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    Ok(LogicalMessage::Begin {
        final_lsn: reader.lsn("final_lsn of a Begin")?,
        commit_time: reader.timestamp("commit_time of a Begin")?,
        xid: reader.u32("xid of a Begin")?,
    })
}

fn commit<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    reader.flags(0, "the flags of a Commit")?;
    Ok(LogicalMessage::Commit {
        commit_lsn: reader.lsn("commit_lsn of a Commit")?,
        end_lsn: reader.lsn("end_lsn of a Commit")?,
        commit_time: reader.timestamp("commit_time of a Commit")?,
    })
}

fn origin<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    Ok(LogicalMessage::Origin {
        lsn: reader.lsn("lsn of an Origin")?,
        name: reader.text("the name of an Origin")?,
    })
}

fn type_name<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    Ok(LogicalMessage::Type {
        id: reader.u32("the id of a Type")?,
        namespace: relation::namespace(reader, "the namespace of a Type")?,
        name: reader.text("the name of a Type")?,
    })
}

fn insert<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    let relation_id = reader.u32("the relation of an Insert")?;
    match reader.u8("the row's tag of an Insert")? {
        b'N' => Ok(LogicalMessage::Insert { relation_id, row: Tuple::read(reader)? }),
        tag => Err(DecodeError::UnknownTag { what: "the row of an Insert", tag }),
    }
}

fn update<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    let relation_id = reader.u32("the relation of an Update")?;
    let mut tag = reader.u8("the row's tag of an Update")?;
    let old = old_tuple(tag, reader)?;
    if old.is_some() {
        tag = reader.u8("the new row's tag of an Update")?;
    }
    match tag {
        b'N' => Ok(LogicalMessage::Update { relation_id, old, new: Tuple::read(reader)? }),
        tag => Err(DecodeError::UnknownTag { what: "the row of an Update", tag }),
    }
}

fn delete<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    let relation_id = reader.u32("the relation of a Delete")?;
    let tag = reader.u8("the row's tag of a Delete")?;
    match old_tuple(tag, reader)? {
        Some(old) => Ok(LogicalMessage::Delete { relation_id, old }),
        None => Err(DecodeError::UnknownTag { what: "the row of a Delete", tag }),
    }
}

/// The old row that `tag` announces, if it announces one.
fn old_tuple<'a>(tag: u8, reader: &mut Reader<'a>) -> Result<Option<OldTuple<'a>>, DecodeError> {
    Ok(match tag {
        b'K' => Some(OldTuple::Key(Tuple::read(reader)?)),
        b'O' => Some(OldTuple::Full(Tuple::read(reader)?)),
        _ => None,
    })
}

fn truncate<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    let count = reader.u32("the relation count of a Truncate")?;
    let flags = reader.flags(0b11, "the options of a Truncate")?;
    // Collecting results reserves nothing ahead, so a count that lies costs no memory.
    let relation_ids =
        (0..count).map(|_| reader.u32("a relation of a Truncate")).collect::<Result<_, _>>()?;
    let options =
        TruncateOptions { cascade: flags & 0b01 != 0, restart_identity: flags & 0b10 != 0 };
    Ok(LogicalMessage::Truncate { relation_ids, options })
}

fn emitted<'a>(reader: &mut Reader<'a>) -> Result<LogicalMessage<'a>, DecodeError> {
    Ok(LogicalMessage::Message {
        transactional: reader.bool("the flags of a Message")?,
        lsn: reader.lsn("lsn of a Message")?,
        prefix: reader.text("the prefix of a Message")?,
        content: reader.counted("the content of a Message")?,
    })
}
