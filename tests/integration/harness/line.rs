//! Line: one scripted replication connection, from its first frame to its end.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use postrider::wal::{Frame, LogicalMessage, Lsn, decode_status_update};

use super::{
    frames,
    walsender::{Heard, Role, Status, hear},
};

/// The server's half of a connection: counts what it writes, and cuts where it is told to.
pub struct Pen {
    client: Mutex<TcpStream>,
    /// Bytes until the cut.
    left: AtomicUsize,
    /// At most so many bytes at a time.
    slice: AtomicUsize,
    gone: AtomicBool,
    frozen: AtomicBool,
}

impl Pen {
    pub fn new(client: TcpStream, cut_after: Option<usize>) -> Arc<Pen> {
        Arc::new(Pen {
            client: Mutex::new(client),
            left: AtomicUsize::new(cut_after.unwrap_or(usize::MAX)),
            slice: AtomicUsize::new(usize::MAX),
            gone: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
        })
    }

    /// Writes as much of this as is allowed before the cut.
    pub fn write(&self, bytes: &[u8]) {
        let mut client = self.client.lock().unwrap();
        if self.is_gone() || self.frozen.load(Ordering::Relaxed) {
            return;
        }
        let left = self.left.load(Ordering::Relaxed);
        let allowed = &bytes[..bytes.len().min(left)];
        self.left.store(left - allowed.len(), Ordering::Relaxed);
        let slice = self.slice.load(Ordering::Relaxed);
        let failed = allowed.chunks(slice).any(|piece| client.write_all(piece).is_err());
        if failed || allowed.len() == left {
            // An end, not a reset: what was written arrives.
            let _ = client.shutdown(Shutdown::Write);
            self.gone.store(true, Ordering::Relaxed);
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// What a script has in hand.
pub struct Line {
    /// Which replication connection this is, from 1.
    pub session: u32,
    /// Where the stream begins: as asked, or where this server knows better.
    pub start: u64,
    pen: Arc<Pen>,
    heard: Arc<Mutex<Heard>>,
    client: Option<TcpStream>,
    role: Arc<Role>,
}

impl Line {
    pub fn new(
        start: u64,
        pen: Arc<Pen>,
        heard: Arc<Mutex<Heard>>,
        client: TcpStream,
        role: Arc<Role>,
    ) -> Line {
        let (session, start) = {
            let mut heard = heard.lock().unwrap();
            let confirmed = heard.statuses.last().map_or(0, |status| status.confirmed);
            heard.starts.push(start);
            heard.boundaries.insert(start);
            heard.sent = heard.sent.max(start);
            heard.ended = start.max(confirmed);
            (heard.starts.len() as u32, heard.ended)
        };
        Line { session, start, pen, heard, client: Some(client), role }
    }

    /// Runs the script beside the ears, and ends when the client has.
    pub fn play(mut self) -> Option<()> {
        let client = self.client.take()?;
        let (pen, heard, role) = (self.pen.clone(), self.heard.clone(), self.role.clone());
        let session = self.session;
        let ears = thread::spawn(move || listen(client, session, (&pen, &heard), &role));
        (self.role.clone().script)(&mut self);
        ears.join().ok()
    }

    /// Sends bytes as they are.
    pub fn bytes(&self, bytes: &[u8]) {
        self.pen.write(bytes);
    }

    /// Sends a frame as CopyData and remembers what it allows to be confirmed.
    pub fn frame(&self, frame: &[u8]) {
        note(&self.heard, frame);
        self.bytes(&frames::message(b'd', frame));
    }

    /// Writes at most so many bytes at a time from here on.
    pub fn slice(&self, bytes: usize) {
        self.pen.slice.store(bytes, Ordering::Relaxed);
    }

    /// Sends and answers nothing more; the connection stays open. Or goes on.
    pub fn freeze(&self, yes: bool) {
        self.pen.frozen.store(yes, Ordering::Relaxed);
    }

    /// Ends the connection.
    pub fn cut(&self) {
        self.pen.left.store(0, Ordering::Relaxed);
        self.pen.write(&[]);
    }

    /// Waits until this position is confirmed, or the connection has ended.
    pub fn confirmed(&self, lsn: u64) {
        self.until(|heard| heard.statuses.last().is_some_and(|status| status.confirmed >= lsn));
    }

    /// Waits for what is heard, for ten seconds at most.
    pub fn until(&self, came: impl Fn(&Heard) -> bool) {
        let limit = Instant::now() + Duration::from_secs(10);
        while !self.pen.is_gone() && Instant::now() < limit && !came(&self.heard.lock().unwrap()) {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A frame that is about to be sent: before, so that no answer to it can be too early.
fn note(heard: &Mutex<Heard>, frame: &[u8]) {
    let mut heard = heard.lock().unwrap();
    let ends = match Frame::decode(frame) {
        Ok(Frame::Keepalive { wal_end, .. }) => Some(wal_end),
        Ok(Frame::XLogData { wal_end, body, .. }) => {
            heard.sent = heard.sent.max(wal_end.as_u64());
            match LogicalMessage::decode(body) {
                Ok(LogicalMessage::Commit { end_lsn, .. }) => Some(end_lsn),
                _ => None,
            }
        }
        Err(_) => None,
    };
    if let Some(end) = ends.map(Lsn::as_u64) {
        heard.boundaries.insert(end);
        heard.sent = heard.sent.max(end);
        heard.ended = heard.ended.max(end);
    }
}

/// Reads what the client says until it ends, judges each status update, and answers what a server
/// answers.
fn listen(mut client: TcpStream, session: u32, line: (&Pen, &Mutex<Heard>), role: &Role) {
    let (pen, heard) = line;
    while let Some((tag, body)) = hear(&mut client) {
        match tag {
            b'd' => {
                let Ok(update) = decode_status_update(&body) else {
                    heard.lock().unwrap().violations.push(format!("no status update: {body:?}"));
                    continue;
                };
                let confirmed = update.flushed.as_u64();
                let wrong = (role.judge)(confirmed);
                let mut heard = heard.lock().unwrap();
                let status = Status {
                    session,
                    at: Instant::now(),
                    confirmed,
                    wants_reply: update.reply_requested,
                };
                heard.violations.extend(wrong);
                if update.written != update.flushed || update.applied != update.flushed {
                    heard.violations.push(format!("three positions differ: {update:?}"));
                }
                heard.judge(status);
                let ended = heard.ended;
                drop(heard);
                if status.wants_reply {
                    pen.write(&frames::message(b'd', &frames::keepalive(ended, false)));
                }
            }
            b'c' => {
                let end = [frames::message(b'c', &[]), frames::message(b'C', b"COPY 0\0")];
                pen.write(&[end.concat(), frames::ready()].concat());
            }
            _ => break,
        }
    }
    pen.gone.store(true, Ordering::Relaxed);
}

impl Heard {
    /// Never backwards, never above what was sent, never between two boundaries.
    fn judge(&mut self, status: Status) {
        let (lsn, before) = (status.confirmed, self.statuses.last().map_or(0, |s| s.confirmed));
        let rules = [
            (lsn < before, "went back"),
            (lsn > self.sent, "is above what was sent"),
            (!self.boundaries.contains(&lsn), "is no end of anything"),
        ];
        let session = status.session;
        let broken = rules.iter().filter(|(is_broken, _)| *is_broken);
        self.violations
            .extend(broken.map(|(_, rule)| format!("{lsn:X} {rule}, session {session}")));
        self.statuses.push(status);
    }
}
