//! The queries behind the survey.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio_postgres::Row;

use super::{Clock, Load, Reader, Role, Session, Setting, Shape, Survey, Way};
use crate::postgres::{Endpoint, Error, SqlClient, conninfo::SslMode, quote, sql::column};

const SETTINGS: &str = "
SELECT name, setting, unit
FROM pg_catalog.pg_settings
WHERE name IN ('max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size',
               'wal_sender_timeout', 'idle_replication_slot_timeout',
               'synchronous_standby_names', 'output_plugin_libraries')";

/// Everybody sees that a walsender is there; what it does is hidden from most, and one that has just
/// connected is nobody's standby yet. Names are never hidden: one with ours is a publisher.
const LOAD: &str = "
SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots) AS slots,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) AS walsenders,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots
        WHERE slot_type = 'physical' AND NOT temporary) AS physical_slots,
       other.standbys, other.unseen
FROM (SELECT pg_catalog.count(*) FILTER (WHERE sender.state = 'streaming') AS standbys,
             pg_catalog.count(*) FILTER (WHERE sender.state IS NULL
                                              AND sender.application_name IS DISTINCT FROM $1)
                 AS unseen
      FROM pg_catalog.pg_stat_replication AS sender
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS slot
                        WHERE slot.active_pid = sender.pid AND slot.slot_type = 'logical')) AS other";

/// By their names in pg_roles: not every version has each of these roles.
const ROLE: &str = "
SELECT role.rolsuper AS superuser,
       pg_catalog.array_remove(ARRAY[CASE WHEN role.rolcreaterole THEN 'CREATEROLE' END,
                                     CASE WHEN role.rolcreatedb THEN 'CREATEDB' END,
                                     CASE WHEN role.rolbypassrls THEN 'BYPASSRLS' END], NULL)
           AS attributes,
       ARRAY(SELECT powerful.rolname::text FROM pg_catalog.pg_roles AS powerful
             WHERE powerful.rolname IN ('pg_execute_server_program', 'pg_read_server_files',
                                        'pg_write_server_files', 'pg_read_all_data',
                                        'pg_write_all_data', 'pg_maintain')
               AND pg_catalog.pg_has_role(role.oid, powerful.oid, 'member')
             ORDER BY powerful.rolname) AS member_of,
       EXISTS (SELECT FROM pg_catalog.pg_class AS class
               WHERE class.oid = $1 AND class.relowner = role.oid) AS owns_table
FROM pg_catalog.pg_roles AS role
WHERE role.rolname = current_user";

const READER: &str = "
SELECT activity.application_name,
       (pg_catalog.to_jsonb(slot) ->> 'failover')::bool AS failover
FROM pg_catalog.pg_replication_slots AS slot
LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = slot.active_pid
WHERE slot.slot_name = $1";

/// `tgtype & 7` is BEFORE, FOR EACH ROW and INSERT together. PostgreSQL 18 has constraints that
/// are not enforced, and publications that send stored generated columns.
const SHAPE: &str = "
SELECT ARRAY(SELECT pg_catalog.pg_get_constraintdef(entry.oid)
             FROM pg_catalog.pg_constraint AS entry
             WHERE entry.conrelid = $1 AND entry.contype = 'c'
               AND pg_catalog.to_jsonb(entry) ->> 'conenforced' IS DISTINCT FROM 'false') AS checks,
       EXISTS (SELECT FROM pg_catalog.pg_index
               WHERE indrelid = $1 AND indisprimary) AS has_primary_key,
       ARRAY(SELECT rule.rulename::text FROM pg_catalog.pg_rewrite AS rule
             WHERE rule.ev_class = $1 AND rule.ev_type = '3' AND rule.is_instead
               AND rule.ev_enabled <> 'D') AS instead_rules,
       ARRAY(SELECT entry.tgname::text FROM pg_catalog.pg_trigger AS entry
             WHERE entry.tgrelid = $1 AND NOT entry.tgisinternal AND entry.tgenabled <> 'D'
               AND entry.tgtype & 7 = 7) AS before_triggers,
       ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
             WHERE attrelid = $1 AND attgenerated <> '' AND NOT attisdropped
               AND NOT (attgenerated = 's'
                        AND EXISTS (SELECT FROM pg_catalog.pg_publication AS publication
                                    WHERE publication.pubname = $2
                                      AND pg_catalog.to_jsonb(publication) ->> 'pubgencols' = 's')))
           AS silent_generated,
       -- A length of n is stored as n + 4.
       (SELECT atttypmod - 4 FROM pg_catalog.pg_attribute
        WHERE attrelid = $1 AND attname = $3 AND NOT attisdropped AND atttypmod > 4
          AND atttypid IN ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype))
           AS payload_characters";

