//! The PostgreSQL types that a column of the outbox may need to have, by oid.
//!
//! Oids of built-in types are fixed in PostgreSQL's catalog and never change.

pub(super) const BYTEA: u32 = 17;
pub(super) const INT8: u32 = 20;
pub(super) const INT2: u32 = 21;
pub(super) const INT4: u32 = 23;
pub(super) const TEXT: u32 = 25;
pub(super) const JSON: u32 = 114;
pub(super) const BPCHAR: u32 = 1042;
pub(super) const VARCHAR: u32 = 1043;
pub(super) const TIMESTAMP: u32 = 1114;
pub(super) const TIMESTAMPTZ: u32 = 1184;
pub(super) const JSONB: u32 = 3802;

/// The name of a type as SQL writes it, with its oid; unknown ones (domains, enums, extensions'
/// types) by oid alone.
pub(super) fn type_name(oid: u32) -> String {
    NAMES
        .iter()
        .find(|(known, _)| *known == oid)
        .map_or_else(|| format!("type {oid}"), |(_, name)| format!("{name} (type {oid})"))
}

/// The names of `oids` in order, comma separated.
pub(super) fn type_names(oids: &[u32]) -> String {
    let name = |oid: &u32| NAMES.iter().find(|(known, _)| known == oid).map(|(_, name)| *name);
    oids.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}

/// What we ask for, and what an outbox is likely to hold instead.
const NAMES: [(u32, &str); 25] = [
    (16, "boolean"),
    (BYTEA, "bytea"),
    (18, "\"char\""),
    (19, "name"),
    (INT8, "bigint"),
    (INT2, "smallint"),
    (INT4, "integer"),
    (TEXT, "text"),
    (26, "oid"),
    (JSON, "json"),
    (142, "xml"),
    (700, "real"),
    (701, "double precision"),
    (1000, "boolean[]"),
    (1007, "integer[]"),
    (1009, "text[]"),
    (BPCHAR, "character"),
    (VARCHAR, "character varying"),
    (1082, "date"),
    (1083, "time"),
    (TIMESTAMP, "timestamp"),
    (TIMESTAMPTZ, "timestamptz"),
    (1700, "numeric"),
    (2950, "uuid"),
    (JSONB, "jsonb"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_in_sql_with_their_oid() {
        assert_eq!(type_name(JSONB), "jsonb (type 3802)");
        assert_eq!(type_name(16_400), "type 16400");
        assert_eq!(type_names(&[INT2, INT4]), "smallint, integer");
    }
}
