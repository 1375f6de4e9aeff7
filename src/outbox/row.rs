//! Row: the values of one tuple by column, and how a column's value becomes bytes.

use super::{event_error::EventProblem, hex::decode_bytea, pg_type};
use crate::wal::{Tuple, Value};

/// Where a value comes from and how its type is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) index: usize,
    form: Form,
}

/// How values of a type look on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The binary format is the text.
    Characters,
    /// Text is hex, binary is the bytes.
    Bytea,
    /// Only the text has a meaning for us: jsonb's binary format has a version in front, a
    /// number's is no text at all.
    Other,
}

impl Source {
    /// The column at `index`, of the type `type_id`.
    pub(super) fn new(index: usize, type_id: u32) -> Source {
        let form = match type_id {
            pg_type::BYTEA => Form::Bytea,
            pg_type::TEXT | pg_type::VARCHAR | pg_type::BPCHAR | pg_type::JSON => Form::Characters,
            _ => Form::Other,
        };
        Source { index, form }
    }
}

/// A tuple laid out by column. Lives on the stack unless the table is very wide.
pub(super) struct Row<'a> {
    names: &'a [String],
    inline: [Value<'a>; INLINE],
    wide: Vec<Value<'a>>,
}

/// Columns that fit without an allocation.
const INLINE: usize = 16;

/// The bytes of a value, and whether they still have to be decoded.
enum Bytes<'a> {
    Exact(&'a [u8]),
    Hex(&'a [u8]),
}

impl<'a> Row<'a> {
    /// Lays out an INSERT's tuple; `names` are the columns of its relation.
    pub(super) fn read(names: &'a [String], tuple: &Tuple<'a>) -> Result<Row<'a>, EventProblem> {
        let (expected, found) = (names.len(), tuple.column_count());
        if expected != found {
            return Err(EventProblem::ColumnCount { expected, found });
        }
        let mut row = Row { names, inline: [Value::Null; INLINE], wide: Vec::new() };
        let cells = if expected <= INLINE {
            &mut row.inline[..expected]
        } else {
            row.wide.resize(expected, Value::Null);
            &mut row.wide[..]
        };
        for ((cell, value), name) in cells.iter_mut().zip(tuple.values()).zip(names) {
            if matches!(value, Value::UnchangedToast) {
                return Err(EventProblem::UnchangedToast { column: name.clone() });
            }
            *cell = value;
        }
        Ok(row)
    }

    /// The name of the source's column.
    pub(super) fn name(&self, source: Source) -> String {
        self.names[source.index].clone()
    }

    /// The value as PostgreSQL wrote it, for sentences; `None` for NULL.
    pub(super) fn raw(&self, source: Source) -> Option<&'a [u8]> {
        match self.value(source) {
            Value::Text(bytes) | Value::Binary(bytes) => Some(bytes),
            Value::Null | Value::UnchangedToast => None,
        }
    }

    /// The text of a value that is no bytea; `None` for NULL.
    pub(super) fn text(&self, source: Source) -> Result<Option<&'a [u8]>, EventProblem> {
        Ok(self.coded(source)?.map(|(Bytes::Exact(text) | Bytes::Hex(text))| text))
    }

    /// The value's bytes; `None` for NULL. A bytea in hex is decoded into `scratch`, all else is
    /// borrowed from the row.
    pub(super) fn bytes(
        &self,
        source: Source,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, EventProblem> {
        match self.coded(source)? {
            None => Ok(None),
            Some(Bytes::Exact(bytes)) => Ok(Some(bytes)),
            Some(Bytes::Hex(text)) => {
                scratch.clear();
                self.decode(source, text, scratch)?;
                Ok(Some(scratch))
            }
        }
    }

    /// Appends the value's bytes to `out`; `false` for NULL.
    pub(super) fn append(&self, source: Source, out: &mut Vec<u8>) -> Result<bool, EventProblem> {
        match self.coded(source)? {
            None => return Ok(false),
            Some(Bytes::Exact(bytes)) => out.extend_from_slice(bytes),
            Some(Bytes::Hex(text)) => self.decode(source, text, out)?,
        }
        Ok(true)
    }

    fn value(&self, source: Source) -> Value<'a> {
        if self.wide.is_empty() { self.inline[source.index] } else { self.wide[source.index] }
    }

    fn coded(&self, source: Source) -> Result<Option<Bytes<'a>>, EventProblem> {
        match (self.value(source), source.form) {
            (Value::Null | Value::UnchangedToast, _) => Ok(None),
            (Value::Text(text), Form::Bytea) => Ok(Some(Bytes::Hex(text))),
            (Value::Text(bytes), _) | (Value::Binary(bytes), Form::Characters | Form::Bytea) => {
                Ok(Some(Bytes::Exact(bytes)))
            }
            (Value::Binary(_), Form::Other) => {
                Err(EventProblem::BinaryValue { column: self.name(source) })
            }
        }
    }

    fn decode(&self, source: Source, text: &[u8], out: &mut Vec<u8>) -> Result<(), EventProblem> {
        decode_bytea(text, out).ok_or_else(|| EventProblem::NotHex { column: self.name(source) })
    }
}
