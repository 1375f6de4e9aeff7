//! A TCP proxy that cuts, resets, freezes, swallows, slices, slows, delays or garbles what passes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::process::free_port;

/// How often a way that has nothing to pass looks whether it has been closed.
const LOOK: Duration = Duration::from_millis(20);

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer = 0,
    ToClient = 1,
}

/// Both.
pub const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

/// How bytes of one direction are passed on.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// At most so many at a time.
    pub slice: usize,
    /// Rows of pgoutput's Inserts get a tag that means nothing.
    pub garbles: bool,
    /// Nothing is read: both ends find their sockets full, then silent.
    pub frozen: bool,
    /// Everything is read and dropped, as behind a firewall that has forgotten the connection.
    /// Such a connection ends when this ends.
    pub swallows: bool,
    /// So many bytes a second at most.
    pub rate: Option<u64>,
    /// Each piece waits so long …
    pub delay: Duration,
    /// … and up to so much longer.
    pub jitter: Duration,
}

impl Manner {
    const PLAIN: Manner = Manner {
        slice: 1 << 16,
        garbles: false,
        frozen: false,
        swallows: false,
        rate: None,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
    };
}

/// A way to a server on loopback. It lives as long as the test process.
pub struct Proxy {
    pub port: u16,
    ways: Arc<Mutex<Vec<Way>>>,
    course: Arc<Course>,
}

/// What holds for all connections.
struct Course {
    manners: Mutex<[Manner; 2]>,
    /// Bytes passed, by direction.
    passed: [AtomicU64; 2],
    /// The connection that would pass the byte with this number is cut before it.
    cut_at: [AtomicU64; 2],
}

/// How the row of a pgoutput Insert begins, of a table with seven columns whose first is not NULL.
const ROW: [u8; 4] = [b'N', 0, 7, b't'];

/// Both ends of a connection, and whether it is over.
struct Way {
    ends: [TcpStream; 2],
    over: Arc<AtomicBool>,
}

impl Way {
    fn close(&self) {
        self.over.store(true, Ordering::Relaxed);
        for end in &self.ends {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Proxy {
    /// Listens, and passes everything on to `target`.
    pub fn to(target: u16) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let course = Course {
            manners: Mutex::new([Manner::PLAIN; 2]),
            passed: Default::default(),
            cut_at: [u64::MAX, u64::MAX].map(AtomicU64::new),
        };
        let proxy = Proxy { port, ways: Arc::default(), course: Arc::new(course) };
        let (ways, course) = (proxy.ways.clone(), proxy.course.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let way = open(client, server, &course);
                let mut ways = ways.lock().unwrap();
                ways.retain(|way| !way.over.load(Ordering::Relaxed));
                ways.push(way);
            }
        });
        proxy
    }

    /// Closes every connection. New ones pass.
    pub fn cut(&self) {
        for way in self.ways.lock().unwrap().drain(..) {
            way.close();
        }
    }

    /// Ends every connection by a reset, as a host does that knows nothing of it. New ones pass.
    pub fn reset(&self) {
        for way in self.ways.lock().unwrap().drain(..) {
            // The last of our handles to be closed sends it; the threads let go of theirs.
            for end in &way.ends {
                let _ = socket2::SockRef::from(end).set_linger(Some(Duration::ZERO));
            }
            way.over.store(true, Ordering::Relaxed);
        }
    }

    /// Changes how the bytes of these directions are passed on.
    pub fn change(&self, directions: &[Direction], change: impl Fn(&mut Manner)) {
        let mut manners = self.course.manners.lock().unwrap();
        for direction in directions {
            change(&mut manners[*direction as usize]);
        }
    }

    /// Passes everything on as it comes again.
    pub fn mend(&self) {
        *self.course.manners.lock().unwrap() = [Manner::PLAIN; 2];
    }

    /// Passes on at most so many bytes at a time.
    pub fn slice(&self, bytes: usize) {
        self.change(&BOTH, |manner| manner.slice = bytes);
    }

    /// Gives the rows of pgoutput's Inserts a tag that means nothing, or leaves them alone again.
    pub fn garble(&self, yes: bool) {
        self.change(&BOTH, |manner| manner.garbles = yes);
    }

