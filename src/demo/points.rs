//! The points service: reads the topic and grants each order once, by an inbox table.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rdkafka::consumer::StreamConsumer;
use serde::Deserialize;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_postgres::Client;

use super::{
    Error,
    broker::{Broker, Record},
    error::postgres,
    server::{connect, text},
};

/// A database of its own: the points service is another service.
const TABLES: &str = "
CREATE TABLE inbox (event uuid PRIMARY KEY);
CREATE TABLE points (customer int PRIMARY KEY, balance bigint NOT NULL)";

/// The recipe: whoever inserts the event's id has the right to its effect. Both commit together.
const REMEMBER: &str = "INSERT INTO inbox (event) VALUES ($1::text::uuid) ON CONFLICT DO NOTHING";

const GRANT: &str = "
INSERT INTO points (customer, balance) VALUES ($1, $2)
ON CONFLICT (customer) DO UPDATE SET balance = points.balance + excluded.balance";

/// Records of one transaction at most, and how long to wait for company.
const BATCH: usize = 100;
const COMPANY: Duration = Duration::from_millis(3);

/// What a record of the shop says.
#[derive(Deserialize)]
struct OrderPaid {
    customer: i32,
    points: i64,
}

/// What the service has done so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Records read, repeats included.
    pub(super) read: AtomicI64,
    /// Orders granted.
    pub(super) granted: AtomicI64,
}

/// The running service. Dropping it ends it.
pub(super) struct Points {
    pub(super) tally: Arc<Tally>,
    task: JoinHandle<()>,
}

impl Points {
    /// Makes the service's database.
    pub(super) async fn found(directory: &Path) -> Result<(), Error> {
        let doing = "make the points service's tables";
        let server = connect(directory, "postgres").await.map_err(postgres(doing))?;
        server.batch_execute("CREATE DATABASE points").await.map_err(postgres(doing))?;
        let points = connect(directory, "points").await.map_err(postgres(doing))?;
        points.batch_execute(TABLES).await.map_err(postgres(doing))
    }

    /// Starts reading at the beginning of the topic.
    pub(super) fn open(directory: &Path, broker: &Broker) -> Result<Points, Error> {
        let tally = Arc::new(Tally::default());
        let clerk = Clerk { directory: directory.to_owned(), tally: Arc::clone(&tally) };
        let task = tokio::spawn(clerk.serve(broker.reader()?));
        Ok(Points { tally, task })
    }
}

impl Drop for Points {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All points granted, from the balances themselves.
pub(super) async fn points_granted(points: &Client) -> Result<i64, Error> {
    let sum = text(points, "SELECT coalesce(sum(balance), 0)::text FROM points").await?;
    Ok(sum.parse().unwrap_or_default())
}

struct Clerk {
    directory: PathBuf,
    tally: Arc<Tally>,
}

impl Clerk {
    async fn serve(self, reader: StreamConsumer) {
        let mut session: Option<Client> = None;
        loop {
            let batch = next_batch(&reader).await;
            self.tally.read.fetch_add(batch.len() as i64, Ordering::Relaxed);
            // Until it is committed for sure. A commit whose answer was lost is harmless: the inbox
            // knows the events when they are tried again.
            loop {
                let client = match session.take() {
                    Some(client) => Some(client),
                    None => connect(&self.directory, "points").await.ok(),
                };
                if let Some(mut client) = client
                    && let Ok(granted) = grant(&mut client, &batch).await
                {
                    self.tally.granted.fetch_add(granted, Ordering::Relaxed);
                    session = Some(client);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// At least one record.
async fn next_batch(reader: &StreamConsumer) -> Vec<Record> {
    let mut batch = Vec::new();
    while batch.is_empty() {
        // A broker that is away is librdkafka's matter.
        batch.extend(reader.recv().await.ok().map(|message| Record::of(&message)));
    }
    let until = Instant::now() + COMPANY;
    while batch.len() < BATCH {
        let Ok(next) = timeout_at(until, reader.recv()).await else { break };
        batch.extend(next.ok().map(|message| Record::of(&message)));
    }
    batch
}

/// Grants what was not granted before; how many orders that is.
async fn grant(client: &mut Client, batch: &[Record]) -> Result<i64, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    let mut granted = 0;
    for record in batch {
        let Ok(order) = serde_json::from_str::<OrderPaid>(&record.payload) else { continue };
        if transaction.execute(REMEMBER, &[&record.event]).await? == 1 {
            transaction.execute(GRANT, &[&order.customer, &order.points]).await?;
            granted += 1;
        }
    }
    transaction.commit().await?;
    Ok(granted)
}