const UNIQUE: &str = "
SELECT ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute
             WHERE attrelid = index.indrelid
               AND attnum = ANY ((index.indkey::int2[])[0:index.indnkeyatts - 1])) AS columns
FROM pg_catalog.pg_index AS index
WHERE index.indrelid = $1 AND index.indisunique AND index.indisvalid
  AND index.indpred IS NULL AND index.indexprs IS NULL
ORDER BY index.indisprimary DESC, index.indexrelid";

const CLOCK: &str = "
SELECT (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS micros";

/// A question whose answer came soonest tells the difference best.
const CLOCK_QUESTIONS: u32 = 3;

/// Rows of the outbox that are looked at: enough to meet every kind of event that is frequent, and
/// read in milliseconds.
const ROWS: u32 = 1000;

/// Nobody waits long for a look that is only a courtesy.
const ROWS_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads the survey for the client's settings; `table` is the outbox table's oid and `payload` its
/// payload column.
///
/// # Errors
///
/// What the server answers, or that the connection is gone.
pub async fn survey(
    client: &SqlClient,
    table: Option<u32>,
    payload: &str,
) -> Result<Survey, Error> {
    let config = client.config();
    let (oid, application) = (table.unwrap_or(0), config.conninfo.application_name());
    let settings = client.query("read the server's settings", SETTINGS, &[]).await?;
    let load = client.query_opt("count slots and walsenders", LOAD, &[&application]).await?;
    let role = client.query_opt("read about our own role", ROLE, &[&oid]).await?;
    let reader = client.query_opt("read who uses the slot", READER, &[&config.slot]).await?;
    Ok(Survey {
        settings: settings.iter().map(setting).collect::<Result<BTreeMap<_, _>, Error>>()?,
        load: load.as_ref().map(load_of).transpose()?.unwrap_or_default(),
        session: session(client),
        role: role.as_ref().map(role_of).transpose()?.unwrap_or_default(),
        reader: reader.as_ref().map(reader_of).transpose()?,
        shape: shape(client, oid, payload).await?,
    })
}

/// Compares the server's clock with ours.
///
/// # Errors
///
/// What the server answers, or that the connection is gone.
pub async fn clock(client: &SqlClient) -> Result<Clock, Error> {
    let mut best: Option<Clock> = None;
    for _ in 0..CLOCK_QUESTIONS {
        let (ours, start) = (SystemTime::now(), Instant::now());
        let row = client.query_opt("read the server's clock", CLOCK, &[]).await?;
        let uncertainty = start.elapsed() / 2;
        let Some(row) = row else { continue };
        let middle = (ours + uncertainty).duration_since(UNIX_EPOCH).unwrap_or_default();
        let theirs: i64 = column(&row, "micros")?;
        let ahead_micros = theirs.saturating_sub(i64::try_from(middle.as_micros()).unwrap_or(0));
        if best.is_none_or(|best| uncertainty < best.uncertainty) {
            best = Some(Clock { ahead_micros, uncertainty });
        }
    }
    best.ok_or_else(|| Error::Protocol("the server's clock came without a row".to_owned()))
}

/// The distinct values of `columns` in some rows of the table `schema`.`name`, at most `limit`.
///
/// # Errors
///
/// What the server answers: that the role may not read the table, or that it takes too long.
pub async fn values(
    client: &SqlClient,
    (schema, name): (&str, &str),
    columns: &[&str],
    limit: usize,
) -> Result<Vec<Vec<Option<String>>>, Error> {
    let doing = "read rows of the outbox table";
    let ms = ROWS_TIMEOUT.as_millis();
    let limits = format!("SET statement_timeout = {ms}; SET lock_timeout = {ms}");
    client.run("set statement_timeout", &limits).await?;
    let list: Vec<String> =
        columns.iter().map(|column| format!("{}::text", quote::name(column))).collect();
    let (table, list) = (format!("{}.{}", quote::name(schema), quote::name(name)), list.join(", "));
    let sql = format!(
        "SELECT DISTINCT * FROM (SELECT {list} FROM {table} LIMIT {ROWS}) AS row LIMIT {limit}"
    );
    let rows = client.query(doing, &sql, &[]).await?;
    let text = |row: &Row, index: usize| {
        row.try_get::<_, Option<String>>(index).map_err(|error| Error::Protocol(error.to_string()))
    };
    rows.iter().map(|row| (0..row.len()).map(|index| text(row, index)).collect()).collect()
}

async fn shape(client: &SqlClient, oid: u32, payload: &str) -> Result<Shape, Error> {
    let doing = "read the outbox table's constraints";
    let publication = &client.config().publication;
    let Some(row) = client.query_opt(doing, SHAPE, &[&oid, publication, &payload]).await? else {
        return Ok(Shape::default());
    };
    let unique = client.query(doing, UNIQUE, &[&oid]).await?;
    Ok(Shape {
        unique: unique.iter().map(|row| column(row, "columns")).collect::<Result<_, Error>>()?,
        has_primary_key: column(&row, "has_primary_key")?,
        checks: column(&row, "checks")?,
        payload_characters: column(&row, "payload_characters")?,
        instead_rules: column(&row, "instead_rules")?,
        before_triggers: column(&row, "before_triggers")?,
        silent_generated: column(&row, "silent_generated")?,
    })
}

fn setting(row: &Row) -> Result<(String, Setting), Error> {
    let setting = Setting {
        value: column::<Option<String>>(row, "setting")?.unwrap_or_default(),
        unit: column(row, "unit")?,
    };
    Ok((column(row, "name")?, setting))
}

fn load_of(row: &Row) -> Result<Load, Error> {
    Ok(Load {
        slots: column(row, "slots")?,
        walsenders: column(row, "walsenders")?,
        physical_slots: column(row, "physical_slots")?,
        standbys: column(row, "standbys")?,
        unseen: column(row, "unseen")?,
    })
}

/// Not what pg_stat_ssl says: that is the proxy's connection where there is one between.
fn session(client: &SqlClient) -> Session {
    let (conninfo, tls) = (&client.config().conninfo, client.tls());
    Session {
        tls: (tls != "none").then_some(tls),
        is_verified: conninfo.tls().mode == SslMode::VerifyFull,
        way: way(conninfo.endpoint()),
    }
}

fn way(endpoint: Endpoint) -> Way {
    let Endpoint::Tcp { host, .. } = endpoint else { return Way::Socket };
    let address = host.parse::<IpAddr>();
    match address.is_ok_and(|address| address.to_canonical().is_loopback()) || host == "localhost" {
        true => Way::Loopback,
        false => Way::Network(host),
    }
}

fn role_of(row: &Row) -> Result<Role, Error> {
    Ok(Role {
        superuser: column(row, "superuser")?,
        attributes: column(row, "attributes")?,
        member_of: column(row, "member_of")?,
        owns_table: column(row, "owns_table")?,
    })
}

fn reader_of(row: &Row) -> Result<Reader, Error> {
    let application: Option<String> = column(row, "application_name")?;
    Ok(Reader {
        application: application.filter(|name| !name.is_empty()),
        failover: column(row, "failover")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::ConnInfo;

    #[test]
    fn the_way_is_told_by_where_we_connect_to() {
        let network = |host: &str| Way::Network(host.to_owned());
        for (text, expected) in [
            ("user=u host=/run/postgresql", Way::Socket),
            ("user=u", Way::Loopback),
            ("user=u host=127.0.0.7", Way::Loopback),
            ("user=u host=::1", Way::Loopback),
            ("user=u host=::ffff:127.0.0.1", Way::Loopback),
            ("user=u host=db.example hostaddr=127.0.0.1", Way::Loopback),
            ("user=u host=localhost hostaddr=10.0.0.5", network("10.0.0.5")),
            ("user=u host=db.example", network("db.example")),
        ] {
            let conninfo: ConnInfo = text.parse().expect("a connection string");
            assert_eq!(way(conninfo.endpoint()), expected, "{text}");
        }
    }
}
