//! One PostgreSQL server for tests: found, initialised, started, stopped.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{
    process::{self, Process, eventually},
    sql::Sql,
};

/// Settings of every server here. What a machine crash would lose may be lost: tests kill
/// processes, not machines.
const SETTINGS: &[(&str, &str)] = &[
    ("wal_level", "logical"),
    ("fsync", "off"),
    ("max_replication_slots", "50"),
    ("max_wal_senders", "50"),
    ("max_connections", "200"),
    ("min_wal_size", "'32MB'"),
    ("max_wal_size", "'96MB'"),
    ("shared_buffers", "'64MB'"),
    ("listen_addresses", "'127.0.0.1'"),
    ("password_encryption", "'scram-sha-256'"),
    ("log_min_messages", "warning"),
    ("log_line_prefix", "'%m [%p] %a '"),
];

/// Trust over the socket, a password over TCP.
const HBA: &str =
    "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\nlocal replication all trust\n";

/// How `pg_ctl` calls the ways to stop.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// Ends sessions, waits for walsenders to be told that all is confirmed.
    Fast,
    /// Ends at once, as a crash does.
    Immediate,
}

/// What a copy of a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// It follows the other one until it is promoted.
    Standby,
    /// A backup that was put back: it goes on by itself from where it was taken.
    Restored,
}

/// The role that owns each test's database and runs the publisher, and its password over TCP.
pub const ROLE: &str = "postrider";
/// The password of [`ROLE`].
pub const PASSWORD: &str = "horse battery staple";

/// A server with a data directory of its own. Dropping it kills it.
pub struct Postgres {
    bin: PathBuf,
    directory: PathBuf,
    pub port: u16,
    process: Mutex<Option<Process>>,
}

impl Postgres {
    /// Initialises and starts a server; `settings` go on top of the usual ones.
    pub fn start_new(settings: &[(&str, &str)]) -> Postgres {
        Postgres::start_with(settings, HBA, &[])
    }

    /// The same with lines of pg_hba.conf and files in its data directory, each with its name there.
    pub fn start_with(settings: &[(&str, &str)], hba: &str, files: &[(&str, &Path)]) -> Postgres {
        let server = Postgres {
            bin: find_binaries(),
            directory: process::directory("pg"),
            port: process::free_port(),
            process: Mutex::new(None),
        };
        server.initialise(settings, hba);
        for (name, from) in files {
            server.install(name, from);
        }
        server.start();
        server.sql("postgres").run(&format!(
            "create role {ROLE} login replication password '{PASSWORD}';
             create role plain login password '{PASSWORD}'"
        ));
        server
    }

    /// Starts a server on a base backup of `other`, as its standby or by itself.
    pub fn copy_of(other: &Postgres, copy: Copy) -> Postgres {
        let server = Postgres {
            bin: other.bin.clone(),
            directory: process::directory("pg"),
            port: process::free_port(),
            process: Mutex::new(None),
        };
        server.own_directory();
        let mut backup = server.as_server_user("pg_basebackup");
        let program = other.program("pg_basebackup");
        if program != server.bin.join("pg_basebackup") {
            backup = server.as_user_of_server(&program);
        }
        backup.arg("-D").arg(server.data()).arg("-h").arg(&other.directory);
        backup.args([
            "-p",
            &other.port.to_string(),
            "-U",
            "postgres",
            "-c",
            "fast",
            "-X",
            "stream",
        ]);
        if copy == Copy::Standby {
            backup.arg("-R");
        }
        process::run(&mut backup);
        server.start();
        server
    }

    /// The directory of the unix socket.
    pub fn socket(&self) -> &Path {
        &self.directory
    }

    /// What the server has written.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The server's major version.
    pub fn major(&self) -> u32 {
        major_version(&self.bin).expect("the server that runs has a version")
    }

    /// A program such as `psql`: the server's own, or another installation's where the server
    /// came without.
    pub fn program(&self, name: &str) -> PathBuf {
        let bins = std::iter::once(self.bin.clone()).chain(candidates());
        let mut programs = bins.map(|bin| bin.join(name));
        let found = programs.find(|program| program.is_file());
        found.unwrap_or_else(|| panic!("no {name} on this machine: run `make servers`"))
    }

    /// A session of the superuser.
    pub fn sql(&self, database: &str) -> Sql {
        Sql::connect(&self.address("postgres", database))
            .unwrap_or_else(|error| panic!("PostgreSQL refuses a session: {error}"))
    }

    /// A session, or `None` while the server is away.
    pub fn try_sql(&self, database: &str) -> Option<Sql> {
        Sql::connect(&self.address("postgres", database)).ok()
    }

