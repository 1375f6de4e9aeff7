//! Children, directories and ports of a test run, and the watchdog that clears them away.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

/// Reads names of what to clear from its stdin. End of file means that the test process is gone,
/// however it went: then it ends the servers and removes their directories.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
pids=
while read -r what name; do
    case $what in
        root) root=$name ;;
        pid) pids="$pids $name" ;;
        gone) rest=; for p in $pids; do [ "$p" = "$name" ] || rest="$rest $p"; done; pids=$rest ;;
    esac
done
for p in $pids; do kill -CONT "$p"; kill -QUIT "$p"; done
sleep 0.3
for p in $pids; do kill -KILL "$p"; done
sleep 0.2
rm -rf "$root" || { sleep 1; rm -rf "$root"; }
"#;

struct Run {
    root: PathBuf,
    watchdog: Mutex<ChildStdin>,
}

#[expect(clippy::zombie_processes, reason = "the watchdog outlives this process")]
fn this_run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let root = std::env::temp_dir().join(format!("postrider-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        // A server that runs as another user must reach its own directory below.
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh must start");
        let mut stdin = watchdog.stdin.take().unwrap();
        writeln!(stdin, "root {}", root.display()).unwrap();
        Run { root, watchdog: Mutex::new(stdin) }
    })
}

fn tell_watchdog(line: &str) {
    let mut stdin = this_run().watchdog.lock().unwrap_or_else(|poison| poison.into_inner());
    let _ = writeln!(stdin, "{line}");
}

/// A new empty directory that the run removes at its end.
pub fn directory(name: &str) -> PathBuf {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = this_run().root.join(format!("{number}-{name}"));
    fs::create_dir_all(&path).unwrap();
    path
}

/// A loopback port that nobody listens on and that no other test of this run was given. Below
/// the range from which the kernel takes ports for outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = (std::process::id() % 900) as u16 * 10;
    for _ in 0..5000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (spread + step) % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free loopback port between 20000 and 30000");
}

/// A child that does not outlive the run. Dropping it kills it.
pub struct Process {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with both outputs in `log`.
    pub fn start(command: &mut Command, log: &Path) -> Process {
        Process::spawn(command, log, log)
    }

    /// Starts `command` in a process group of its own, so that Ctrl-C reaches only the test
    /// process and the end stays in the watchdog's hands.
    pub fn spawn(command: &mut Command, out: &Path, err: &Path) -> Process {
        let open = |path| fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(open(out))
            .stderr(open(err))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| {
                let program = command.get_program().to_string_lossy();
                panic!("cannot start {program} ({error}): run `make servers`")
            });
        tell_watchdog(&format!("pid {}", child.id()));
        Process { child, ended: None }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, for example `TERM`.
    pub fn signal(&self, name: &str) {
        if self.ended.is_none() {
            let line = format!("kill -s {name} {}", self.pid());
            let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
        }
    }

    /// The exit status, when it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait().unwrap()
        {
            tell_watchdog(&format!("gone {}", self.pid()));
            self.ended = Some(status);
        }
        self.ended
    }

    /// Waits for the end; `None` when it still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        while self.exited().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.ended
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            assert!(self.wait(Duration::from_secs(10)).is_some(), "a killed child must end");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            tell_watchdog(&format!("gone {}", self.pid()));
        }
    }
}

/// Runs a command that must succeed and returns its output.
pub fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// Waits until `probe` returns something and returns that; fails the test at the deadline.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < limit, "within {limit:?} this did not come true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
