//! Facts: what is true of server, table, publication and slot, read before a stream starts.
//!
//! The replication protocol is silent about most of it: a slot starts where it stands whatever is
//! asked, and a table that is not published is simply not there. So it is read first, judged by
//! [`Facts::verdict`], and shown where people look.

#[cfg(test)]
pub(crate) mod fixture;
mod identity;
mod read;
mod verdict;

use std::time::Duration;

pub use identity::THE_PUBLICATION;
pub use read::inspect;

use super::Endpoint;
use crate::wal::Lsn;

/// Everything that was read, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What was looked for, and where.
    pub names: Names,
    /// The server.
    pub server: ServerFacts,
    /// The outbox table; `None` when nothing has its name.
    pub table: Option<TableFacts>,
    /// The publication; `None` when it does not exist.
    pub publication: Option<PublicationFacts>,
    /// The slot; `None` when it does not exist.
    pub slot: Option<SlotFacts>,
}

/// What the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The server.
    pub endpoint: Endpoint,
    /// The database.
    pub database: String,
    /// The outbox table, quoted as SQL needs it.
    pub table: String,
    /// The publication, unquoted.
    pub publication: String,
    /// The slot.
    pub slot: String,
}

/// The server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// As `server_version_num`: 150018 is 15.18.
    pub version_num: i32,
    /// The cluster's identity, the same on its standbys.
    pub system_identifier: u64,
    /// The timeline that WAL is written on.
    pub timeline: u32,
    /// `logical` is needed.
    pub wal_level: String,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// How long a walsender waits for a sign of life; `None` is for ever.
    pub wal_sender_timeout: Option<Duration>,
    /// Whether the role may use slots, as far as the catalog tells. The replication connection has
    /// the last word: managed services have rules of their own.
    pub may_replicate: bool,
    /// The end of the flushed WAL; on a standby, of what was replayed.
    pub current_lsn: Lsn,
    /// The oldest transaction that was running at that moment, or the next one to come.
    pub oldest_xid: u64,
}

/// The slot's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotFacts {
    /// The output plugin; `None` for a physical slot.
    pub plugin: Option<String>,
    /// The database it decodes; `None` for a physical slot.
    pub database: Option<String>,
    /// Whether a connection uses it.
    pub active: bool,
    /// The server process that uses it.
    pub active_pid: Option<i32>,
    /// Where the server keeps WAL from; `None` once that WAL is gone.
    pub restart_lsn: Option<Lsn>,
    /// What was confirmed; `None` while the slot is being created.
    pub confirmed_flush_lsn: Option<Lsn>,
    /// Whether the WAL it needs is there.
    pub wal_status: WalStatus,
    /// Bytes that may still be written before the slot is in danger; `None` without a limit.
    pub safe_wal_size: Option<i64>,
    /// Whether it goes away with its session.
    pub temporary: bool,
    /// Whether it decodes prepared transactions at PREPARE.
    pub two_phase: bool,
    /// Why the server gave it up: the reason where the server names one (17), a conflict with
    /// recovery (16), or that its WAL was removed.
    pub invalidation: Option<String>,
}

/// `wal_status` of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WalStatus {
    /// Within max_wal_size.
    Reserved,
    /// Beyond max_wal_size, kept for the slot.
    Extended,
    /// Beyond max_slot_wal_keep_size: lost at the next checkpoint unless the slot moves.
    Unreserved,
    /// Gone.
    Lost,
    /// The server did not say.
    Unknown,
}

/// The publication, and the table in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationFacts {
    /// Its identity; another one after DROP and CREATE.
    pub oid: u32,
    /// The transaction that changed it last.
    pub changed_by: String,
    /// The entry of the table, or else of its schema, with the transaction that made it; `None` with
    /// FOR ALL TABLES.
    pub entry: Option<String>,
    /// FOR ALL TABLES.
    pub all_tables: bool,
    /// Whether inserts are published.
    pub inserts: bool,
    /// Whether updates, deletes or truncates are published too, which are sent for nothing.
    pub others: bool,
    /// Whether rows of partitions appear as rows of the root.
    pub via_root: bool,
    /// The table, quoted as SQL needs it, that the outbox is a partition of and under whose name
    /// its rows appear.
    pub via: Option<String>,
    /// Whether the table, under its own name, is in it.
    pub includes_table: bool,
    /// Tables in it beside the outbox: those visible in pg_publication_tables.
    pub other_tables: i64,
    /// The WHERE of the table's entry (15 and later).
    pub row_filter: Option<String>,
    /// Whether the table's entry has a column list (15 and later).
    pub has_column_list: bool,
}

/// The outbox table, or what has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// Its identity; another one after a rename and a new CREATE TABLE.
    pub oid: u32,
    /// What it is.
    pub kind: TableKind,
    /// Whether its rows are in the WAL.
    pub persistence: Persistence,
    /// Its columns in order, without generated ones, which are not streamed.
    pub columns: Vec<ColumnFacts>,
    /// Its partitions, or the tables that inherit from it, and theirs; the nearest first.
    pub below: Vec<ChildFacts>,
}

/// A partition of the outbox table, or a table that inherits from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildFacts {
    /// Its name, quoted as SQL needs it.
    pub name: String,
    /// The name of what it is a partition of or inherits from, likewise.
    pub parent: String,
    /// What it is.
    pub kind: TableKind,
    /// Whether its rows are in the WAL.
    pub persistence: Persistence,
    /// Whether it was a table before, and became one of these after the publication was changed
    /// last.
    pub attached_since: bool,
}

/// The kind of relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// A table.
    Table,
    /// The root of a partitioned table.
    Partitioned,
    /// Something that rows cannot be streamed from.
    Other(&'static str),
}

/// Whether rows are in the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// They are.
    Permanent,
    /// UNLOGGED.
    Unlogged,
    /// TEMPORARY.
    Temporary,
}

/// A column of the outbox table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Its number: rises in the order of creation and is never given again.
    pub number: i16,
    /// Its name, unquoted.
    pub name: String,
    /// Its type's OID.
    pub type_oid: u32,
    /// Its type as SQL writes it, without length.
    pub type_name: String,
    /// NOT NULL.
    pub not_null: bool,
}

/// Where a stream begins, given that everything it needs is in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartPoint {
    /// The cluster's identity.
    pub system_identifier: u64,
    /// The timeline.
    pub timeline: u32,
    /// What the slot says was confirmed.
    pub confirmed: Lsn,
}

impl WalStatus {
    /// The status as PostgreSQL writes it.
    pub fn from_column(text: Option<&str>) -> WalStatus {
        match text {
            Some("reserved") => WalStatus::Reserved,
            Some("extended") => WalStatus::Extended,
            Some("unreserved") => WalStatus::Unreserved,
            Some("lost") => WalStatus::Lost,
            _ => WalStatus::Unknown,
        }
    }

    /// The label of the metric `postrider_slot_state{state}`.
    pub fn label(self) -> &'static str {
        match self {
            WalStatus::Reserved => "reserved",
            WalStatus::Extended => "extended",
            WalStatus::Unreserved => "unreserved",
            WalStatus::Lost => "lost",
            WalStatus::Unknown => "unknown",
        }
    }
}
