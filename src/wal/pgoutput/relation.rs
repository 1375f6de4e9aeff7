//! Relation: a table's definition as the rows that follow have it.

use crate::wal::{DecodeError, reader::Reader};

/// A table's definition, sent before its first row in a session and after each change of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The table's oid. Rows name it. With `publish_via_partition_root` it is the root's.
    pub id: u32,
    /// Its schema.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `relreplident` in `pg_class`: `d` default, `n` nothing, `f` full, `i` an index.
    pub replica_identity: u8,
    /// The published columns in the order of a row's values. Dropped and generated columns are
    /// absent, so the order is not `attnum`.
    pub columns: Vec<Column<'a>>,
}

/// One column of a [`Relation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Whether it is part of the replica identity. With REPLICA IDENTITY FULL every column is.
    pub is_key: bool,
    /// Its name, unquoted.
    pub name: &'a str,
    /// The oid of its type.
    pub type_id: u32,
    /// `atttypmod`, -1 for none.
    pub type_modifier: i32,
}

impl<'a> Relation<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Relation<'a>, DecodeError> {
        Ok(Relation {
            id: reader.u32("the id of a Relation")?,
            namespace: namespace(reader, "the namespace of a Relation")?,
            name: reader.text("the name of a Relation")?,
            replica_identity: reader.u8("the replica identity of a Relation")?,
            columns: columns(reader)?,
        })
    }
}

/// A schema's name. The server shortens `pg_catalog` to nothing.
pub(super) fn namespace<'a>(
    reader: &mut Reader<'a>,
    reading: &'static str,
) -> Result<&'a str, DecodeError> {
    match reader.text(reading)? {
        "" => Ok("pg_catalog"),
        name => Ok(name),
    }
}

fn columns<'a>(reader: &mut Reader<'a>) -> Result<Vec<Column<'a>>, DecodeError> {
    let count = reader.u16("the column count of a Relation")?;
    // Collecting results reserves nothing ahead, so a count that lies costs no memory.
    (0..count)
        .map(|_| {
            Ok(Column {
                is_key: reader.bool("the flags of a column")?,
                name: reader.text("the name of a column")?,
                type_id: reader.u32("the type of a column")?,
                type_modifier: reader.i32("the type modifier of a column")?,
            })
        })
        .collect()
}
