//! A cut at every byte of a reference scenario: three transactions, from the greeting on.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use postrider::{
    ack::FeedbackTiming,
    outbox::{Columns, HeaderColumn, Route, TableName, Template},
    postgres::{Config, Error, ReplicationConnection, ReplicationStream},
    publisher::{CatalogTable, Engine, EngineConfig, Received},
    wal::Lsn,
};

use crate::harness::{
    PASSWORD, Publisher, Role, Stage, Walsender,
    play::{Author, end, ids, role},
};

/// Transactions of the scenario.
const COUNT: u64 = 3;

const OID: u32 = 16_384;

/// The ids of what a Kafka that acknowledges at once has taken, in its order.
type Taken = Arc<Mutex<Vec<String>>>;

/// A walsender without a server behind it, and the Kafka that it is judged by.
fn walsender() -> (Walsender, Taken) {
    let taken = Taken::default();
    let held = taken.clone();
    let author = Author::new(OID, "order");
    let walsender = Walsender::that_plays(Role {
        sql: 0,
        system_identifier: "7".into(),
        timeline: "1".into(),
        judge: Box::new(move |confirmed| {
            let held: BTreeSet<String> = held.lock().unwrap().iter().cloned().collect();
            let mut needed = (0..).take_while(|n| end(*n) <= confirmed).flat_map(ids);
            let lacks = needed.find(|id| !held.contains(id));
            lacks.map(|id| format!("{confirmed:X} was confirmed before {id} was acknowledged"))
        }),
        script: Box::new(move |line| {
            author.serve(line, 0..COUNT);
            line.confirmed(end(COUNT - 1));
        }),
    });
    (walsender, taken)
}

fn engine(start: Lsn) -> Engine {
    let route = Route {
        topic: Template::parse("{aggregatetype}").unwrap(),
        key: Template::parse("{aggregateid}").unwrap(),
        headers: vec![HeaderColumn { column: "id".into(), name: "id".into() }],
        position_header: false,
    };
    let table = TableName { schema: "public".into(), name: "outbox".into() };
    let outbox = postrider::outbox::Config { table, columns: Columns::default(), route };
    let silence = Duration::from_secs(600);
    let config = EngineConfig {
        outbox,
        table: CatalogTable { oid: OID, ..CatalogTable::default() },
        window: 100,
        window_bytes: 1 << 20,
        start,
        acknowledged_before: None,
        // Each position is said at once, so that many are.
        timing: FeedbackTiming {
            gather: Duration::ZERO,
            longest_silence: silence,
            probe_after: silence,
            stale_after: silence,
        },
        keeps_witness: false,
    };
    Engine::new(config, Instant::now())
}

/// One session as the publisher has it, with a Kafka that acknowledges one record behind the last.
/// Ends well when all is confirmed; `start` is where the next one begins.
async fn session(config: &Config, start: &mut Lsn, taken: &Taken) -> Result<(), Error> {
    let mut connection = ReplicationConnection::connect(config).await?;
    connection.identify_system().await?;
    let mut stream = ReplicationStream::start(connection, *start).await?;
    let mut engine = engine(*start);
    let mut in_flight = Vec::new();
    let mut outcome = Ok(());
    while engine.confirmed().lsn() < Lsn::new(end(COUNT - 1)) {
        let frame = match stream.next_frame().await {
            Ok(frame) => frame,
            Err(error) => {
                outcome = Err(error);
                break;
            }
        };
        let sent = match engine.receive(&frame, Instant::now()).expect("the stream is sound") {
            Received::Record(record) => {
                let id = String::from_utf8(record.event_id.expect("an id").to_vec()).unwrap();
                Some((id, record.bytes() as u64))
            }
            Received::Nothing => None,
        };
        let is_commit = sent.is_none() && !engine.is_amid_rows();
        in_flight.extend(sent.map(|(id, bytes)| (id, engine.sent(bytes))));
        while in_flight.len() > usize::from(!is_commit) {
            let (id, ticket) = in_flight.remove(0);
            taken.lock().unwrap().push(id);
            engine.acknowledge(ticket);
        }
        if let Some(update) = engine.status_update(Instant::now())
            && let Err(error) = stream.send(update).await
        {
            outcome = Err(error);
            break;
        }
    }
    *start = engine.confirmed().lsn();
    outcome
}

