//! The cast: who is on, what dies and when, and how they come back.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::{
    Config, Error,
    broker::Broker,
    error::postgres,
    place::Place,
    points::Points,
    publisher::{Publisher, ROLE},
    server::{Server, connect, text},
    shop::Shop,
    teller::{Teller, thousands},
};

/// What dies, and at which hundredth of the opening time. In the middle PostgreSQL does.
const LOSSES: [(u32, Loss); 6] = [
    (10, Loss::Publisher),
    (24, Loss::Publisher),
    (38, Loss::Publisher),
    (50, Loss::Postgres),
    (66, Loss::Publisher),
    (82, Loss::Publisher),
];

/// How long the publisher stays dead: the backlog that it comes back to.
const ABSENCE: Duration = Duration::from_millis(700);

/// How long a record may take to come through after a start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the bar moves and the publisher is looked after.
const TICK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Publisher,
    Postgres,
}

/// The shop's day.
struct Day<'a> {
    begin: Instant,
    length: Duration,
    shop: &'a Shop,
}

/// Everybody who is on.
pub(super) struct Cast<'a> {
    pub(super) place: Place,
    pub(super) server: Server,
    pub(super) publisher: Publisher,
    pub(super) points: Points,
    pub(super) broker: &'a Broker,
    pub(super) teller: &'a mut Teller,
}

impl<'a> Cast<'a> {
    /// Everybody comes on; the shop opens.
    pub(super) async fn enter(
        config: &Config,
        broker: &'a Broker,
        teller: &'a mut Teller,
    ) -> Result<(Cast<'a>, Shop), Error> {
        let mut server = Server::find(config.postgres_bin.as_deref())?;
        let place = Place::new(server.user())?;
        server.create(&place).await?;
        let asked = session(&place, "postgres").await?;
        let version = text(&asked, "SELECT split_part(version(), ' ', 2)").await?;
        teller.tell(&format!("PostgreSQL {version} runs in {}", place.path.display()));
        teller.tell(&format!("{} has topic {}", broker.name, broker.topic));
        Shop::found(&place.server).await?;
        Points::found(&place.server).await?;
        let points = Points::open(&place.server, broker)?;
        let doing = "make the publisher's role";
        let shop = session(&place, "shop").await?;
        shop.batch_execute(ROLE).await.map_err(postgres(doing))?;
        let publisher = Publisher::with_settings(&place, broker)?;
        publisher.init(&place).await?;
        teller.tell("postrider init has made the outbox table, the publication and the slot");
        let shop = Shop::open(&place.server);
        teller.tell("the shop opens: four tills; every eighth payment fails and is rolled back");
        Ok((Cast { place, server, publisher, points, broker, teller }, shop))
    }

    /// The shop is open, and things die.
    pub(super) async fn trade(&mut self, open: Duration, shop: &Shop) -> Result<(), Error> {
        self.teller.begin_bar(open);
        let day = Day { begin: Instant::now(), length: open, shop };
        let (pid, after) = self.publish(&day).await?;
        let http = &self.publisher.http;
        self.teller.tell(&format!(
            "postrider run is process {pid}; its first record is in Kafka after {after:.2} s"
        ));
        self.teller.tell(&format!("see http://{http}/metrics while it runs"));
        for (hundredth, loss) in LOSSES {
            self.wait(&day, open * hundredth / 100).await?;
            match loss {
                Loss::Publisher => self.lose_publisher(&day).await?,
                Loss::Postgres => self.lose_postgres(&day).await?,
            }
        }
        self.wait(&day, open).await?;
        self.teller.end_bar();
        Ok(())
    }

    async fn lose_publisher(&mut self, day: &Day<'_>) -> Result<(), Error> {
        // At no moment in particular.
        let pause = Duration::from_millis(fastrand::u64(0..400));
        self.wait(day, day.begin.elapsed() + pause).await?;
        let pid = self.publisher.kill().await?;
        let read = thousands(self.read());
        self.teller.loss(&format!("kill -9 {pid}: postrider is dead, after {read} records"));
        self.wait(day, day.begin.elapsed() + ABSENCE).await?;
        let position = confirmed(&session(&self.place, "shop").await?).await?;
        let (pid, after) = self.publish(day).await?;
        self.teller.tell(&format!(
            "postrider is back as {pid}: resumes at {position}, first record after {after:.2} s"
        ));
        Ok(())
    }

    async fn lose_postgres(&mut self, day: &Day<'_>) -> Result<(), Error> {
        let begin = Instant::now();
        self.teller.loss("PostgreSQL is shut down: shop, postrider and points service stand still");
        self.server.stop().await?;
        let stopped = begin.elapsed().as_secs_f64();
        self.server.start(&self.place).await?;
        let (held, begin) = (self.broker.count()?.0, Instant::now());
        self.until_more_than(held, day).await?;
        let after = begin.elapsed().as_secs_f64();
        self.teller.tell(&format!(
            "PostgreSQL stopped within {stopped:.1} s and is back; all found it again, \
             first record after {after:.1} s"
        ));
        Ok(())
    }

    /// Starts the publisher and waits for its first record; its process and the seconds it took.
    async fn publish(&mut self, day: &Day<'_>) -> Result<(u32, f64), Error> {
        let (held, begin) = (self.broker.count()?.0, Instant::now());
        let pid = self.publisher.start(&self.place)?;
        self.until_more_than(held, day).await?;
        Ok((pid, begin.elapsed().as_secs_f64()))
    }

    /// Waits until the day is so old.
    async fn wait(&mut self, day: &Day<'_>, age: Duration) -> Result<(), Error> {
        while day.begin.elapsed() < age {
            self.show(day);
            self.publisher.still_runs()?;
            sleep(TICK).await;
        }
        Ok(())
    }

    /// Waits until more than `held` records are in Kafka. The consumer is not asked, since its own
    /// start would be in the time.
    async fn until_more_than(&mut self, held: i64, day: &Day<'_>) -> Result<(), Error> {
        let limit = Instant::now() + PATIENCE;
        while self.broker.count()?.0 <= held {
            self.show(day);
            self.publisher.still_runs()?;
            if Instant::now() > limit {
                return Err(Error::Late { what: "a record comes through", seconds: 60 });
            }
            sleep(TICK / 4).await;
        }
        Ok(())
    }

    fn read(&self) -> i64 {
        self.points.tally.read.load(Ordering::Relaxed)
    }

    fn show(&self, day: &Day<'_>) {
        let orders = day.shop.takings.committed.load(Ordering::Relaxed) as i64;
        let granted = self.points.tally.granted.load(Ordering::Relaxed);
        let passed = day.begin.elapsed();
        let left = day.length.saturating_sub(passed).as_secs();
        let (orders, granted) = (thousands(orders), thousands(granted));
        let message = format!("{left:2} s left: {orders} orders, {granted} granted");
        self.teller.move_bar(passed, message);
    }
}

/// A session of the throw-away server's superuser.
pub(super) async fn session(place: &Place, database: &str) -> Result<Client, Error> {
    connect(&place.server, database).await.map_err(postgres("open a session"))
}

/// Where the slot stands.
async fn confirmed(session: &Client) -> Result<String, Error> {
    text(session, "SELECT confirmed_flush_lsn::text FROM pg_replication_slots").await
}
