//! The files under `sql/`, with the settings' names in the places of theirs.

use crate::postgres::{Config, quote};

const TABLE: &str = include_str!("../../../sql/outbox.sql");
const PUBLICATION: &str = include_str!("../../../sql/publication.sql");
const SLOT: &str = include_str!("../../../sql/slot.sql");

/// What `postrider init --print` prints: everything init would create, for psql to run as it is.
/// Safe to repeat; no connection is needed to write it.
pub fn script(config: &Config, (schema, name): (&str, &str), create_table: bool) -> String {
    let database = quote::literal(config.conninfo.dbname()).replace('\n', " ");
    let mut script = format!("-- Run this in database {database}.\n\n");
    if create_table {
        script += &table(schema, name);
        script += "\n";
    }
    script += &publication(&config.publication, schema, name);
    script += "\n";
    script += &slot(&config.slot);
    script
}

/// Creates the outbox table.
pub(super) fn table(schema: &str, name: &str) -> String {
    let qualified = format!("{}.{}", quote::name(schema), quote::name(name));
    filled(TABLE, &[("public.outbox", &qualified)])
}

/// Creates the publication of one table's inserts.
pub(super) fn publication(publication: &str, schema: &str, name: &str) -> String {
    let qualified = format!("{}.{}", quote::name(schema), quote::name(name));
    let names = [
        ("\"public\".\"outbox\"", qualified.as_str()),
        ("\"postrider\"", &quote::name(publication)),
        ("'postrider'", &quote::literal(publication)),
    ];
    filled(PUBLICATION, &names)
}

/// Creates the slot.
pub(super) fn slot(slot: &str) -> String {
    filled(SLOT, &[("'postrider'", &quote::literal(slot))])
}

/// One pass, so that a name that looks like another's place is left alone.
fn filled(text: &str, names: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let places =
            names.iter().filter_map(|(place, name)| Some((rest.find(place)?, place, name)));
        let Some((at, place, name)) = places.min_by_key(|(at, ..)| *at) else { break };
        filled.push_str(&rest[..at]);
        filled.push_str(name);
        rest = &rest[at + place.len()..];
    }
    filled + rest
}
