//! The verdict: may a stream start on these facts, and if not, what is the root cause.

use super::{
    ChildFacts, Facts, Persistence, PublicationFacts, SlotFacts, StartPoint, TableFacts, TableKind,
    WalStatus,
};
use crate::postgres::{Error, quote};

/// The output plugin that Postrider reads.
pub(crate) const PLUGIN: &str = "pgoutput";

/// The first version whose walsender notices that a table became a partition.
const SEES_PARTITIONS_COME: i32 = 150_000;

impl Facts {
    /// Where to start, when everything that must hold does.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in an order in which nothing is the consequence of something
    /// later: server, table, publication, slot. A slot that is in use comes last, as it cures
    /// itself.
    pub fn verdict(&self) -> Result<StartPoint, Error> {
        self.judge_server()?;
        self.judge_table()?;
        self.judge_publication()?;
        let confirmed = self.judge_slot()?;
        Ok(StartPoint {
            system_identifier: self.server.system_identifier,
            timeline: self.server.timeline,
            confirmed,
        })
    }

    /// Whether the server can decode at all.
    pub(crate) fn judge_server(&self) -> Result<(), Error> {
        let endpoint = self.names.endpoint.clone();
        if self.server.in_recovery {
            return Err(Error::Standby { endpoint });
        }
        if self.server.wal_level != "logical" {
            let wal_level = self.server.wal_level.clone();
            return Err(Error::NotLogical { endpoint, wal_level });
        }
        Ok(())
    }

    /// Whether the table's rows can reach a slot.
    pub(crate) fn judge_table(&self) -> Result<(), Error> {
        let table = self.names.table.clone();
        let Some(TableFacts { kind, persistence, below, .. }) = &self.table else {
            return Err(self.missing_table());
        };
        if let TableKind::Other(kind) = kind {
            return Err(Error::NotATable { table, kind });
        }
        match persistence {
            Persistence::Permanent => {}
            Persistence::Unlogged => {
                return Err(Error::NotPermanent { table, persistence: "unlogged" });
            }
            Persistence::Temporary => {
                return Err(Error::NotPermanent { table, persistence: "temporary" });
            }
        }
        match (kind, below.first()) {
            (TableKind::Partitioned, _) => self.judge_leaves(below),
            (_, Some(child)) => Err(Error::Inherited { table, child: child.name.clone() }),
            (_, None) => Ok(()),
        }
    }

    /// Whether every partition that holds rows writes them to the WAL.
    fn judge_leaves(&self, below: &[ChildFacts]) -> Result<(), Error> {
        for ChildFacts { name, parent, kind, persistence, .. } in below {
            let detach = format!("ALTER TABLE {parent} DETACH PARTITION {name}");
            let (what, remedy) = match (kind, persistence) {
                // It has no rows of its own.
                (TableKind::Partitioned, _) => continue,
                (TableKind::Other(kind), _) => (format!("a {kind}"), detach),
                (_, Persistence::Unlogged) => {
                    ("unlogged".to_owned(), format!("ALTER TABLE {name} SET LOGGED"))
                }
                (_, Persistence::Temporary) => ("temporary".to_owned(), detach),
                (TableKind::Table, Persistence::Permanent) => continue,
            };
            let (table, leaf) = (self.names.table.clone(), name.clone());
            return Err(Error::SilentLeaf { table, leaf, what, remedy });
        }
        self.judge_news(below)
    }

    /// Whether a walsender knows every partition for one. That of PostgreSQL 14 keeps what it knew of
    /// a table until the publication changes, so it leaves the rows of one out that it has met before.
    fn judge_news(&self, below: &[ChildFacts]) -> Result<(), Error> {
        if self.server.version_num >= SEES_PARTITIONS_COME {
            return Ok(());
        }
        let unseen = |leaf: &&ChildFacts| leaf.attached_since && leaf.kind == TableKind::Table;
        let Some(leaf) = below.iter().find(unseen) else { return Ok(()) };
        // The option is on already; the statement is what it takes.
        let remedy = format!(
            "ALTER PUBLICATION {} SET (publish_via_partition_root = true), next time in the \
             transaction that attaches",
            quote::name(&self.names.publication)
        );
        Err(Error::UnseenLeaf { table: self.names.table.clone(), leaf: leaf.name.clone(), remedy })
    }

