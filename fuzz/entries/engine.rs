//! The engine, fed with frames and acknowledgements in any order, beside a count of our own of what may
//! be confirmed.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use postrider::{
    ack::{FeedbackTiming, Ticket},
    outbox::{self, Columns, HeaderColumn, Route, TableName, Template},
    publisher::{CatalogTable, Engine, EngineConfig, Received},
    wal::Lsn,
};

const OUTBOX: u32 = 16_384;
const START: u64 = 100;
const COLUMNS: [&str; 5] = ["id", "aggregatetype", "aggregateid", "type", "payload"];

/// An event that was sent: which transaction it is of.
struct Sent {
    ticket: Ticket,
    transaction: usize,
}

/// What we know ourselves of a transaction.
struct Transaction {
    /// `None` while it is open.
    end: Option<u64>,
    unacknowledged: usize,
}

struct Run {
    engine: Engine,
    transactions: Vec<Transaction>,
    in_flight: Vec<Sent>,
    confirmed: Lsn,
    now: Instant,
}

pub(super) fn run(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let now = Instant::now();
    let mut run = Run {
        engine: Engine::new(config(&mut choices), now),
        transactions: Vec::new(),
        in_flight: Vec::new(),
        confirmed: Lsn::new(START),
        now,
    };
    // At the end of the data every choice is the first one, for ever.
    while !choices.is_empty() {
        if run.step(&mut choices).is_err() {
            break;
        }
        run.check();
    }
}

fn config(choices: &mut Unstructured<'_>) -> EngineConfig {
    let outbox = outbox::Config {
        table: TableName { schema: "public".into(), name: "outbox".into() },
        columns: Columns::default(),
        route: Route {
            topic: Template::parse("outbox.event.{aggregatetype}").expect("it is a template"),
            key: Template::parse("{aggregateid}").expect("it is a template"),
            headers: vec![HeaderColumn { column: "id".into(), name: "id".into() }],
            position_header: true,
        },
    };
    EngineConfig {
        outbox,
        table: CatalogTable { oid: OUTBOX, ..CatalogTable::default() },
        window: choices.int_in_range(1..=1000).unwrap_or(1000),
        window_bytes: 1 << 20,
        start: Lsn::new(START),
        acknowledged_before: None,
        timing: FeedbackTiming::for_server(Some(Duration::from_secs(60))),
        keeps_witness: false,
    }
}

/// `Err` ends the run: the engine refused a frame, and takes none after it.
type Step = Result<(), ()>;

impl Run {
    fn step(&mut self, choices: &mut Unstructured<'_>) -> Step {
        match choices.int_in_range(0..=9).map_err(drop)? {
            0 => self.take(&begin(self.lsn(choices)?), None),
            1 => {
                let commit_lsn = self.lsn(choices)?;
                let end = commit_lsn.wrapping_add(choices.int_in_range(0..=60).map_err(drop)?);
                self.take(&commit(commit_lsn, end), Some(end))
            }
            2 => self.take(&relation(choices)?, None),
            3..=5 => self.take(&insert(choices)?, None),
            6 => {
                let mut frame = vec![b'k'];
                frame.extend(self.lsn(choices)?.to_be_bytes());
                frame.extend([0; 8]);
                frame.push(u8::from(choices.arbitrary::<bool>().map_err(drop)?));
                self.take(&frame, None)
            }
            7 => {
                let length = choices.int_in_range(0..=64).map_err(drop)?;
                let bytes = choices.bytes(length.min(choices.len())).map_err(drop)?.to_vec();
                self.take(&bytes, None)
            }
            8 => self.acknowledge(choices),
            _ => {
                self.now += Duration::from_millis(choices.int_in_range(0..=70_000).map_err(drop)?);
                if let Some(update) = self.engine.status_update(self.now) {
                    assert!(update.confirmed.lsn() >= self.confirmed);
                }
                assert!(self.engine.feedback_deadline() >= self.now || self.engine.has_room());
                Ok(())
            }
        }
    }

    /// A position: mostly a little beyond the last, so that there are streams that make sense.
    fn lsn(&self, choices: &mut Unstructured<'_>) -> Result<u64, ()> {
        let ends = self.transactions.iter().filter_map(|transaction| transaction.end);
        let last = ends.max().unwrap_or(START);
        match choices.int_in_range(0..=7).map_err(drop)? {
            0 => choices.arbitrary().map_err(drop),
            1 => Ok(last),
            step => Ok(last.saturating_add(step * 10)),
        }
    }

