//! Lag: how far the slot is behind, in one query for a once-a-second sampler.

use super::{
    Error, SqlClient,
    facts::WalStatus,
    sql::{column, parsed_column},
};
use crate::wal::Lsn;

/// On a standby there is no current position to write at, only one that was replayed.
const QUERY: &str = "
SELECT slot.active,
       slot.wal_status,
       slot.safe_wal_size,
       slot.confirmed_flush_lsn::text AS confirmed,
       slot.restart_lsn::text AS restart,
       here.lsn::text AS current
FROM pg_catalog.pg_replication_slots AS slot,
     (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_flush_lsn() END AS lsn) AS here
WHERE slot.slot_name = $1";

/// Where the slot stood at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// The end of the flushed WAL.
    pub current_lsn: Lsn,
    /// What was confirmed; `None` while the slot is being created.
    pub confirmed_lsn: Option<Lsn>,
    /// Bytes of WAL from the confirmed position to the end.
    pub lag_bytes: u64,
    /// Bytes of WAL that the server keeps for the slot. More than the lag while an old transaction
    /// is open.
    pub retained_bytes: u64,
    /// Bytes that may still be written before the slot is in danger; `None` without a limit.
    pub safe_wal_size: Option<i64>,
    /// Whether the WAL is still there.
    pub wal_status: WalStatus,
    /// Whether a connection streams from it.
    pub active: bool,
}

impl Lag {
    /// Reads the lag of the client's slot; `None` when there is no such slot.
    ///
    /// # Errors
    ///
    /// What the server answers, or that the connection is gone.
    pub async fn read(client: &SqlClient) -> Result<Option<Lag>, Error> {
        let slot = &client.config().slot;
        let Some(row) = client.query_opt("read the slot's lag", QUERY, &[slot]).await? else {
            return Ok(None);
        };
        let current_lsn: Lsn = parsed_column(&row, "current")?.unwrap_or_default();
        let confirmed_lsn: Option<Lsn> = parsed_column(&row, "confirmed")?;
        let restart_lsn: Option<Lsn> = parsed_column(&row, "restart")?;
        let behind = |lsn: Option<Lsn>| lsn.map_or(0, |lsn| current_lsn.bytes_since(lsn));
        Ok(Some(Lag {
            current_lsn,
            confirmed_lsn,
            lag_bytes: behind(confirmed_lsn),
            retained_bytes: behind(restart_lsn),
            safe_wal_size: column(&row, "safe_wal_size")?,
            wal_status: WalStatus::from_column(column(&row, "wal_status")?),
            active: column(&row, "active")?,
        }))
    }
}
