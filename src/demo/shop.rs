//! The shop: tills that commit an order and its outbox row in one transaction, and roll some back.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::{
    Error,
    error::postgres,
    server::{connect, text},
};

const TILLS: u64 = 4;

const CUSTOMERS: i32 = 40;

/// One payment in so many fails, after the outbox row was written.
const DECLINED: u64 = 8;

/// A till's pause between customers: up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(30);

/// An order's number counts per customer. Whoever gives it out holds the customer's row until the
/// commit, so that the numbers are in commit order: what the audit compares Kafka's order with.
const TABLES: &str = "
CREATE TABLE customers (id int PRIMARY KEY, orders int NOT NULL DEFAULT 0);
INSERT INTO customers (id) SELECT generate_series(1, 40);
CREATE TABLE orders (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer int NOT NULL REFERENCES customers,
    number int NOT NULL,
    points int NOT NULL,
    UNIQUE (customer, number)
)";

const TAKE_NUMBER: &str = "UPDATE customers SET orders = orders + 1 WHERE id = $1 RETURNING orders";

/// Order and event in one statement would do as well; two show what a service does.
const PLACE_ORDER: &str =
    "INSERT INTO orders (customer, number, points) VALUES ($1, $2, $3) RETURNING id::text";

const WRITE_EVENT: &str = "
INSERT INTO outbox (aggregatetype, aggregateid, type, payload)
VALUES ('order', 'customer-' || $1::int, 'OrderPaid', jsonb_build_object(
    'order', $2::text, 'customer', $1::int, 'number', $3::int, 'points', $4::int))";

/// What the tills have done so far, as far as they know: a commit whose answer was lost in a
/// restart is not among them.
#[derive(Debug, Default)]
pub(super) struct Takings {
    pub(super) committed: AtomicU64,
    pub(super) rolled_back: AtomicU64,
}

/// The open shop.
pub(super) struct Shop {
    pub(super) takings: Arc<Takings>,
    closing: Arc<AtomicBool>,
    tills: Vec<JoinHandle<()>>,
}

impl Shop {
    /// Makes the shop's database and its own tables; the outbox table is init's work.
    pub(super) async fn found(directory: &Path) -> Result<(), Error> {
        let doing = "make the shop's tables";
        let server = connect(directory, "postgres").await.map_err(postgres(doing))?;
        server.batch_execute("CREATE DATABASE shop").await.map_err(postgres(doing))?;
        let shop = connect(directory, "shop").await.map_err(postgres(doing))?;
        shop.batch_execute(TABLES).await.map_err(postgres(doing))
    }

    /// Opens the tills. They find the server again when it was away.
    pub(super) fn open(directory: &Path) -> Shop {
        let (takings, closing) = (Arc::new(Takings::default()), Arc::new(AtomicBool::new(false)));
        let tills = (0..TILLS).map(|_| {
            let till = Till {
                directory: directory.to_owned(),
                takings: Arc::clone(&takings),
                closing: Arc::clone(&closing),
            };
            tokio::spawn(till.serve())
        });
        Shop { tills: tills.collect(), takings, closing }
    }

    /// Closes the tills and waits until the last customer is served.
    pub(super) async fn close(self) {
        self.closing.store(true, Ordering::Relaxed);
        for till in self.tills {
            let _ = till.await;
        }
    }
}

/// The sum of points that the committed orders are worth, from the orders themselves.
pub(super) async fn points_earned(shop: &Client) -> Result<i64, Error> {
    let sum = text(shop, "SELECT coalesce(sum(points), 0)::text FROM orders").await?;
    Ok(sum.parse().unwrap_or_default())
}

struct Till {
    directory: PathBuf,
    takings: Arc<Takings>,
    closing: Arc<AtomicBool>,
}

impl Till {
    async fn serve(self) {
        let mut session: Option<Client> = None;
        while !self.closing.load(Ordering::Relaxed) {
            let client = match session.take() {
                Some(client) => Some(client),
                None => connect(&self.directory, "shop").await.ok(),
            };
            if let Some(mut client) = client
                && self.sell(&mut client).await.is_ok()
            {
                session = Some(client);
            }
            let pause = fastrand::u64(0..LONGEST_PAUSE.as_millis() as u64);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn sell(&self, client: &mut Client) -> Result<(), tokio_postgres::Error> {
        let customer = fastrand::i32(1..=CUSTOMERS);
        let points = fastrand::i32(1..=20);
        let transaction = client.transaction().await?;
        let number: i32 = transaction.query_one(TAKE_NUMBER, &[&customer]).await?.get(0);
        let row = transaction.query_one(PLACE_ORDER, &[&customer, &number, &points]).await?;
        let order: String = row.get(0);
        transaction.execute(WRITE_EVENT, &[&customer, &order, &number, &points]).await?;
        if fastrand::u64(0..DECLINED) == 0 {
            transaction.rollback().await?;
            self.takings.rolled_back.fetch_add(1, Ordering::Relaxed);
        } else {
            transaction.commit().await?;
            self.takings.committed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
