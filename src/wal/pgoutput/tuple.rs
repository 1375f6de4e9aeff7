//! Tuple: a row's values, checked once and then walked without failing.

use std::iter::FusedIterator;

use crate::wal::{DecodeError, reader::Reader};

/// A row's values, in the order of its [`Relation`](super::Relation)'s columns.
///
/// It borrows from the message and was checked whole when that was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple<'a> {
    column_count: u16,
    /// The columns and nothing else: exactly `column_count` well-formed ones.
    columns: &'a [u8],
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// NULL, or in an old key a column outside of it.
    Null,
    /// A large value that the update did not touch, so the WAL does not have it.
    UnchangedToast,
    /// The type's text form, in the client's encoding. An empty one is not NULL.
    Text(&'a [u8]),
    /// The type's binary form. Sent only when START_REPLICATION asks for `binary`.
    Binary(&'a [u8]),
}

/// The values of a [`Tuple`], from the first column to the last.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    left: u16,
    columns: Reader<'a>,
}

impl<'a> Tuple<'a> {
    /// How many columns the row has.
    pub fn column_count(&self) -> usize {
        usize::from(self.column_count)
    }

    /// The values in column order.
    pub fn values(&self) -> Values<'a> {
        Values { left: self.column_count, columns: Reader::new(self.columns) }
    }

    /// The value at `index`, from 0; `None` beyond the last.
    ///
    /// Walks over the columns before it: who needs several walks [`values`](Tuple::values) once.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        self.values().nth(index)
    }

    #[inline]
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Tuple<'a>, DecodeError> {
        let column_count = reader.u16("the column count of a row")?;
        let all = reader.rest();
        for _ in 0..column_count {
            value(reader)?;
        }
        let length = all.len() - reader.rest().len();
        Ok(Tuple { column_count, columns: &all[..length] })
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        // A tuple holds as many well-formed columns as it counts, so this is never an error.
        value(&mut self.columns).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.left);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Values<'_> {}
impl FusedIterator for Values<'_> {}

#[inline]
fn value<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, DecodeError> {
    match reader.u8("the tag of a value")? {
        b't' => Ok(Value::Text(reader.counted("a text value")?)),
        b'n' => Ok(Value::Null),
        b'u' => Ok(Value::UnchangedToast),
        b'b' => Ok(Value::Binary(reader.counted("a binary value")?)),
        tag => Err(DecodeError::UnknownTag { what: "a value", tag }),
    }
}