    /// A publication that is empty had the table once; with a mistyped name it has another.
    fn missing_table(&self) -> Error {
        let (table, database) = (self.names.table.clone(), self.names.database.clone());
        match &self.publication {
            Some(publication) if !publication.all_tables && publication.other_tables == 0 => {
                Error::TableDropped { table, publication: self.names.publication.clone() }
            }
            _ => Error::TableMissing { table, database },
        }
    }

    /// Whether the publication delivers every inserted row, whole and under the table's name.
    pub(crate) fn judge_publication(&self) -> Result<(), Error> {
        let Some(publication) = &self.publication else {
            let publication = self.names.publication.clone();
            return Err(Error::PublicationMissing { publication });
        };
        if let Some(root) = publication.via.clone().filter(|_| publication.inserts) {
            return Err(Error::PublishedAsRoot {
                publication: self.names.publication.clone(),
                table: self.names.table.clone(),
                root,
            });
        }
        let Some((why, change)) = self.objection(publication) else { return Ok(()) };
        let remedy = format!("ALTER PUBLICATION {} {change}", quote::name(&self.names.publication));
        Err(Error::NotPublished {
            publication: self.names.publication.clone(),
            table: self.names.table.clone(),
            why,
            remedy,
        })
    }

    /// What is wrong with the publication, and the ALTER PUBLICATION that mends it.
    fn objection(&self, publication: &PublicationFacts) -> Option<(String, String)> {
        let table = &self.names.table;
        let is_partitioned =
            self.table.as_ref().is_some_and(|table| table.kind == TableKind::Partitioned);
        // SET TABLE would throw other tables out of a publication that is shared.
        let again = || match publication.other_tables {
            0 => format!("SET TABLE {table}"),
            _ => {
                let name = quote::name(&self.names.publication);
                format!("DROP TABLE {table}; ALTER PUBLICATION {name} ADD TABLE {table}")
            }
        };
        if !publication.inserts {
            let change = "SET (publish = 'insert')".to_owned();
            return Some(("it does not publish inserts".to_owned(), change));
        }
        if is_partitioned && !publication.via_root {
            let why = "it publishes the partitions under their own names".to_owned();
            return Some((why, "SET (publish_via_partition_root = true)".to_owned()));
        }
        if !publication.includes_table {
            let why = "the table is not in it".to_owned();
            return Some((why, format!("ADD TABLE {table}")));
        }
        if let Some(filter) = &publication.row_filter {
            return Some((format!("it has a row filter, {filter}"), again()));
        }
        if publication.has_column_list {
            return Some(("it has a column list".to_owned(), again()));
        }
        None
    }

    /// Whether the slot is ours to read, and from where.
    fn judge_slot(&self) -> Result<crate::wal::Lsn, Error> {
        let name = || self.names.slot.clone();
        let Some(slot) = &self.slot else { return Err(Error::SlotMissing { slot: name() }) };
        self.judge_slot_kind(slot)?;
        let Some(confirmed) = slot.confirmed_flush_lsn else {
            return Err(Error::SlotNotReady { slot: name() });
        };
        match slot.active {
            true => Err(Error::SlotBusy { slot: name(), pid: slot.active_pid }),
            false => Ok(confirmed),
        }
    }

    /// Whether the slot can be used at all, by anybody, now or later.
    pub(crate) fn judge_slot_kind(&self, slot: &SlotFacts) -> Result<(), Error> {
        let unusable =
            |why: String| Err(Error::SlotUnusable { slot: self.names.slot.clone(), why });
        match slot.plugin.as_deref() {
            Some(PLUGIN) => {}
            Some(other) => return unusable(format!("its plugin is {other}, not {PLUGIN}")),
            None => return unusable("it is a physical slot".to_owned()),
        }
        if let Some(database) = slot.database.as_ref().filter(|d| **d != self.names.database) {
            return unusable(format!(
                "it decodes database {database:?}, not {:?}",
                self.names.database
            ));
        }
        let lost = slot.wal_status == WalStatus::Lost;
        if let Some(reason) = slot.invalidation.clone().or(lost.then(|| "lost".to_owned())) {
            return Err(Error::SlotInvalidated { slot: self.names.slot.clone(), reason });
        }
        if slot.temporary {
            return unusable("it is temporary and goes away with its session".to_owned());
        }
        match slot.two_phase {
            true => Err(Error::SlotTwoPhase { slot: self.names.slot.clone() }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
