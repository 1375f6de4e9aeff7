//! The demo's place: one directory for all it writes, and the children it starts there.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, chown},
    },
    path::{Path, PathBuf},
    process::Stdio,
    rc::Rc,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{
    error::{Error, machine},
    janitor::Janitor,
};

/// A unix socket's path, `.s.PGSQL.5432` included, has to be shorter than this.
const LONGEST_SOCKET: usize = 107;

/// Where PostgreSQL is, in the place.
const FOLDER: &str = "pg";

/// How long a child that was told to end may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often another name is tried when somebody has the first.
const TRIES: u32 = 16;

/// The directory. It and all children are cleared away when the last owner is gone.
///
/// It is ours alone: what a server that runs as somebody else writes is in a folder below, so that
/// nobody can put a link where we are about to write.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The folder of PostgreSQL's data and socket.
    pub(super) server: PathBuf,
    janitor: Rc<Janitor>,
}

impl Place {
    /// Makes a fresh directory, and a folder in it that `owner`, user and group, or else we alone
    /// can look into.
    pub(super) fn new(owner: Option<(u32, u32)>) -> Result<Place, Error> {
        let path = fresh(owner.is_some())?;
        let janitor = Janitor::of(&path).map_err(machine("start sh"))?;
        let server = path.join(FOLDER);
        let doing = || machine(format!("make the directory {}", server.display()));
        fs::DirBuilder::new().mode(0o700).create(&server).map_err(doing())?;
        if let Some((user, group)) = owner {
            chown(&server, Some(user), Some(group)).map_err(doing())?;
        }
        Ok(Place { path, server, janitor: Rc::new(janitor) })
    }

    /// Starts `command` in the place, its words in the file `log` there.
    ///
    /// In a process group of its own: Ctrl-C is for the demo, which then ends its children in turn.
    pub(super) fn start(&self, mut command: Command, log: &'static str) -> Result<Running, Error> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let path = self.path.join(log);
        let open = || fs::OpenOptions::new().create(true).append(true).open(&path);
        let doing = || machine(format!("start {program}"));
        let child = command
            .stdin(Stdio::null())
            .stdout(open().map_err(doing())?)
            .stderr(open().map_err(doing())?)
            .process_group(0)
            .spawn()
            .map_err(doing())?;
        let pid = child.id().unwrap_or_default();
        self.janitor.started(pid);
        Ok(Running { child, pid, log: path, janitor: Rc::clone(&self.janitor) })
    }

    /// Runs `command` to its end, which must be a good one.
    pub(super) async fn run(&self, command: Command, program: &'static str) -> Result<(), Error> {
        let mut running = self.start(command, program)?;
        match running.child.wait().await {
            Ok(status) if status.success() => Ok(()),
            _ => Err(running.failed(program)),
        }
    }
}

/// A child that runs.
pub(super) struct Running {
    child: Child,
    pub(super) pid: u32,
    log: PathBuf,
    janitor: Rc<Janitor>,
}

impl Running {
    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// kill -9.
    pub(super) async fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().await.map_err(machine("end a child"))
    }

    /// Sends it a signal, by name, and waits for its end; whether that was a good one.
    pub(super) async fn end(&mut self, signal: &str) -> Result<bool, Error> {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -{signal} {}", self.pid)]);
        kill.status().await.map_err(machine("send a signal"))?;
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => Ok(status.map_err(machine("wait for a child"))?.success()),
            Err(_) => {
                Err(Error::Late { what: "a process that was told to end has ended", seconds: 20 })
            }
        }
    }

    /// What to say when it did not do what it is for.
    pub(super) fn failed(&self, program: &'static str) -> Error {
        Error::Program { program, said: last_words(&self.log) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that still runs is left to the janitor, who ends PostgreSQL more gently than
        // kill -9 would.
        if self.child.id().is_none() {
            self.janitor.ended(self.pid);
        }
    }
}

/// A directory with a name that nobody can have guessed. Others may pass through it where the server
/// runs as somebody else.
fn fresh(is_passed_through: bool) -> Result<PathBuf, Error> {
    let parent = std::env::temp_dir();
    let Ok(parent) = std::path::absolute(&parent) else { return Err(Error::OddPath(parent)) };
    // It becomes part of a connection string, of TOML, and of PostgreSQL's list of directories.
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._/+@~".contains(b);
    if !parent.as_os_str().as_bytes().iter().all(plain) {
        return Err(Error::OddPath(parent));
    }
    for _ in 0..TRIES {
        let path = parent.join(format!("postrider-demo-{:08x}", fastrand::u32(..)));
        if path.join(FOLDER).as_os_str().len() + "/.s.PGSQL.5432".len() >= LONGEST_SOCKET {
            return Err(Error::LongPath(path));
        }
        let mode = if is_passed_through { 0o711 } else { 0o700 };
        match fs::DirBuilder::new().mode(mode).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                let doing = format!("make the directory {}", path.display());
                return made.map(|()| path).map_err(machine(doing));
            }
        }
    }
    Err(Error::OddPath(parent))
}

/// The last two lines of a log: an error and its hint, or whatever else it ended with.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(2)..];
    if last.is_empty() { "it said nothing".to_owned() } else { last.join("; ") }
}
