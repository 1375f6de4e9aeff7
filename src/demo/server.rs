//! The throw-away PostgreSQL: found, initialised, started, restarted. It listens on a unix socket
//! in the demo's place and nowhere else.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{process::Command, time::Instant};
use tokio_postgres::{Client, NoTls};

use super::{
    Error,
    error::postgres,
    place::{Place, Running},
};

/// Logical decoding, and little memory. The rest is PostgreSQL's default, fsync included.
const SETTINGS: [&str; 5] = [
    "wal_level=logical",
    "listen_addresses=",
    "shared_buffers=32MB",
    // A restart that waits for a checkpoint of idle buffers would only bore.
    "checkpoint_timeout=1h",
    "logging_collector=off",
];

const OLDEST: u32 = 14;

const START_LIMIT: Duration = Duration::from_secs(60);

/// The server.
pub(super) struct Server {
    programs: PathBuf,
    /// User and group that run it, when we are root.
    user: Option<(u32, u32)>,
    running: Option<Running>,
}

impl Server {
    /// Looks for the programs, and for whom to run them as.
    pub(super) fn find(programs: Option<&Path>) -> Result<Server, Error> {
        let programs = find_programs(programs).ok_or(Error::NoServer)?;
        Ok(Server { programs, user: other_user()?, running: None })
    }

    /// Who has to own the place.
    pub(super) fn user(&self) -> Option<(u32, u32)> {
        self.user
    }

    /// Makes a cluster in the place and starts it.
    pub(super) async fn create(&mut self, place: &Place) -> Result<(), Error> {
        let mut initdb = self.command(place, "initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "-D"]).arg(place.server.join("data"));
        place.run(initdb, "initdb").await?;
        self.start(place).await
    }

    /// Starts it and waits until it takes sessions.
    pub(super) async fn start(&mut self, place: &Place) -> Result<(), Error> {
        let mut command = self.command(place, "postgres");
        command.arg("-D").arg(place.server.join("data")).arg("-k").arg(&place.server);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let mut running = place.start(command, "postgres")?;
        let limit = Instant::now() + START_LIMIT;
        while connect(&place.server, "postgres").await.is_err() {
            if running.has_ended() {
                return Err(running.failed("postgres"));
            }
            if Instant::now() > limit {
                return Err(Error::Late { what: "PostgreSQL takes sessions", seconds: 60 });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.running = Some(running);
        Ok(())
    }

    /// A fast stop: sessions are ended, the walsender may have its last word.
    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some(mut running) => running.end("INT").await.map(drop),
            None => Ok(()),
        }
    }

    fn command(&self, place: &Place, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir(&place.server).env("LC_ALL", "C");
        for name in ["PGPORT", "PGHOST", "PGDATA", "PGOPTIONS", "PGUSER", "PGDATABASE"] {
            command.env_remove(name);
        }
        command
    }
}

/// A session of the superuser; the connection is driven by a task of the runtime.
pub(super) async fn connect(
    directory: &Path,
    database: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host_path(directory).user("postgres").dbname(database);
    config.connect_timeout(Duration::from_secs(5));
    let (client, connection) = config.connect(NoTls).await?;
    // Its error reaches whoever waits for an answer.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// One value of one row, as text.
pub(super) async fn text(client: &Client, query: &str) -> Result<String, Error> {
    let row = client.query_one(query, &[]).await.map_err(postgres("answer a question"))?;
    row.try_get(0).map_err(postgres("answer a question"))
}

fn find_programs(named: Option<&Path>) -> Option<PathBuf> {
    let is_server = |folder: &PathBuf| {
        folder.join("initdb").is_file() && major(&folder.join("postgres")) >= Some(OLDEST)
    };
    if let Some(named) = named {
        return Some(named.to_owned()).filter(is_server);
    }
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<(u32, PathBuf)> = packaged
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    packaged.sort();
    let packaged = packaged.into_iter().rev().map(|(_, path)| path.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let told = std::process::Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok());
    let told = told.map(|folder| PathBuf::from(folder.trim()));
    packaged.chain(told).chain(in_path).find(is_server)
}

/// 15 of `postgres (PostgreSQL) 15.6 (Debian 15.6-1)`.
fn major(program: &Path) -> Option<u32> {
    let output = std::process::Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_numeric()));
    number?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// PostgreSQL refuses to run as root, so then somebody else has to.
fn other_user() -> Result<Option<(u32, u32)>, Error> {
    let ours = fs::metadata("/proc/self").map_or(1, |process| process.uid());
    if ours != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let mut fields =
            users.lines().find(|line| line.split(':').next() == Some(name))?.split(':');
        Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    match find("postgres").or_else(|| find("nobody")) {
        Some(user) => Ok(Some(user)),
        None => Err(Error::NobodyElse),
    }
}
