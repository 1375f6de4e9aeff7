//! The catalog queries behind the facts.
//!
//! A role with LOGIN and REPLICATION alone can run them all. Columns that only some versions of
//! PostgreSQL have are asked for through to_jsonb, which gives NULL where they are missing.

use std::time::Duration;

use tokio_postgres::Row;

use super::{
    ChildFacts, ColumnFacts, Facts, Names, Persistence, PublicationFacts, ServerFacts, SlotFacts,
    TableFacts, TableKind, WalStatus,
};
use crate::postgres::{
    Config, Error, SqlClient, quote,
    sql::{column, parsed_column},
};
use crate::wal::Lsn;

/// pg_control_checkpoint's timeline is the last checkpoint's, which is the old one right after a
/// promotion; the name of the WAL file being written is always right, but only on a primary.
const SERVER: &str = "
SELECT pg_catalog.current_setting('server_version_num')::int4 AS version_num,
       pg_catalog.current_setting('wal_level') AS wal_level,
       recovering.yes AS in_recovery,
       (SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout')
           AS wal_sender_timeout_ms,
       (SELECT system_identifier FROM pg_catalog.pg_control_system()) AS system_identifier,
       CASE WHEN recovering.yes THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())
            ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(
                     pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4
       END AS timeline,
       -- rds_replication is how Amazon's service grants it.
       (SELECT pg_catalog.bool_or(role.rolsuper OR role.rolreplication
                                  OR role.rolname = 'rds_replication')
        FROM pg_catalog.pg_roles AS role
        WHERE role.rolname = current_user
           OR (role.rolname = 'rds_replication'
               AND pg_catalog.pg_has_role(current_user, role.oid, 'member'))) AS may_replicate,
       (CASE WHEN recovering.yes THEN pg_catalog.pg_last_wal_replay_lsn()
             ELSE pg_catalog.pg_current_wal_flush_lsn() END)::text AS current,
       pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS oldest_xid
FROM (SELECT pg_catalog.pg_is_in_recovery() AS yes) AS recovering";

const TABLE: &str = "
SELECT class.oid, class.relkind::text AS kind, class.relpersistence::text AS persistence
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = class.relnamespace
WHERE schema.nspname = $1 AND class.relname = $2";

/// Those in the WAL: PostgreSQL 18 has publications that send stored generated columns.
const COLUMNS: &str = "
SELECT attnum AS number, attname::text AS name, atttypid AS type_oid, attnotnull AS not_null,
       pg_catalog.format_type(atttypid, NULL) AS type_name
FROM pg_catalog.pg_attribute
WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
  AND (attgenerated = ''
       OR (attgenerated = 's'
           AND EXISTS (SELECT FROM pg_catalog.pg_publication AS publication
                       WHERE publication.pubname = $2
                         AND pg_catalog.to_jsonb(publication) ->> 'pubgencols' = 's')))
ORDER BY attnum";

/// pg_partition_tree knows partitions only, and waits for whoever alters one of them.
///
/// A table is as old as the row of its type, which attaching does not touch; it is as long ours as
/// the youngest link above it. Ages are in transactions.
const BELOW: &str = "
WITH RECURSIVE below AS (
    SELECT inhrelid, inhparent, 1 AS depth, pg_catalog.age(xmin) AS link_age
    FROM pg_catalog.pg_inherits WHERE inhparent = $1
    UNION
    SELECT next.inhrelid, next.inhparent, below.depth + 1,
           LEAST(below.link_age, pg_catalog.age(next.xmin))
    FROM pg_catalog.pg_inherits AS next JOIN below ON next.inhparent = below.inhrelid
)
SELECT schema.nspname::text AS schema, class.relname::text AS name,
       parent_schema.nspname::text AS parent_schema, parent.relname::text AS parent_name,
       class.relkind::text AS kind, class.relpersistence::text AS persistence,
       COALESCE(link_age < pg_catalog.age(type.xmin) AND link_age < (
           SELECT pg_catalog.age(xmin) FROM pg_catalog.pg_publication WHERE pubname = $2
       ), false) AS attached_since
FROM below
JOIN pg_catalog.pg_class AS class ON class.oid = below.inhrelid
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = class.relnamespace
LEFT JOIN pg_catalog.pg_type AS type ON type.oid = class.reltype
JOIN pg_catalog.pg_class AS parent ON parent.oid = below.inhparent
JOIN pg_catalog.pg_namespace AS parent_schema ON parent_schema.oid = parent.relnamespace
ORDER BY below.depth, schema.nspname, class.relname";

/// The entry of the table itself (pg_publication_rel) tells a column list from no list, which the
/// view pg_publication_tables does not; the view knows schemas, ALL TABLES and partition roots.
const PUBLICATION: &str = "
SELECT publication.oid,
       publication.puballtables AS all_tables,
       publication.pubinsert AS inserts,
       publication.pubupdate OR publication.pubdelete OR publication.pubtruncate AS others,
       publication.pubviaroot AS via_root,
       via.schema AS via_schema, via.name AS via_name,
       listed.outbox > 0 AS includes_table,
       listed.everything - listed.outbox AS other_tables,
       listed.filter AS row_filter,
       (SELECT pg_catalog.bool_or(pg_catalog.to_jsonb(entry) ->> 'prattrs' IS NOT NULL)
        FROM pg_catalog.pg_publication_rel AS entry
        WHERE entry.prpubid = publication.oid AND entry.prrelid = $4) AS has_column_list,
       publication.xmin::text AS changed_by,
       (SELECT pg_catalog.string_agg(entry.oid || '/' || entry.xmin, ' ')
        FROM pg_catalog.pg_publication_rel AS entry
        WHERE entry.prpubid = publication.oid AND entry.prrelid = $4) AS entry
FROM pg_catalog.pg_publication AS publication,
     LATERAL (
         SELECT pg_catalog.count(*) AS everything,
                pg_catalog.count(*) FILTER (WHERE ours.yes) AS outbox,
                pg_catalog.min(pg_catalog.to_jsonb(entry) ->> 'rowfilter') FILTER (WHERE ours.yes)
                    AS filter
         FROM pg_catalog.pg_publication_tables AS entry,
              LATERAL (SELECT entry.schemaname = $2 AND entry.tablename = $3 AS yes) AS ours
         WHERE entry.pubname = publication.pubname
     ) AS listed
     LEFT JOIN LATERAL (
         SELECT entry.schemaname::text AS schema, entry.tablename::text AS name
         FROM pg_catalog.pg_partition_ancestors($4::oid) WITH ORDINALITY AS above (oid, steps)
         JOIN pg_catalog.pg_class AS class ON class.oid = above.oid
         JOIN pg_catalog.pg_namespace AS schema ON schema.oid = class.relnamespace
         JOIN pg_catalog.pg_publication_tables AS entry
             ON entry.schemaname = schema.nspname AND entry.tablename = class.relname
         WHERE entry.pubname = publication.pubname AND publication.pubviaroot AND above.oid <> $4
         ORDER BY above.steps DESC
         LIMIT 1
     ) AS via ON true
WHERE publication.pubname = $1";

/// The entry of the table's schema; FOR TABLES IN SCHEMA came with PostgreSQL 15.
const SCHEMA_ENTRY: &str = "
SELECT pg_catalog.string_agg(entry.oid || '/' || entry.xmin, ' ') AS entry
FROM pg_catalog.pg_publication_namespace AS entry
JOIN pg_catalog.pg_class AS class ON class.relnamespace = entry.pnnspid
WHERE entry.pnpubid = $1 AND class.oid = $2";

/// The first version of it.
const HAS_SCHEMA_ENTRIES: i32 = 150_000;

const SLOT: &str = "
SELECT slot.plugin::text, slot.database::text, slot.active, slot.active_pid, slot.temporary,
       slot.restart_lsn::text AS restart, slot.confirmed_flush_lsn::text AS confirmed,
       slot.wal_status, slot.safe_wal_size,
       (pg_catalog.to_jsonb(slot) ->> 'two_phase')::bool AS two_phase,
       pg_catalog.to_jsonb(slot) ->> 'invalidation_reason' AS invalidation_reason,
       (pg_catalog.to_jsonb(slot) ->> 'conflicting')::bool AS conflicting
FROM pg_catalog.pg_replication_slots AS slot
WHERE slot.slot_name = $1";

/// Reads the facts about the settings' slot and publication and the table `schema`.`name`.
///
/// # Errors
///
/// What the server answers, or that the connection is gone. Nothing that is merely missing is an
/// error here; [`Facts::verdict`] judges.
pub async fn inspect(
    client: &SqlClient,
    config: &Config,
    (schema, name): (&str, &str),
) -> Result<Facts, Error> {
    // First, for its position: what is read after it may be younger, and never older.
    let server = server(client).await?;
    let table = table(client, &config.publication, (schema, name)).await?;
    let oid = table.as_ref().map_or(0, |table| table.oid);
    Ok(Facts {
        names: Names {
            endpoint: config.conninfo.endpoint(),
            database: config.conninfo.dbname().to_owned(),
            table: quote::qualified(schema, name),
            publication: config.publication.clone(),
            slot: config.slot.clone(),
        },
        publication: publication(client, &config.publication, (schema, name, oid), &server).await?,
        server,
        slot: slot(client, &config.slot).await?,
        table,
    })
}

async fn server(client: &SqlClient) -> Result<ServerFacts, Error> {
    let doing = "read the server's state";
    let Some(row) = client.query_opt(doing, SERVER, &[]).await? else {
        return Err(Error::Protocol("the server's state came without a row".to_owned()));
    };
    let timeout_ms: i64 = column(&row, "wal_sender_timeout_ms")?;
    Ok(ServerFacts {
        version_num: column(&row, "version_num")?,
        system_identifier: column::<i64>(&row, "system_identifier")?.cast_unsigned(),
        timeline: column::<i32>(&row, "timeline")?.cast_unsigned(),
        wal_level: column(&row, "wal_level")?,
        in_recovery: column(&row, "in_recovery")?,
        may_replicate: column::<Option<bool>>(&row, "may_replicate")?.unwrap_or(false),
        wal_sender_timeout: u64::try_from(timeout_ms)
            .ok()
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis),
        current_lsn: parsed_column(&row, "current")?.unwrap_or(Lsn::ZERO),
        oldest_xid: parsed_column(&row, "oldest_xid")?.unwrap_or(0),
    })
}

