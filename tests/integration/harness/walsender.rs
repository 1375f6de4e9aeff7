//! Walsender: a scripted server end of replication connections. SQL is passed on to a real server.

use std::{
    collections::{BTreeSet, VecDeque},
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{
    frames,
    line::{Line, Pen},
};

/// A status update as it came.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// Which replication connection said it, from 1.
    pub session: u32,
    pub at: Instant,
    pub confirmed: u64,
    pub wants_reply: bool,
}

/// What is known of all sessions together.
#[derive(Debug, Default)]
pub struct Heard {
    pub statuses: Vec<Status>,
    /// Replication connections so far, and how many of them are open.
    pub connections: u32,
    pub open: u32,
    /// Where each session asked to start.
    pub starts: Vec<u64>,
    /// Positions that may be confirmed: starts, commits' ends, keepalives' ends. Each was sent.
    pub boundaries: BTreeSet<u64>,
    /// The highest position sent.
    pub sent: u64,
    /// The end of the last transaction sent in this session: what its keepalives say.
    pub ended: u64,
    pub violations: Vec<String>,
}

/// What a confirmed position must not be, or nothing: looked at when it arrives.
pub type Judge = Box<dyn Fn(u64) -> Option<String> + Send + Sync>;
type Script = Box<dyn Fn(&mut Line) + Send + Sync>;

/// How the server presents itself, and what it does.
pub struct Role {
    /// The port that SQL connections are passed on to; 0 when there are none.
    pub sql: u16,
    pub system_identifier: String,
    pub timeline: String,
    pub judge: Judge,
    pub script: Script,
}

/// A listener on loopback. It lives as long as the test process.
pub struct Walsender {
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
    cuts: Arc<Mutex<VecDeque<usize>>>,
}

impl Walsender {
    /// Listens, and plays `role` in every replication connection.
    pub fn that_plays(role: Role) -> Walsender {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let walsender = Walsender { port, heard: Arc::default(), cuts: Arc::default() };
        let (heard, cuts, role) = (walsender.heard.clone(), walsender.cuts.clone(), Arc::new(role));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (heard, cuts, role) = (heard.clone(), cuts.clone(), role.clone());
                thread::spawn(move || attend(client, &heard, &cuts, &role));
            }
        });
        walsender
    }

    /// The next replication connection that has none ends after so many bytes, like the one behind
    /// it after the next number.
    pub fn cut_after(&self, bytes: usize) {
        self.cuts.lock().unwrap().push_back(bytes);
    }

    /// Looks at what was heard so far.
    pub fn heard<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap())
    }

    /// Forgets all that was, once all connections have ended: the next client is the first.
    pub fn forget(&self) {
        while self.heard(|heard| heard.open > 0) {
            thread::sleep(Duration::from_micros(100));
        }
        *self.heard.lock().unwrap() = Heard::default();
        self.cuts.lock().unwrap().clear();
    }

    /// The last confirmed position that was heard.
    pub fn confirmed(&self) -> u64 {
        self.heard(|heard| heard.statuses.last().map_or(0, |status| status.confirmed))
    }
}

/// One connection, of either kind.
fn attend(
    mut client: TcpStream,
    heard: &Arc<Mutex<Heard>>,
    cuts: &Mutex<VecDeque<usize>>,
    role: &Arc<Role>,
) -> Option<()> {
    let startup = startup(&mut client)?;
    let wanted = b"replication\0database\0";
    if !startup.windows(wanted.len()).any(|part| part == wanted) {
        return pass_on(client, &startup, role.sql);
    }
    let pen = Pen::new(client.try_clone().ok()?, cuts.lock().unwrap().pop_front());
    {
        let mut heard = heard.lock().unwrap();
        heard.connections += 1;
        heard.open += 1;
    }
    // What an earlier one has still to say comes first, as a slot has one reader at a time.
    let limit = Instant::now() + Duration::from_secs(5);
    while heard.lock().unwrap().open > 1 && Instant::now() < limit {
        thread::sleep(Duration::from_micros(100));
    }
    let ended = command(client, pen, heard, role);
    heard.lock().unwrap().open -= 1;
    ended
}

/// The first message of a client, which has no tag.
fn startup(client: &mut TcpStream) -> Option<Vec<u8>> {
    client.set_nodelay(true).ok()?;
    let mut startup = vec![0; 4];
    client.read_exact(&mut startup).ok()?;
    startup.resize(u32::from_be_bytes(startup[..].try_into().ok()?) as usize, 0);
    client.read_exact(&mut startup[4..]).ok()?;
    Some(startup)
}

/// A replication connection: greets, answers, and plays its part.
fn command(
    mut client: TcpStream,
    pen: Arc<Pen>,
    heard: &Arc<Mutex<Heard>>,
    role: &Arc<Role>,
) -> Option<()> {
    pen.write(&greeting());
    loop {
        let (tag, body) = hear(&mut client)?;
        let command = String::from_utf8_lossy(&body);
        match tag {
            b'Q' if command.starts_with("IDENTIFY_SYSTEM") => {
                // Far beyond all that a script sends.
                let identity = [&role.system_identifier[..], &role.timeline, "7FFFFFFF/0", ""];
                pen.write(&frames::answer(&identity));
            }
            b'Q' if command.starts_with("START_REPLICATION") => {
                let place = command.split("LOGICAL ").nth(1)?.split(' ').next()?;
                let start = super::sql::lsn(place);
                pen.write(&frames::message(b'W', &[0, 0, 0]));
                return Line::new(start, pen, heard.clone(), client, role.clone()).play();
            }
            b'Q' => pen.write(&frames::answer(&["UTF8"])),
            _ => return None,
        }
    }
}

fn greeting() -> Vec<u8> {
    [
        frames::message(b'R', &0u32.to_be_bytes()),
        frames::parameter("server_version", "15.0"),
        frames::message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]),
        frames::ready(),
    ]
    .concat()
}

/// The next message of a client: its tag and body.
pub fn hear(client: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    client.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes(head[1..].try_into().ok()?) as usize;
    let mut body = vec![0; length.checked_sub(4)?];
    client.read_exact(&mut body).ok()?;
    Some((head[0], body))
}

fn pass_on(client: TcpStream, startup: &[u8], port: u16) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    server.set_nodelay(true).ok()?;
    server.write_all(startup).ok()?;
    let pairs = [(client.try_clone().ok()?, server.try_clone().ok()?), (server, client)];
    for (mut from, mut to) in pairs {
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Some(())
}
