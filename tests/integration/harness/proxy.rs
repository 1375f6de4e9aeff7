//! A TCP proxy that cuts, slices or garbles what passes through it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::process::free_port;

/// A way to a server on loopback. It lives as long as the test process.
pub struct Proxy {
    pub port: u16,
    ways: Arc<Mutex<Vec<Way>>>,
    manner: Arc<Manner>,
}

/// How bytes are passed on.
struct Manner {
    /// At most so many at a time.
    slice: AtomicUsize,
    garbles: AtomicBool,
}

/// How the row of a pgoutput Insert begins, of a table with seven columns whose first is not NULL.
const ROW: [u8; 4] = [b'N', 0, 7, b't'];

/// Both ends of a connection.
type Way = [TcpStream; 2];

impl Proxy {
    /// Listens, and passes everything on to `target`.
    pub fn to(target: u16) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let manner = Manner { slice: AtomicUsize::new(1 << 16), garbles: AtomicBool::new(false) };
        let proxy = Proxy { port, ways: Arc::default(), manner: Arc::new(manner) };
        let (ways, manner) = (proxy.ways.clone(), proxy.manner.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let way = open(client, server, &manner);
                ways.lock().unwrap().push(way);
            }
        });
        proxy
    }

    /// Closes every connection. New ones pass.
    pub fn cut(&self) {
        for way in self.ways.lock().unwrap().drain(..) {
            for end in &way {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// Passes on at most so many bytes at a time.
    pub fn slice(&self, bytes: usize) {
        self.manner.slice.store(bytes, Ordering::Relaxed);
    }

    /// Gives the rows of pgoutput's Inserts a tag that means nothing, or leaves them alone again.
    pub fn garble(&self, yes: bool) {
        self.manner.garbles.store(yes, Ordering::Relaxed);
    }
}

fn open(client: TcpStream, server: TcpStream, manner: &Arc<Manner>) -> Way {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
    let pairs = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
    for (from, to) in pairs {
        let (from, to) = (from.unwrap(), to.unwrap());
        let manner = manner.clone();
        thread::spawn(move || pass(from, to, &manner));
    }
    ends
}

fn pass(mut from: TcpStream, mut to: TcpStream, manner: &Manner) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let most = manner.slice.load(Ordering::Relaxed);
        let length = from.read(&mut buffer[..most]).unwrap_or(0);
        if manner.garbles.load(Ordering::Relaxed) {
            garble(&mut buffer[..length]);
        }
        if length == 0 || to.write_all(&buffer[..length]).is_err() {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn garble(bytes: &mut [u8]) {
    for place in 0..bytes.len() {
        if bytes[place..].starts_with(&ROW) {
            bytes[place] = b'Z';
        }
    }
}