async fn table(
    client: &SqlClient,
    publication: &str,
    (schema, name): (&str, &str),
) -> Result<Option<TableFacts>, Error> {
    let doing = "read the outbox table's definition";
    let Some(row) = client.query_opt(doing, TABLE, &[&schema, &name]).await? else {
        return Ok(None);
    };
    let oid: u32 = column(&row, "oid")?;
    let columns = client.query(doing, COLUMNS, &[&oid, &publication]).await?;
    let below = client.query(doing, BELOW, &[&oid, &publication]).await?;
    Ok(Some(TableFacts {
        oid,
        kind: table_kind(column(&row, "kind")?),
        persistence: persistence(column(&row, "persistence")?),
        columns: columns.iter().map(column_facts).collect::<Result<_, Error>>()?,
        below: below.iter().map(child_facts).collect::<Result<_, Error>>()?,
    }))
}

fn child_facts(row: &Row) -> Result<ChildFacts, Error> {
    Ok(ChildFacts {
        name: quote::qualified(column(row, "schema")?, column(row, "name")?),
        parent: quote::qualified(column(row, "parent_schema")?, column(row, "parent_name")?),
        kind: table_kind(column(row, "kind")?),
        persistence: persistence(column(row, "persistence")?),
        attached_since: column(row, "attached_since")?,
    })
}

