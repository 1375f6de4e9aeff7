//! FakeBroker: a Kafka broker of one topic that keeps to the rules for sequences, and fails when told to.
//!
//! It can do what neither a real broker nor librdkafka's mock cluster does on demand: append a batch and
//! lose the answer, answer in part, twice, late or never, and hold its answers until so many requests
//! are in flight.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    log::{Batch, Entry, Log},
    stage::Broker,
    wire::{self, Head, Reader},
};

/// How long the broker waits for requests that have to be in flight together.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens to one Produce request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Not appended, answered with this code.
    Error(i16),
    /// Appended, and answered with this code.
    AppliedThenError(i16),
    /// Not appended; the connection is closed.
    Cut,
    /// Appended; the connection is closed.
    AppliedThenCut,
    /// Appended; this many bytes of the answer are sent and the connection is closed.
    Truncated(usize),
    /// Appended, and answered twice.
    Twice,
    /// Appended, and answered this much later.
    Late(Duration),
    /// Appended, and never answered, nor is anything else on that connection.
    Silence,
    /// The broker has forgotten every producer before this request.
    Forgotten,
    /// The same, and the request is answered with this code and not appended.
    ForgottenThenError(i16),
}

/// What goes wrong in a scenario.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// By the request's number, counted over all connections from 0.
    pub(super) produce: BTreeMap<usize, Fault>,
    /// The answers to requests for a producer's id, until none is left.
    pub(super) producer_id: VecDeque<i16>,
    /// The same for metadata: of the topic, of its partitions.
    pub(super) metadata: VecDeque<(i16, i16)>,
    /// Answer none from this request on until so many have been received in all.
    pub(super) hold: Option<(usize, usize)>,
}

struct State {
    script: Script,
    logs: Vec<Log>,
    produced: usize,
    producers: i64,
    connections: Vec<TcpStream>,
}

struct Shared {
    topic: String,
    port: u16,
    /// Connections serve under it one after the other.
    state: Mutex<State>,
    /// Produce requests that have been read.
    received: AtomicUsize,
    is_closing: AtomicBool,
}

/// What to do on a connection.
enum Reply {
    Answer(Vec<u8>),
    Later(Duration, Vec<u8>),
    Last(Vec<u8>),
    Never,
}

/// A broker on a free port of this machine; gone when dropped.
pub(super) struct FakeBroker(Arc<Shared>);

impl FakeBroker {
    pub(super) fn start(topic: &str, partitions: u32, script: Script) -> FakeBroker {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let logs = (0..partitions).map(|_| Log::default()).collect();
        let state = State { script, logs, produced: 0, producers: 1000, connections: Vec::new() };
        let shared = Arc::new(Shared {
            topic: topic.to_owned(),
            port,
            state: Mutex::new(state),
            received: AtomicUsize::new(0),
            is_closing: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if accepting.is_closing.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                let connection = connection.unwrap();
                connection.set_nodelay(true).unwrap();
                shared.state().connections.push(connection.try_clone().unwrap());
                let (sender, requests) = channel();
                let reading = (Arc::clone(&shared), connection.try_clone().unwrap());
                thread::spawn(move || {
                    let (shared, mut stream) = reading;
                    while let Some(request) = read_request(&mut stream) {
                        if request[..2] == wire::PRODUCE.to_be_bytes() {
                            shared.received.fetch_add(1, Ordering::SeqCst);
                        }
                        if sender.send(request).is_err() {
                            break;
                        }
                    }
                });
                thread::spawn(move || shared.serve(connection, requests));
            }
        });
        FakeBroker(shared)
    }

    /// What `[kafka] brokers` has to be.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.0.port)
    }

    /// Whether every fault of the script has happened.
    pub(super) fn is_played(&self) -> bool {
        let state = self.0.state();
        state.script.produce.is_empty()
            && state.script.producer_id.is_empty()
            && state.script.metadata.is_empty()
    }
}