    /// A key=value address over the unix socket.
    pub fn address(&self, role: &str, database: &str) -> String {
        format!(
            "host={} port={} user={role} dbname={database}",
            self.directory.display(),
            self.port
        )
    }

    /// Starts the stopped server and waits until it answers.
    pub fn start(&self) {
        let mut command = self.as_server_user("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.directory);
        command.arg("-p").arg(self.port.to_string());
        // A leftover of an immediate stop; ours alone, since the directory is.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        let log = self.log();
        *self.process.lock().unwrap() = Some(Process::start(&mut command, &log));
        eventually("PostgreSQL accepts sessions", Duration::from_secs(60), || {
            let mut process = self.process.lock().unwrap();
            if let Some(status) = process.as_mut().unwrap().exited() {
                let text = fs::read_to_string(&log).unwrap_or_default();
                panic!("PostgreSQL ended with {status}:\n{text}");
            }
            self.try_sql("postgres").map(drop)
        });
    }

    /// Stops the server and returns how long that took; fails when it takes over `limit`.
    pub fn stop(&self, how: Stop, limit: Duration) -> Duration {
        let mut process = self.process.lock().unwrap().take().expect("the server runs");
        let start = Instant::now();
        process.signal(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        });
        assert!(
            process.wait(limit).is_some(),
            "PostgreSQL did not stop ({how:?}) within {limit:?}"
        );
        start.elapsed()
    }

    /// Copies a file into the data directory, readable by the server alone, for its next start or
    /// reload.
    pub fn install(&self, name: &str, from: &Path) {
        let file = self.data().join(name);
        fs::copy(from, &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = other_user() {
            chown(&file, Some(uid), Some(gid)).unwrap();
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn own_directory(&self) {
        if let Some((uid, gid)) = other_user() {
            chown(&self.directory, Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn initialise(&self, settings: &[(&str, &str)], hba: &str) {
        self.own_directory();
        let mut initdb = self.as_server_user("initdb");
        initdb.arg("-D").arg(self.data());
        initdb.args(["-U", "postgres", "--no-sync", "--auth=trust"]);
        initdb.args(["--encoding=UTF8", "--locale=C"]);
        process::run(&mut initdb);
        let mut lines = String::new();
        for (name, value) in SETTINGS.iter().chain(settings) {
            lines.push_str(&format!("{name} = {value}\n"));
        }
        let file = self.data().join("postgresql.conf");
        let stock = fs::read_to_string(&file).unwrap();
        fs::write(file, stock + &lines).unwrap();
        fs::write(self.data().join("pg_hba.conf"), hba).unwrap();
    }

    /// A program of the server; root may not run it, so then as another user.
    fn as_server_user(&self, program: &str) -> Command {
        self.as_user_of_server(&self.bin.join(program))
    }

    fn as_user_of_server(&self, path: &Path) -> Command {
        let mut command = match other_user() {
            None => Command::new(path),
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
                command.arg("--clear-groups").arg(path);
                command
            }
        };
        command.current_dir(&self.directory).env("LC_ALL", "C");
        command
    }
}

/// Whom to run the server as, when we are root: `postgres` where there is one, else `nobody`.
fn other_user() -> Option<(u32, u32)> {
    if process::run(Command::new("id").arg("-u")).trim() != "0" {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let found = entry("postgres").or_else(|| entry("nobody"));
    Some(found.expect("root cannot run PostgreSQL: add a user named postgres"))
}

/// The folder with `initdb` and `postgres`, version 14 or newer. The one that was asked for, or none:
/// a test of another major must not pass on this one.
fn find_binaries() -> PathBuf {
    let asked = std::env::var_os("POSTRIDER_TEST_PG_BIN").filter(|folder| !folder.is_empty());
    let bins = asked.map_or_else(candidates, |folder| vec![folder.into()]);
    let fits = |bin: &PathBuf| bin.join("initdb").is_file() && major_version(bin) >= Some(14);
    bins.into_iter().find(fits).expect(
        "no PostgreSQL server (14 or newer) on this machine, or none in POSTRIDER_TEST_PG_BIN: \
         run `make servers`",
    )
}

/// Where PostgreSQL's programs may be, the newest first.
fn candidates() -> Vec<PathBuf> {
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    packaged.sort();
    let mut bins: Vec<PathBuf> =
        packaged.into_iter().rev().map(|(_, path)| path.join("bin")).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        bins.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    bins.extend(std::env::split_paths(&path));
    bins
}

fn major_version(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version =
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_numeric()))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
