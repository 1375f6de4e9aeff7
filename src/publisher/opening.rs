//! What the facts mean to a session that is about to be opened.

use super::{CatalogTable, memory::History};
use crate::{
    fault::{Fault, FaultKind},
    outbox::CatalogColumn,
    postgres::facts::{ColumnFacts, Facts},
};

/// The table as the catalog has it.
pub(super) fn catalog_table(facts: &Facts) -> CatalogTable {
    let Some(table) = &facts.table else { return CatalogTable::default() };
    let column = |column: &ColumnFacts| CatalogColumn {
        number: column.number,
        name: column.name.clone(),
        type_id: column.type_oid,
    };
    CatalogTable {
        oid: table.oid,
        columns: table.columns.iter().map(column).collect(),
        as_of: facts.server.current_lsn,
    }
}

/// SQL and stream lead to different servers.
pub(super) fn two_servers() -> Fault {
    Fault::new(
        FaultKind::Postgres,
        "the SQL connection and the replication connection reached different servers",
        "nothing if a failover is under way; else [postgres] url must lead to one server",
    )
}

/// The server is none that this process knows.
pub(super) fn another_cluster(history: &History) -> Fault {
    Fault::new(
        FaultKind::Slot,
        format!(
            "the server is another cluster than before (system identifier {}): events may be missing",
            history.system_identifier
        ),
        "make sure that [postgres] url leads to the right server; if it does, restart Postrider to \
         go on from the slot there",
    )
}
