//! Imposter: answers PostgreSQL's request for TLS as no PostgreSQL should, and remembers what it heard.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// What a client asks for TLS with.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What it says to a request for TLS.
#[derive(Debug, Clone, Copy)]
pub enum Says {
    /// These bytes at once, and closes when the client does.
    AtOnce(&'static [u8]),
    /// `S`, and these bytes when TLS has begun.
    InHandshake(&'static [u8]),
    /// These bytes, to a client that does not ask for TLS.
    InTheOpen(&'static [u8]),
    /// Nothing, and closes.
    Nothing,
    /// Nothing, and waits.
    Silence,
}

/// A listener on loopback. It lives as long as the test process.
pub struct Imposter {
    pub port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Imposter {
    /// Listens, and treats every connection the same way.
    pub fn that(says: Says) -> Imposter {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let ears = heard.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let said = talk(client, says);
                ears.lock().unwrap().push(said);
            }
        });
        Imposter { port, heard }
    }

    /// All that was heard behind the request for TLS, connection by connection.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

/// One connection; returns what came behind the request.
fn talk(mut client: TcpStream, says: Says) -> Vec<u8> {
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request = [0; REQUEST.len()];
    let mut heard = Vec::new();
    if client.read_exact(&mut request).is_err() {
        return heard;
    }
    if request != REQUEST {
        heard.extend_from_slice(&request);
    }
    match says {
        Says::Nothing => return heard,
        Says::Silence => {}
        Says::AtOnce(bytes) | Says::InTheOpen(bytes) => client.write_all(bytes).unwrap(),
        Says::InHandshake(bytes) => {
            client.write_all(b"S").unwrap();
            let mut hello = vec![0; 4096];
            let length = client.read(&mut hello).unwrap_or(0);
            heard.extend_from_slice(&hello[..length]);
            let _ = client.write_all(bytes);
        }
    }
    let _ = client.read_to_end(&mut heard);
    heard
}
