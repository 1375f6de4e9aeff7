//! The faults: what is done to publisher, PostgreSQL, brokers and network.

use std::time::Duration;

use crate::{
    failpoints::FAILPOINTS,
    field::Field,
    harness::{BOTH, Direction, Proxy, Stop},
};

/// A slice's kind: what is under fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Kills,
    Postgres,
    Brokers,
    Network,
    Mixed,
    /// Not a fire: see [`crate::sweep`].
    Sweep,
}

/// Milliseconds without another fault after a crash of PostgreSQL: it writes a slot down when it can
/// restart from a later place, and without that each crash repeats everything since the beginning.
const RECOVERED: (u64, u64) = (1000, 6000);

/// One fault, from its beginning to its end.
type Fault = fn(&Field<'_>);

const KILLS: [(u64, Fault); 4] =
    [(6, kill_publisher), (5, kill_at_failpoint), (1, stop_publisher), (1, terminate_publisher)];

const POSTGRES: [(u64, Fault); 6] = [
    (3, crash_postgres),
    (2, kill_backend),
    (3, end_walsender),
    (1, kill_walsender),
    (2, stop_walsender),
    (1, restart_postgres),
];

const BROKERS: [(u64, Fault); 3] = [(4, kill_broker), (2, stop_broker), (1, below_minimum)];

const NETWORK: [(u64, Fault); 10] = [
    (3, cut),
    (3, reset),
    (2, freeze),
    (2, freeze_one_way),
    (2, swallow),
    (1, slice),
    (1, slow),
    (2, delay),
    (2, delay_answers),
    (4, cut_after),
];

impl Kind {
    /// Its name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Kills => "kills",
            Kind::Postgres => "postgres",
            Kind::Brokers => "brokers",
            Kind::Network => "network",
            Kind::Mixed => "mixed",
            Kind::Sweep => "sweep",
        }
    }

    /// Kafka nodes of its own: none where one of the run's will do, one where the way to it is
    /// under fire.
    pub fn nodes(self) -> usize {
        match self {
            Kind::Kills | Kind::Postgres => 0,
            Kind::Network | Kind::Sweep => 1,
            Kind::Brokers | Kind::Mixed => 3,
        }
    }

    /// Does the next fault and lets some time pass.
    pub fn strike(self, field: &Field<'_>) {
        let group = match self {
            // In turn: all kinds of trouble, the frequent ones more often.
            Kind::Mixed => match field.random.borrow_mut().below(8) {
                0..=2 => Kind::Kills,
                3 | 4 => Kind::Network,
                5 | 6 => Kind::Postgres,
                _ => Kind::Brokers,
            },
            other => other,
        };
        match group {
            Kind::Kills | Kind::Mixed => pick(field, &KILLS)(field),
            Kind::Postgres => pick(field, &POSTGRES)(field),
            Kind::Brokers => pick(field, &BROKERS)(field),
            Kind::Network | Kind::Sweep => pick(field, &NETWORK)(field),
        }
        // Long enough to come up in, mostly; sometimes not.
        field.sleep(100, 1600);
    }
}

fn pick(field: &Field<'_>, faults: &[(u64, Fault)]) -> Fault {
    let mut at = field.random.borrow_mut().below(faults.iter().map(|(weight, _)| weight).sum());
    for (weight, fault) in faults {
        if at < *weight {
            return *fault;
        }
        at -= weight;
    }
    unreachable!("the weights add up")
}

/// In every third outage the publisher is killed, too.
fn while_it_lasts(field: &Field<'_>) {
    if field.random.borrow_mut().once_in(3) {
        field.kill_publisher();
    }
}

fn kill_publisher(field: &Field<'_>) {
    field.kill_publisher();
}

fn kill_at_failpoint(field: &Field<'_>) {
    let (name, count) = {
        let mut random = field.random.borrow_mut();
        let (name, _) = FAILPOINTS[random.below(FAILPOINTS.len() as u64) as usize];
        let often = ["after_read", "before_produce", "after_produce", "after_acknowledge"];
        let most = match name {
            name if often.contains(&name) => 2000,
            "mid_transaction" => 500,
            "before_confirm" | "after_confirm" | "before_witness" | "after_witness" => 8,
            _ => 1,
        };
        (name, random.between(1, most))
    };
    field.kill_at(name, count);
}

fn stop_publisher(field: &Field<'_>) {
    let signal = |name| field.publisher.borrow().as_ref().expect("one runs").signal(name);
    signal("STOP");
    let pause = field.sleep(100, 3000);
    signal("CONT");
    field.note(format!("the publisher stood still for {pause} ms"));
    field.count(|counts| counts.stops += 1);
}