    /// Passes `bytes` more in this direction, then cuts the connection that has the next one.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        let at = self.passed(direction) + bytes;
        self.course.cut_at[direction as usize].store(at, Ordering::Relaxed);
    }

    /// Takes back what [`Proxy::cut_after`] asked for.
    pub fn cut_never(&self) {
        for at in &self.course.cut_at {
            at.store(u64::MAX, Ordering::Relaxed);
        }
    }

    /// Whether a cut that was asked for is still to come.
    pub fn is_to_cut(&self, direction: Direction) -> bool {
        self.course.cut_at[direction as usize].load(Ordering::Relaxed) != u64::MAX
    }

    /// Bytes passed on so far.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.course.passed[direction as usize].load(Ordering::Relaxed)
    }
}

fn open(client: TcpStream, server: TcpStream, course: &Arc<Course>) -> Way {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LOOK)).unwrap();
    }
    let over = Arc::new(AtomicBool::new(false));
    let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
    let ways = [
        (client.try_clone(), server.try_clone(), Direction::ToServer),
        (Ok(server), Ok(client), Direction::ToClient),
    ];
    for (from, to, direction) in ways {
        let (course, over) = (course.clone(), over.clone());
        let pass = Pass { from: from.unwrap(), to: to.unwrap(), direction, course, over };
        thread::spawn(move || pass.run());
    }
    Way { ends, over }
}

/// One direction of one connection.
struct Pass {
    from: TcpStream,
    to: TcpStream,
    direction: Direction,
    course: Arc<Course>,
    over: Arc<AtomicBool>,
}

impl Pass {
    fn run(mut self) {
        let mut buffer = vec![0; 1 << 16];
        let mut swallowed = false;
        while !self.over.load(Ordering::Relaxed) {
            let manner = self.manner();
            if manner.frozen {
                thread::sleep(LOOK / 4);
                continue;
            }
            if swallowed && !manner.swallows {
                break;
            }
            let length = match self.from.read(&mut buffer[..manner.slice]) {
                // What is swallowed ends without a word, too.
                Ok(0) if manner.swallows => {
                    swallowed = true;
                    thread::sleep(LOOK / 4);
                    continue;
                }
                Ok(0) => break,
                Ok(length) => length,
                Err(error)
                    if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) =>
                {
                    continue;
                }
                Err(_) => break,
            };
            // It may have changed while nothing came.
            let manner = self.thawed();
            if manner.swallows {
                swallowed = true;
            } else if !self.pass(&mut buffer[..length], &manner) {
                break;
            }
        }
        let was_over = self.over.swap(true, Ordering::Relaxed);
        if !was_over {
            let _ = self.to.shutdown(Shutdown::Both);
            let _ = self.from.shutdown(Shutdown::Both);
        }
    }

    fn manner(&self) -> Manner {
        self.course.manners.lock().unwrap()[self.direction as usize]
    }

    /// The manner as soon as it lets anything pass, or the connection is over.
    fn thawed(&self) -> Manner {
        loop {
            let manner = self.manner();
            if !manner.frozen || self.over.load(Ordering::Relaxed) {
                return manner;
            }
            thread::sleep(LOOK / 4);
        }
    }

    /// False when the connection is at its end.
    fn pass(&mut self, bytes: &mut [u8], manner: &Manner) -> bool {
        if manner.garbles {
            garble(bytes);
        }
        thread::sleep(manner.delay + manner.jitter.mul_f64(fastrand::f64()));
        if let Some(rate) = manner.rate {
            thread::sleep(Duration::from_secs_f64(bytes.len() as f64 / rate as f64));
        }
        let (passed, cut_at) = self.counters();
        let before = passed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let left = cut_at.load(Ordering::Relaxed).saturating_sub(before);
        if left < bytes.len() as u64 {
            cut_at.store(u64::MAX, Ordering::Relaxed);
            let _ = self.to.write_all(&bytes[..left as usize]);
            return false;
        }
        self.to.write_all(bytes).is_ok()
    }

    fn counters(&self) -> (&AtomicU64, &AtomicU64) {
        let at = self.direction as usize;
        (&self.course.passed[at], &self.course.cut_at[at])
    }
}

fn garble(bytes: &mut [u8]) {
    for place in 0..bytes.len() {
        if bytes[place..].starts_with(&ROW) {
            bytes[place] = b'Z';
        }
    }
}