fn persistence(relpersistence: &str) -> Persistence {
    match relpersistence {
        "u" => Persistence::Unlogged,
        "t" => Persistence::Temporary,
        _ => Persistence::Permanent,
    }
}

fn table_kind(relkind: &str) -> TableKind {
    match relkind {
        "r" => TableKind::Table,
        "p" => TableKind::Partitioned,
        "v" => TableKind::Other("view"),
        "m" => TableKind::Other("materialized view"),
        "f" => TableKind::Other("foreign table"),
        "S" => TableKind::Other("sequence"),
        "i" | "I" => TableKind::Other("index"),
        _ => TableKind::Other("relation of another kind"),
    }
}

fn column_facts(row: &Row) -> Result<ColumnFacts, Error> {
    Ok(ColumnFacts {
        number: column(row, "number")?,
        name: column(row, "name")?,
        type_oid: column(row, "type_oid")?,
        type_name: column(row, "type_name")?,
        not_null: column(row, "not_null")?,
    })
}

async fn publication(
    client: &SqlClient,
    publication: &str,
    (schema, name, oid): (&str, &str, u32),
    server: &ServerFacts,
) -> Result<Option<PublicationFacts>, Error> {
    let doing = "read the publication's definition";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&publication, &schema, &name, &oid];
    let Some(row) = client.query_opt(doing, PUBLICATION, &parameters).await? else {
        return Ok(None);
    };
    let number: u32 = column(&row, "oid")?;
    let schema_entry = match server.version_num >= HAS_SCHEMA_ENTRIES {
        true => client.query_opt(doing, SCHEMA_ENTRY, &[&number, &oid]).await?,
        false => None,
    };
    let of_schema: Option<String> =
        schema_entry.map(|row| column(&row, "entry")).transpose()?.flatten();
    let via: (Option<&str>, Option<&str>) =
        (column(&row, "via_schema")?, column(&row, "via_name")?);
    Ok(Some(PublicationFacts {
        oid: number,
        changed_by: column(&row, "changed_by")?,
        entry: column::<Option<String>>(&row, "entry")?.or(of_schema),
        all_tables: column(&row, "all_tables")?,
        inserts: column(&row, "inserts")?,
        others: column(&row, "others")?,
        via_root: column(&row, "via_root")?,
        via: via.0.zip(via.1).map(|(schema, name)| quote::qualified(schema, name)),
        includes_table: column(&row, "includes_table")?,
        other_tables: column(&row, "other_tables")?,
        row_filter: column(&row, "row_filter")?,
        has_column_list: column::<Option<bool>>(&row, "has_column_list")?.unwrap_or(false),
    }))
}

