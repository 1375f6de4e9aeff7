//! The publisher under test: the built binary as a child, its log, its HTTP port.

use std::{
    cell::RefCell,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::Duration,
};

use super::process::{Process, eventually};

/// How long anything that works may take before a test calls it broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running publisher. When it is dropped its log must hold no unexpected warning.
pub struct Publisher {
    process: RefCell<Process>,
    log: PathBuf,
    port: u16,
    allowed: RefCell<Vec<String>>,
}

impl Publisher {
    /// Starts `command`, which listens for HTTP on `port`.
    pub fn start(mut command: Command, log: PathBuf, port: u16) -> Publisher {
        let process = RefCell::new(Process::start(&mut command, &log));
        Publisher { process, log, port, allowed: RefCell::default() }
    }

    /// Lets warnings and errors pass that contain `text`.
    pub fn allow(&self, text: &str) -> &Publisher {
        self.allowed.borrow_mut().push(text.to_owned());
        self
    }

    /// Lets all warnings pass, and no error: what a story with an outage may log.
    pub fn allow_warnings(&self) -> &Publisher {
        self.allow(" WARN ")
    }

    /// Waits until `/readyz` says 200.
    #[track_caller]
    pub fn ready(&self) -> &Publisher {
        self.eventually("the publisher is ready", || self.get("/readyz")?.0.eq(&200).then_some(()));
        self
    }

    /// Waits until `/readyz` says 503 with `text` in its reason; returns the reason.
    #[track_caller]
    pub fn holds(&self, text: &str) -> String {
        self.eventually(&format!("/readyz is 503 and names {text:?}"), || {
            let (status, body) = self.get("/readyz")?;
            (status == 503 && body.contains(text)).then_some(body)
        })
    }

    /// Waits for `probe`; fails at once, with the log's end, when the publisher ends before.
    #[track_caller]
    pub fn eventually<T>(&self, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        eventually(what, PATIENCE, || {
            let found = probe();
            let ended = self.process.borrow_mut().exited();
            assert!(found.is_some() || ended.is_none(), "it ended ({ended:?}) before: {what}");
            found
        })
    }

    /// Status and body of a GET; `None` when nothing answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        get(self.port, path)
    }

    /// The sum of a metric's values over the series whose labels contain `label`.
    pub fn metric(&self, name: &str, label: &str) -> Option<f64> {
        self.metrics()?.sum(name, label)
    }

    /// All metrics at one moment.
    pub fn metrics(&self) -> Option<MetricsPage> {
        self.get("/metrics").map(|(_, text)| MetricsPage(text))
    }

    /// SIGTERM, and the code it leaves with within the promised 10 s and a little.
    #[track_caller]
    pub fn terminate(&self) -> i32 {
        self.signal("TERM");
        self.exit_code(Duration::from_secs(15))
    }

    /// Waits for its end, whatever way it goes.
    #[track_caller]
    pub fn ends(&self, limit: Duration) -> ExitStatus {
        let status = self.process.borrow_mut().wait(limit);
        status.unwrap_or_else(|| panic!("it still runs after {limit:?}"))
    }

    /// Waits for its end by itself.
    #[track_caller]
    pub fn exit_code(&self, limit: Duration) -> i32 {
        let status = self.ends(limit);
        status.code().unwrap_or_else(|| panic!("it left by a signal: {status}"))
    }

    /// A name that no other publisher of the run has.
    pub fn id(&self) -> String {
        format!("publisher-{}", self.process.borrow().pid())
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        self.process.borrow().signal(name);
    }

    /// kill -9.
    pub fn kill(&self) {
        self.process.borrow_mut().kill();
    }

    /// All it has written.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its arguments, as everybody on the machine can see them.
    pub fn arguments(&self) -> String {
        let path = format!("/proc/{}/cmdline", self.process.borrow().pid());
        let bytes = fs::read(path).expect("a running process has arguments");
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    }

    /// Peak resident memory in KiB, from the kernel.
    pub fn peak_memory_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.borrow().pid());
        let text = fs::read_to_string(path).expect("a running process has a status");
        let line = text.lines().find(|line| line.starts_with("VmHWM")).expect("VmHWM is there");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap()
    }

    fn unexpected(&self) -> Vec<String> {
        let allowed = self.allowed.borrow();
        let log = self.log();
        let bad = log.lines().filter(|line| {
            let level =
                line.split_whitespace().take(3).any(|word| ["WARN", "ERROR"].contains(&word));
            level || line.contains("panicked at")
        });
        bad.filter(|line| !allowed.iter().any(|text| line.contains(text.as_str())))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // The stage shows the logs of a test that fails.
        if std::thread::panicking() {
            return;
        }
        let unexpected = self.unexpected();
        assert!(unexpected.is_empty(), "unexpected in the publisher's log: {unexpected:#?}");
    }
}

/// Status and body of a GET on a loopback port; `None` when nothing answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// The text of `/metrics`.
pub struct MetricsPage(pub String);

impl MetricsPage {
    /// The sum of a metric's values over the series whose labels contain `label`.
    pub fn sum(&self, name: &str, label: &str) -> Option<f64> {
        let series = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, labels) = series.split_once('{').unwrap_or((series, ""));
            (found == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
        });
        series.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }
}