impl Broker for FakeBroker {
    fn arrived(&self) -> Vec<Entry> {
        self.0.state().logs.iter().flat_map(|log| log.entries.clone()).collect()
    }
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.0.is_closing.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.0.port));
        for connection in &self.0.state().connections {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut request).ok()?;
    Some(request)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream, requests: Receiver<Vec<u8>>) {
        let mut is_silent = false;
        for request in requests {
            let reply = self.reply(&request).expect("librdkafka's requests are understood");
            if is_silent {
                continue;
            }
            let sent = match reply {
                Reply::Answer(bytes) => stream.write_all(&bytes),
                Reply::Later(wait, bytes) => {
                    thread::sleep(wait);
                    stream.write_all(&bytes)
                }
                Reply::Last(bytes) => {
                    let _ = stream.write_all(&bytes);
                    let _ = stream.shutdown(Shutdown::Both);
                    break;
                }
                Reply::Never => {
                    is_silent = true;
                    Ok(())
                }
            };
            if sent.is_err() {
                break;
            }
        }
    }

    fn reply(&self, request: &[u8]) -> Option<Reply> {
        let mut reader = Reader(request);
        let head = Head::read(&mut reader)?;
        let body = match head.api {
            wire::API_VERSIONS => wire::api_versions(head.version),
            wire::METADATA => {
                let is_asked = reader.i32()? != 0;
                // Without a topic it is the question for brokers alone.
                let errors = match is_asked {
                    true => self.state().script.metadata.pop_front(),
                    false => None,
                };
                let partitions = self.state().logs.len() as u32;
                let topic = (self.topic.as_str(), partitions);
                wire::metadata(self.port, topic, errors.unwrap_or_default(), is_asked)
            }
            wire::INIT_PRODUCER_ID => {
                let mut state = self.state();
                state.producers += 1;
                let error = state.script.producer_id.pop_front();
                wire::producer_id(error.unwrap_or(0), state.producers)
            }
            wire::PRODUCE => return self.produce(&head, &mut reader),
            _ => return None,
        };
        Some(Reply::Answer(head.answer(&body)))
    }

    fn produce(&self, head: &Head, reader: &mut Reader<'_>) -> Option<Reply> {
        reader.text()?;
        reader.take(6)?;
        (reader.i32()? == 1).then_some(())?;
        let topic = reader.text()?;
        (reader.i32()? == 1).then_some(())?;
        let partition = reader.i32()?;
        let length = reader.i32()?.max(0) as usize;
        let batch = Batch::read(reader.take(length)?)?;
        let number = self.state().produced;
        self.hold(number);
        let mut state = self.state();
        state.produced += 1;
        let fault = state.script.produce.remove(&number);
        let log = state.logs.get_mut(partition as usize)?;
        if matches!(fault, Some(Fault::Forgotten | Fault::ForgottenThenError(_))) {
            log.forget_producers();
        }
        let outcome = match fault {
            Some(Fault::Error(code) | Fault::ForgottenThenError(code)) => Err(code),
            Some(Fault::Cut) => return Some(Reply::Last(Vec::new())),
            Some(Fault::AppliedThenError(code)) => log.append(batch).and(Err(code)),
            _ => log.append(batch),
        };
        let body = wire::produced(head.version, &topic, partition, outcome);
        let mut answer = head.answer(&body);
        Some(match fault {
            Some(Fault::AppliedThenCut) => Reply::Last(Vec::new()),
            Some(Fault::Truncated(length)) => {
                answer.truncate(length);
                Reply::Last(answer)
            }
            Some(Fault::Late(wait)) => Reply::Later(wait, answer),
            Some(Fault::Silence) => Reply::Never,
            Some(Fault::Twice) => Reply::Answer([answer.as_slice(), answer.as_slice()].concat()),
            _ => Reply::Answer(answer),
        })
    }

    /// Waits until so many requests are in flight as the script wants at this one.
    fn hold(&self, number: usize) {
        let Some((_, wanted)) = self.state().script.hold.take_if(|(from, _)| *from == number)
        else {
            return;
        };
        let deadline = Instant::now() + PATIENCE;
        while self.received.load(Ordering::SeqCst) < wanted {
            assert!(Instant::now() < deadline, "so many requests are never in flight together");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
