//! The closing: the last records arrive, all is confirmed, both sides are read anew and counted.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Row};

use super::{
    Error,
    audit::{Committed, count},
    cast::{Cast, session},
    error::postgres,
    points::points_granted,
    server::text,
    shop::{Shop, points_earned},
    teller::Outcome,
};

/// How long the last records may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to ask.
const TICK: Duration = Duration::from_millis(50);

/// Closes the shop, waits for the last of its events, and tells what came of it all.
pub(super) async fn close(cast: &mut Cast<'_>, shop: Shop) -> Result<Outcome, Error> {
    let takings = shop.takings.clone();
    shop.close().await;
    cast.teller.tell("the shop closes");
    let server = session(&cast.place, "shop").await?;
    until_confirmed(cast, &server).await?;
    cast.teller.tell("all that was committed is in Kafka and confirmed to PostgreSQL");
    cast.publisher.stop().await?;
    let committed = text(&server, "SELECT count(*)::text FROM orders").await?;
    let committed = committed.parse().unwrap_or_default();
    until_granted(cast, committed).await;
    let rolled_back = takings.rolled_back.load(Ordering::Relaxed);
    let outcome = audit(cast, &server, (committed, rolled_back)).await?;
    cast.teller.show(&outcome);
    cast.server.stop().await?;
    Ok(outcome)
}

/// Waits until the slot stands behind all that was written.
async fn until_confirmed(cast: &mut Cast<'_>, server: &Client) -> Result<(), Error> {
    let end = text(server, "SELECT pg_current_wal_flush_lsn()::text").await?;
    let query =
        format!("SELECT (confirmed_flush_lsn >= '{end}'::pg_lsn)::text FROM pg_replication_slots");
    let limit = Instant::now() + PATIENCE;
    while text(server, &query).await? != "true" {
        cast.publisher.still_runs()?;
        if Instant::now() > limit {
            return Err(Error::Late { what: "the last event is confirmed", seconds: 60 });
        }
        sleep(TICK).await;
    }
    Ok(())
}

/// Gives the points service time for the last records. If it does not get there, the table says so.
async fn until_granted(cast: &Cast<'_>, orders: i64) {
    let limit = Instant::now() + PATIENCE / 6;
    while cast.points.tally.granted.load(Ordering::Relaxed) < orders && Instant::now() < limit {
        sleep(TICK).await;
    }
}

/// Reads both sides anew, from the beginning.
async fn audit(
    cast: &Cast<'_>,
    server: &Client,
    (committed, rolled_back): (i64, u64),
) -> Result<Outcome, Error> {
    let query = "SELECT id::text, aggregateid, (payload ->> 'number')::int FROM outbox";
    let rows = server.query(query, &[]).await.map_err(postgres("show the outbox"))?;
    let event = |row: &Row| Committed { event: row.get(0), key: row.get(1), number: row.get(2) };
    let events: Vec<Committed> = rows.iter().map(event).collect();
    let unpaired = text(
        server,
        "SELECT count(*)::text
         FROM orders FULL JOIN outbox ON outbox.payload ->> 'order' = orders.id::text
         WHERE orders.id IS NULL OR outbox.id IS NULL",
    );
    let unpaired = unpaired.await?.parse().unwrap_or(i64::MAX);
    let records = cast.broker.read_all().await?;
    let delivered: Vec<(&str, &str)> =
        records.iter().map(|record| (record.event.as_str(), record.key.as_str())).collect();
    let accounts = session(&cast.place, "points").await?;
    Ok(Outcome {
        committed,
        rolled_back,
        earned: points_earned(server).await?,
        granted: points_granted(&accounts).await?,
        unpaired,
        counts: count(&events, &delivered),
    })
}