async fn slot(client: &SqlClient, name: &str) -> Result<Option<SlotFacts>, Error> {
    let Some(row) = client.query_opt("read the slot's state", SLOT, &[&name]).await? else {
        return Ok(None);
    };
    let wal_status = WalStatus::from_column(column(&row, "wal_status")?);
    Ok(Some(SlotFacts {
        plugin: column(&row, "plugin")?,
        database: column(&row, "database")?,
        active: column(&row, "active")?,
        active_pid: column(&row, "active_pid")?,
        restart_lsn: parsed_column(&row, "restart")?,
        confirmed_flush_lsn: parsed_column(&row, "confirmed")?,
        wal_status,
        safe_wal_size: column(&row, "safe_wal_size")?,
        temporary: column(&row, "temporary")?,
        two_phase: column::<Option<bool>>(&row, "two_phase")?.unwrap_or(false),
        invalidation: invalidation(&row, wal_status)?,
    }))
}

/// A slot that is still being created has no restart position either, so only `lost` counts.
fn invalidation(row: &Row, wal_status: WalStatus) -> Result<Option<String>, Error> {
    if let Some(reason) = column(row, "invalidation_reason")? {
        return Ok(Some(reason));
    }
    if column::<Option<bool>>(row, "conflicting")?.unwrap_or(false) {
        return Ok(Some("it conflicts with recovery".to_owned()));
    }
    let removed = "the WAL it needs was removed (max_slot_wal_keep_size)";
    Ok((wal_status == WalStatus::Lost).then(|| removed.to_owned()))
}