    fn take(&mut self, frame: &[u8], end: Option<u64>) -> Step {
        let was_open = self.engine.next_position().is_some();
        let size = match self.engine.receive(frame, self.now) {
            Ok(Received::Nothing) => {
                let is_open = self.engine.next_position().is_some();
                match (was_open, is_open) {
                    (false, true) => {
                        self.transactions.push(Transaction { end: None, unacknowledged: 0 });
                    }
                    (true, false) => {
                        let last = self.transactions.last_mut().expect("it was open");
                        // Bytes of no structure may be a commit, too; then we do not know its end.
                        last.end = Some(end.unwrap_or(self.engine.received_lsn().as_u64()));
                    }
                    _ => {}
                }
                return Ok(());
            }
            Ok(Received::Record(record)) => {
                assert!(was_open, "a record outside of a transaction");
                record.bytes() as u64
            }
            Err(error) => {
                assert!(!error.fault().sentence.is_empty());
                return Err(());
            }
        };
        let ticket = self.engine.sent(size);
        let transaction = self.transactions.len() - 1;
        self.transactions[transaction].unacknowledged += 1;
        self.in_flight.push(Sent { ticket, transaction });
        Ok(())
    }

    fn acknowledge(&mut self, choices: &mut Unstructured<'_>) -> Step {
        if self.in_flight.is_empty() {
            return Ok(());
        }
        let place = choices.choose_index(self.in_flight.len()).map_err(drop)?;
        let Sent { ticket, transaction } = self.in_flight.swap_remove(place);
        self.transactions[transaction].unacknowledged -= 1;
        self.engine.acknowledge(ticket);
        Ok(())
    }

    /// The confirmed position never goes back, is never beyond what was received, and never reaches the
    /// end of a transaction that has an unacknowledged event, or any later one.
    fn check(&mut self) {
        let confirmed = self.engine.confirmed().lsn();
        assert!(confirmed >= self.confirmed, "{confirmed} after {}", self.confirmed);
        self.confirmed = confirmed;
        assert!(confirmed <= self.engine.received_lsn().max(Lsn::new(START)));
        assert_eq!(self.engine.in_flight().0, self.in_flight.len() as u64);
        if let Some(held) = self.transactions.iter().find(|t| t.unacknowledged > 0)
            && let Some(end) = held.end
        {
            assert!(confirmed < Lsn::new(end), "{confirmed} with an event in flight before {end}");
        }
    }
}

fn xlog_data(lsn: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'w'];
    frame.extend(lsn.to_be_bytes());
    frame.extend(lsn.to_be_bytes());
    frame.extend(0u64.to_be_bytes());
    frame.extend(body);
    frame
}

fn begin(commit_lsn: u64) -> Vec<u8> {
    let mut body = vec![b'B'];
    body.extend(commit_lsn.to_be_bytes());
    body.extend(1_000_000u64.to_be_bytes());
    body.extend(7u32.to_be_bytes());
    xlog_data(commit_lsn, &body)
}

fn commit(commit_lsn: u64, end: u64) -> Vec<u8> {
    let mut body = vec![b'C', 0];
    body.extend(commit_lsn.to_be_bytes());
    body.extend(end.to_be_bytes());
    body.extend(1_000_000u64.to_be_bytes());
    xlog_data(end, &body)
}

/// The outbox, or another table; all columns, or some.
fn relation(choices: &mut Unstructured<'_>) -> Result<Vec<u8>, ()> {
    let count: usize = choices.int_in_range(4..=5).map_err(drop)?;
    let name: &[u8] = match choices.ratio(1, 8).map_err(drop)? {
        true => b"other",
        false => b"outbox",
    };
    let mut body = vec![b'R'];
    body.extend((OUTBOX + choices.int_in_range(0..=1).map_err(drop)?).to_be_bytes());
    body.extend(b"public\0");
    body.extend(name);
    body.extend([0, b'd']);
    body.extend((count as u16).to_be_bytes());
    for column in &COLUMNS[..count] {
        body.push(0);
        body.extend(column.as_bytes());
        body.push(0);
        body.extend(25u32.to_be_bytes());
        body.extend((-1i32).to_be_bytes());
    }
    Ok(xlog_data(0, &body))
}

/// A row with texts of any kind; now and then NULL or a value that was not sent.
fn insert(choices: &mut Unstructured<'_>) -> Result<Vec<u8>, ()> {
    let mut body = vec![b'I'];
    body.extend((OUTBOX + choices.int_in_range(0..=1).map_err(drop)?).to_be_bytes());
    body.push(b'N');
    let count: u16 = choices.int_in_range(4..=5).map_err(drop)?;
    body.extend(count.to_be_bytes());
    for _ in 0..count {
        match choices.int_in_range(0..=15).map_err(drop)? {
            0 => body.push(b'n'),
            1 => body.push(b'u'),
            length => {
                let bytes = choices.bytes(choices.len().min(length)).map_err(drop)?;
                body.push(b't');
                body.extend((bytes.len() as u32).to_be_bytes());
                body.extend(bytes);
            }
        }
    }
    Ok(xlog_data(1, &body))
}
