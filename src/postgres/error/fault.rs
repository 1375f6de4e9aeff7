//! Each error of this edge as a fault: its kind, its sentence and its remedy.

use super::Error;
use crate::{
    fault::{Fault, FaultKind},
    postgres::quote,
};

/// What the SQL client is doing when the server judges whether the role may connect.
const SQL_CONNECTION: &str = "open an SQL connection";

impl Error {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        Fault::new(self.kind(), self.to_string(), self.hint())
    }

    fn kind(&self) -> FaultKind {
        match self {
            Error::PasswordFile { .. }
            | Error::DatabaseMissing { .. }
            | Error::NotLogical { .. }
            | Error::TableMissing { .. }
            | Error::SchemaMissing { .. }
            | Error::NotATable { .. }
            | Error::SlotsExhausted { .. } => FaultKind::Settings,
            Error::PasswordMissing { .. }
            | Error::Authentication { .. }
            | Error::NotAdmitted { .. }
            | Error::RightsMissing { .. } => FaultKind::Rights,
            Error::Unreachable { .. }
            | Error::ConnectionLost { .. }
            | Error::NotPostgres { .. }
            | Error::NotReady { .. }
            | Error::TooManyConnections { .. }
            | Error::Standby { .. }
            | Error::SlotCreationBlocked { .. }
            | Error::Server { .. } => FaultKind::Postgres,
            Error::SlotBusy { .. } | Error::SlotNotReady { .. } => FaultKind::SlotBusy,
            Error::SlotMissing { .. }
            | Error::SlotInvalidated { .. }
            | Error::SlotUnusable { .. }
            | Error::SlotTwoPhase { .. }
            | Error::SlotWithoutPublication { .. } => FaultKind::Slot,
            Error::PublicationMissing { .. }
            | Error::TableDropped { .. }
            | Error::NotPublished { .. }
            | Error::PublishedAsRoot { .. }
            | Error::SilentLeaf { .. }
            | Error::UnseenLeaf { .. }
            | Error::Inherited { .. }
            | Error::NotPermanent { .. } => FaultKind::Publication,
            Error::NotUtf8 { .. } => FaultKind::Unroutable,
            Error::Protocol(_) => FaultKind::Protocol,
            Error::Tls(error) => error.kind(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Error::PasswordFile { .. } => "set postgres.password_file to a file that holds the \
                password alone and that this process may read"
                .into(),
            Error::PasswordMissing { .. } => "set postgres.password_file or PGPASSWORD, or add a \
                line to ~/.pgpass"
                .into(),
            Error::Unreachable { .. } => "check postgres.url, and that the server runs and \
                listens there (listen_addresses, port, firewall)"
                .into(),
            Error::NotPostgres { .. } => "check host and port in postgres.url: another program \
                listens there"
                .into(),
            Error::ConnectionLost { .. } => "the server's log says why; nothing is lost, the slot \
                keeps its place"
                .into(),
            Error::NotReady { .. } => "wait until the server has started".into(),
            Error::TooManyConnections { .. } => "raise max_connections or max_wal_senders, or \
                close other connections"
                .into(),
            Error::Authentication { user, .. } => format!(
                "check the password, that role {user:?} exists and has LOGIN, and pg_hba.conf"
            ),
            Error::NotAdmitted { user, .. } => format!(
                "check that role {user:?} exists and has LOGIN, and pg_hba.conf: a hostssl line \
                 wants sslmode=require or stronger in postgres.url, one with cert or clientcert \
                 also sslcert and sslkey"
            ),
            Error::Tls(error) => error.hint(),
            Error::RightsMissing { user, doing, .. } => rights_hint(user, doing),
            Error::DatabaseMissing { .. } => "name the database that holds the outbox in \
                postgres.url"
                .into(),
            Error::NotLogical { .. } => "run ALTER SYSTEM SET wal_level = 'logical' and restart \
                PostgreSQL"
                .into(),
            Error::Standby { .. } => "point postgres.url at the primary".into(),
            _ => self.table_hint(),
        }
    }

    fn table_hint(&self) -> String {
        match self {
            Error::TableMissing { .. } => "set outbox.table, or create it with `postrider init \
                --create-table`"
                .into(),
            Error::TableDropped { table, publication } => format!(
                "create the table again, then run ALTER PUBLICATION {} ADD TABLE {table}; rows \
                 written meanwhile do not come through the slot",
                quote::name(publication)
            ),
            Error::SchemaMissing { .. } => "create the schema with CREATE SCHEMA, or set \
                outbox.table"
                .into(),
            Error::NotATable { .. } => "set outbox.table to the table that the rows are \
                inserted into"
                .into(),
            Error::NotPermanent { table, .. } => format!("run ALTER TABLE {table} SET LOGGED"),
            Error::Inherited { table, child } => format!(
                "run ALTER TABLE {child} NO INHERIT {table}, then insert into {table} alone, or \
                 make a partitioned table with {child} as a partition"
            ),
            Error::PublishedAsRoot { publication, root, .. } => format!(
                "set outbox.table to {root}, or run ALTER PUBLICATION {} SET \
                 (publish_via_partition_root = false); rows written meanwhile do not come through \
                 the slot",
                quote::name(publication)
            ),
            Error::NotPublished { remedy, .. }
            | Error::SilentLeaf { remedy, .. }
            | Error::UnseenLeaf { remedy, .. } => {
                format!("run {remedy}; rows written meanwhile do not come through the slot")
            }
            _ => self.slot_hint(),
        }
    }

    fn slot_hint(&self) -> String {
        match self {
            Error::PublicationMissing { .. } => "set postgres.publication, or create it with \
                `postrider init`; rows written meanwhile do not come through the slot"
                .into(),
            Error::SlotBusy { .. } => "another publisher or a connection that has just ended \
                holds it; the query SELECT * FROM pg_replication_slots shows who"
                .into(),
            Error::SlotNotReady { .. } | Error::SlotCreationBlocked { .. } => "end the oldest \
                transactions; SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY \
                xact_start shows them"
                .into(),
            Error::SlotMissing { .. } => "set postgres.slot, or create it with `postrider init`; \
                a new slot begins at its creation and misses what was written before"
                .into(),
            Error::SlotInvalidated { .. } => "rows since its last position may be missing: \
                `postrider init --accept-gap` gives them up and makes the slot anew; then raise \
                max_slot_wal_keep_size"
                .into(),
            Error::SlotUnusable { .. } => "set postgres.slot to a name of its own and run \
                `postrider init`"
                .into(),
            Error::SlotTwoPhase { slot } => format!(
                "once it is drained, run SELECT pg_drop_replication_slot({}), then `postrider \
                 init`; a new slot begins at its creation and misses what was written before",
                quote::literal(slot)
            ),
            Error::SlotWithoutPublication { .. } => "rows written before the publication never \
                come through this slot: `postrider init --accept-gap` gives them up and makes both \
                anew"
                .into(),
            Error::SlotsExhausted { .. } => "drop slots that nobody uses, or raise \
                max_replication_slots and restart PostgreSQL"
                .into(),
            Error::NotUtf8 { .. } => {
                "the server's log shows the bytes; a column of type bytea takes \
                any. The row itself can only be left out, by moving the slot past its transaction \
                with pg_replication_slot_advance"
                    .into()
            }
            Error::Protocol(_) => "check that postgres.url names PostgreSQL itself and not a \
                pooler; if it does, please report this"
                .into(),
            _ => "it is tried again; the server's log may say more".into(),
        }
    }
}

fn rights_hint(user: &str, doing: &str) -> String {
    let user = quote::name(user);
    if doing == SQL_CONNECTION {
        return format!("as a superuser: GRANT CONNECT ON DATABASE … TO {user}");
    }
    if ["create table", "create publication"].iter().any(|what| doing.starts_with(what)) {
        return "let the table's owner, with CREATE on schema and database, run what `postrider init \
                --print` prints (with --create-table if the table is missing)"
            .to_owned();
    }
    format!("as a superuser: ALTER ROLE {user} REPLICATION")
}