fn terminate_publisher(field: &Field<'_>) {
    field.note("SIGTERM to the publisher");
    let publisher = field.publisher.take().expect("one runs");
    publisher.signal("TERM");
    publisher.ends(Duration::from_secs(15));
    field.start_publisher();
}

fn crash_postgres(field: &Field<'_>) {
    field.note("immediate stop of PostgreSQL");
    field.another_life();
    field.stage.postgres.stop(Stop::Immediate, Duration::from_secs(20));
    field.count(|counts| counts.postgres_crashes += 1);
    field.sleep(0, 1500);
    while_it_lasts(field);
    field.stage.postgres.start();
    field.another_life();
    field.sleep(RECOVERED.0, RECOVERED.1);
}

fn restart_postgres(field: &Field<'_>) {
    field.note("fast stop of PostgreSQL");
    field.another_life();
    field.stage.postgres.stop(Stop::Fast, Duration::from_secs(35));
    field.stage.postgres.start();
    field.another_life();
}

/// A backend that dies by a signal makes the server end all others and recover from its WAL.
fn kill_backend(field: &Field<'_>) {
    crash_by(field, "backend", "backend_type = 'client backend' and pid <> pg_backend_pid()");
}

fn kill_walsender(field: &Field<'_>) {
    if crash_by(field, "walsender", "backend_type = 'walsender'") {
        field.count(|counts| counts.walsender_kills += 1);
    }
}

fn crash_by(field: &Field<'_>, name: &str, which: &str) -> bool {
    let Some(pid) = process_of(field, which) else { return false };
    field.another_life();
    field.note(format!("kill -9 of the {name} {pid}"));
    let died = signal(&pid, "KILL");
    std::thread::sleep(Duration::from_millis(300));
    field.postgres_answers();
    field.another_life();
    field.count(|counts| counts.postgres_crashes += u64::from(died));
    field.sleep(RECOVERED.0, RECOVERED.1);
    died
}

fn end_walsender(field: &Field<'_>) {
    let Some(pid) = process_of(field, "backend_type = 'walsender'") else { return };
    field.note(format!("SIGTERM to the walsender {pid}"));
    if signal(&pid, "TERM") {
        field.count(|counts| counts.walsender_kills += 1);
    }
}

fn stop_walsender(field: &Field<'_>) {
    let Some(pid) = process_of(field, "backend_type = 'walsender'") else { return };
    if signal(&pid, "STOP") {
        let pause = field.sleep(200, 4000);
        while_it_lasts(field);
        signal(&pid, "CONT");
        field.note(format!("the walsender stood still for {pause} ms and more"));
        field.count(|counts| counts.stops += 1);
    }
}

/// A process of this field's own server.
fn process_of(field: &Field<'_>, which: &str) -> Option<String> {
    let sql = field.stage.postgres.try_sql("postgres")?;
    let asks = "select pid::text from pg_stat_activity where";
    sql.try_text(&format!("{asks} {which} order by random() limit 1")).ok()?
}

fn signal(pid: &str, name: &str) -> bool {
    let mut kill = std::process::Command::new("sh");
    kill.args(["-c", &format!("kill -s {name} {pid}")]).stderr(std::process::Stdio::null());
    kill.status().is_ok_and(|status| status.success())
}

/// A broker of the three, by the seed.
fn some_broker(field: &Field<'_>) -> usize {
    let count = field.cluster.expect("the slice has brokers of its own").nodes.len();
    field.random.borrow_mut().below(count as u64) as usize
}

fn kill_broker(field: &Field<'_>) {
    let broker = some_broker(field);
    kill_brokers(field, &[broker], (200, 3500));
}

/// Two of three: the in-sync set falls below the minimum, and Kafka takes nothing.
fn below_minimum(field: &Field<'_>) {
    let spared = some_broker(field);
    let broken: Vec<usize> = (0..3).filter(|broker| *broker != spared).collect();
    kill_brokers(field, &broken, (2000, 5000));
}

fn kill_brokers(field: &Field<'_>, brokers: &[usize], (low, high): (u64, u64)) {
    let nodes = &field.cluster.expect("the slice has brokers of its own").nodes;
    for broker in brokers {
        field.note(format!("kill -9 of broker {}", broker + 1));
        nodes[*broker].kill();
        field.count(|counts| counts.broker_crashes += 1);
    }
    field.sleep(low, high);
    while_it_lasts(field);
    // In their order: the first has the controller.
    for broker in brokers {
        nodes[*broker].start();
    }
    field.note("the brokers are back");
}

