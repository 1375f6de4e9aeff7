//! How many rows may lie in a range of the WAL.

use super::{Error, SqlClient, sql::column};

/// Counts the rows of `table`, written as in SQL, that were inserted by the transaction
/// `oldest_xid` or by a later one: no fewer than were committed since it was the oldest that ran.
///
/// # Errors
/// What the server answers; mostly that the role may not read the table, or that it takes too long.
pub async fn rows_since(client: &SqlClient, table: &str, oldest_xid: u64) -> Result<i64, Error> {
    let query =
        format!("SELECT pg_catalog.count(*) AS rows FROM {table} WHERE {}", since(oldest_xid));
    let row = client.query_opt("count its rows", &query, &[]).await?;
    row.map_or(Ok(0), |row| column(&row, "rows"))
}

/// The condition on such rows, as SQL.
pub fn since(oldest_xid: u64) -> String {
    // A row carries the lower half of the id alone; ages compare whatever the upper half is.
    let xid = oldest_xid & u64::from(u32::MAX);
    format!("pg_catalog.age(xmin) <= pg_catalog.age('{xid}'::xid)")
}