#[tokio::test]
async fn a_cut_at_every_byte_loses_nothing_and_confirms_nothing_too_far() {
    let (walsender, taken) = walsender();
    let url = format!("postgres://p@127.0.0.1:{}/d?sslmode=disable", walsender.port);
    let (slot, publication) = ("s".to_owned(), "p".to_owned());
    let conninfo = url.parse().unwrap();
    let config = Config { conninfo, password_file: None, slot, publication };
    let expected: Vec<String> = (0..COUNT).flat_map(ids).collect();
    for cut in 1.. {
        walsender.cut_after(cut);
        taken.lock().unwrap().clear();
        let mut start = Lsn::new(1);
        let mut sessions = 1;
        while let Err(error) = session(&config, &mut start, &taken).await {
            assert!(error.fault().kind.is_transient(), "cut after {cut} bytes: {error}");
            sessions += 1;
            assert!(sessions < 3, "cut after {cut} bytes: {error}");
        }
        let mut first: Vec<String> = Vec::new();
        for id in taken.lock().unwrap().iter() {
            if !first.contains(id) {
                first.push(id.clone());
            }
        }
        assert_eq!(first, expected, "cut after {cut} bytes");
        let violations = walsender.heard(|heard| heard.violations.clone());
        assert!(violations.is_empty(), "cut after {cut} bytes: {violations:#?}");
        walsender.forget();
        if sessions == 1 {
            println!("{cut} bytes in all");
            assert!(cut > 1000, "the scenario is {cut} bytes");
            break;
        }
    }
}

/// How many publishers run at once.
const TOGETHER: usize = 6;

#[test]
fn a_cut_anywhere_under_the_whole_publisher_loses_nothing() {
    let stage = Stage::heavy();
    // Several publishers at once, each with a walsender of its own, share the name of one slot.
    stage.set("kafka.witness_topic", "''");
    let stage = stage.with_orders();
    stage.set_environment("PGPASSWORD", PASSWORD);
    let places: Vec<usize> = (1..1640).step_by(53).collect();
    for (round, cuts) in places.chunks(TOGETHER).enumerate() {
        let mut running: Vec<(Publisher, Walsender, u64)> = Vec::new();
        for (number, cut) in cuts.iter().enumerate() {
            // Numbers of its own, since all share a topic.
            let first = (round * TOGETHER + number) as u64 * COUNT;
            let last = first + COUNT - 1;
            let role = role(&stage, Box::new(|_| None), move |line, author| {
                author.serve(line, first..last + 1);
                line.confirmed(end(last));
            });
            let walsender = Walsender::that_plays(role);
            walsender.cut_after(*cut);
            stage.over_tcp(walsender.port);
            let publisher = stage.start(&[]);
            publisher.allow_warnings();
            // Then it has read the settings, and the next one may have others.
            publisher.eventually("it has connected", || {
                walsender.heard(|heard| (heard.connections > 0).then_some(()))
            });
            running.push((publisher, walsender, last));
        }
        for (publisher, walsender, last) in running {
            publisher.eventually("all is confirmed", || {
                (walsender.confirmed() >= end(last)).then_some(())
            });
            walsender.heard(|heard| {
                assert!(heard.connections >= 2, "it was not cut");
                assert!(heard.violations.is_empty(), "{:#?}", heard.violations);
            });
            publisher.kill();
        }
    }
    let found = stage.first_ids();
    for number in 0..places.len() as u64 {
        let wanted: Vec<String> = (number * COUNT..(number + 1) * COUNT).flat_map(ids).collect();
        let ours: Vec<&String> = found.iter().filter(|id| wanted.contains(id)).collect();
        assert_eq!(ours, wanted.iter().collect::<Vec<_>>());
    }
}
