//! Facts on which a stream starts, for the tests of those who judge them.

use super::{
    Facts, Names, Persistence, PublicationFacts, ServerFacts, SlotFacts, TableFacts, TableKind,
    WalStatus,
};
use crate::wal::Lsn;

/// Nothing is wrong with these.
pub(crate) fn sound() -> Facts {
    Facts {
        names: Names {
            endpoint: crate::postgres::Endpoint::Tcp { host: "db".into(), port: 5432 },
            database: "shop".into(),
            table: "public.outbox".into(),
            publication: "p".into(),
            slot: "s".into(),
        },
        server: ServerFacts {
            version_num: 150_018,
            system_identifier: 7,
            timeline: 3,
            wal_level: "logical".into(),
            in_recovery: false,
            may_replicate: true,
            wal_sender_timeout: None,
            current_lsn: Lsn::new(200),
            oldest_xid: 700,
        },
        table: Some(TableFacts {
            oid: 1,
            kind: TableKind::Table,
            persistence: Persistence::Permanent,
            columns: vec![],
            below: vec![],
        }),
        publication: Some(PublicationFacts {
            oid: 2,
            changed_by: "690".into(),
            entry: Some("3/690".into()),
            all_tables: false,
            inserts: true,
            others: false,
            via_root: true,
            via: None,
            includes_table: true,
            other_tables: 0,
            row_filter: None,
            has_column_list: false,
        }),
        slot: Some(SlotFacts {
            plugin: Some("pgoutput".into()),
            database: Some("shop".into()),
            active: false,
            active_pid: None,
            restart_lsn: Some(Lsn::new(90)),
            confirmed_flush_lsn: Some(Lsn::new(100)),
            wal_status: WalStatus::Reserved,
            safe_wal_size: None,
            temporary: false,
            two_phase: false,
            invalidation: None,
        }),
    }
}