fn stop_broker(field: &Field<'_>) {
    let broker = some_broker(field);
    let node = &field.cluster.expect("the slice has brokers of its own").nodes[broker];
    node.freeze();
    let pause = field.sleep(500, 6000);
    node.thaw();
    field.note(format!("broker {} stood still for {pause} ms", broker + 1));
    field.count(|counts| counts.stops += 1);
}

/// Applies a change to the proxies of one of both links, by the seed; says which.
fn on_a_link(field: &Field<'_>, act: impl Fn(&Proxy)) -> &'static str {
    field.count(|counts| counts.network_faults += 1);
    match field.cluster {
        Some(cluster) if field.random.borrow_mut().once_in(2) => {
            cluster.each(act);
            "to Kafka"
        }
        _ => {
            act(&field.proxy);
            "to PostgreSQL"
        }
    }
}

fn mend(field: &Field<'_>) {
    field.proxy.mend();
    if let Some(cluster) = field.cluster {
        cluster.each(Proxy::mend);
    }
}

fn cut(field: &Field<'_>) {
    let link = on_a_link(field, Proxy::cut);
    field.note(format!("the way {link} is cut"));
}

fn reset(field: &Field<'_>) {
    let link = on_a_link(field, Proxy::reset);
    field.note(format!("the way {link} is reset"));
}

/// Changes a link for some time.
fn for_a_while(field: &Field<'_>, name: &str, act: impl Fn(&Proxy), (low, high): (u64, u64)) {
    let link = on_a_link(field, act);
    let pause = field.sleep(low, high);
    while_it_lasts(field);
    mend(field);
    field.note(format!("the way {link} {name} for {pause} ms and more"));
}

fn some_direction(field: &Field<'_>) -> [Direction; 1] {
    [if field.random.borrow_mut().once_in(2) { Direction::ToServer } else { Direction::ToClient }]
}

fn freeze(field: &Field<'_>) {
    let act = |proxy: &Proxy| proxy.change(&BOTH, |manner| manner.frozen = true);
    for_a_while(field, "was frozen", act, (300, 7000));
}

fn freeze_one_way(field: &Field<'_>) {
    let direction = some_direction(field);
    let act = |proxy: &Proxy| proxy.change(&direction, |manner| manner.frozen = true);
    for_a_while(field, &format!("was frozen {direction:?}"), act, (300, 7000));
}

fn swallow(field: &Field<'_>) {
    let one = some_direction(field);
    let directions: &[Direction] = if field.random.borrow_mut().once_in(2) { &one } else { &BOTH };
    let act = |proxy: &Proxy| proxy.change(directions, |manner| manner.swallows = true);
    for_a_while(field, &format!("swallowed {directions:?}"), act, (300, 7000));
}

fn slice(field: &Field<'_>) {
    let act = |proxy: &Proxy| proxy.change(&BOTH, |manner| manner.slice = 1);
    for_a_while(field, "passed single bytes", act, (300, 3000));
}

fn slow(field: &Field<'_>) {
    let act = |proxy: &Proxy| {
        proxy.change(&BOTH, |manner| (manner.rate, manner.slice) = (Some(10_000), 1000));
    };
    for_a_while(field, "passed 10 kB a second", act, (500, 4000));
}

fn delay(field: &Field<'_>) {
    let act = |proxy: &Proxy| {
        proxy.change(&BOTH, |manner| {
            (manner.delay, manner.jitter) = (Duration::from_millis(20), Duration::from_millis(80));
        });
    };
    for_a_while(field, "was late by 20 to 100 ms", act, (500, 4000));
}

/// Of Kafka the acknowledgements, of the publisher the confirmations.
fn delay_answers(field: &Field<'_>) {
    let late = |direction| {
        move |proxy: &Proxy| {
            proxy.change(&[direction], |manner| manner.delay = Duration::from_millis(400));
        }
    };
    field.proxy.change(&[Direction::ToServer], |manner| manner.delay = Duration::from_millis(400));
    if let Some(cluster) = field.cluster {
        cluster.each(late(Direction::ToClient));
    }
    field.count(|counts| counts.network_faults += 1);
    let pause = field.sleep(500, 4000);
    while_it_lasts(field);
    mend(field);
    field.note(format!("acknowledgements and confirmations were late for {pause} ms and more"));
}

fn cut_after(field: &Field<'_>) {
    let [direction] = some_direction(field);
    let bytes = {
        let mut random = field.random.borrow_mut();
        let most = 1 << random.between(1, 18);
        random.below(most)
    };
    let link = on_a_link(field, |proxy| proxy.cut_after(direction, bytes));
    field.note(format!("the way {link} is cut after {bytes} bytes {direction:?}"));
}
