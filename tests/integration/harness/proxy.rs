//! A TCP proxy that cuts or slices what passes through it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::process::free_port;

/// A way to a server on loopback. It lives as long as the test process.
pub struct Proxy {
    pub port: u16,
    ways: Arc<Mutex<Vec<Way>>>,
    slice: Arc<AtomicUsize>,
}

/// Both ends of a connection.
type Way = [TcpStream; 2];

impl Proxy {
    /// Listens, and passes everything on to `target`.
    pub fn to(target: u16) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let proxy =
            Proxy { port, ways: Arc::default(), slice: Arc::new(AtomicUsize::new(1 << 16)) };
        let (ways, slice) = (proxy.ways.clone(), proxy.slice.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let way = open(client, server, &slice);
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
        self.slice.store(bytes, Ordering::Relaxed);
    }
}

fn open(client: TcpStream, server: TcpStream, slice: &Arc<AtomicUsize>) -> Way {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
    let pairs = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
    for (from, to) in pairs {
        let (from, to) = (from.unwrap(), to.unwrap());
        let slice = slice.clone();
        thread::spawn(move || pass(from, to, &slice));
    }
    ends
}

fn pass(mut from: TcpStream, mut to: TcpStream, slice: &AtomicUsize) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let most = slice.load(Ordering::Relaxed);
        let length = from.read(&mut buffer[..most]).unwrap_or(0);
        if length == 0 || to.write_all(&buffer[..length]).is_err() {
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
}
