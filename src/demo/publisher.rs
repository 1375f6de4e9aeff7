//! The publisher of the demo: the built binary, with settings of its own, started and killed.

use std::{fs, net::TcpListener, path::PathBuf};

use tokio::process::Command;

use super::{
    Error,
    broker::Broker,
    error::machine,
    place::{Place, Running},
};

/// What `postrider run` may do, as the shipped file grants it.
pub(super) const ROLE: &str = include_str!("../../sql/publisher_role.sql");

/// Settings and the running child, if one runs.
pub(super) struct Publisher {
    program: PathBuf,
    settings: PathBuf,
    /// Where its metrics are.
    pub(super) http: String,
    running: Option<Running>,
}

impl Publisher {
    /// Writes the settings, as anybody would.
    pub(super) fn with_settings(place: &Place, broker: &Broker) -> Result<Publisher, Error> {
        let program = std::env::current_exe().map_err(machine("find this program's own file"))?;
        let doing = "find a free port";
        let free = TcpListener::bind("127.0.0.1:0").map_err(machine(doing))?;
        let http = free.local_addr().map_err(machine(doing))?.to_string();
        let settings = place.path.join("postrider.toml");
        let text = format!(
            "[postgres]\nurl = \"host={} user=postrider dbname=shop\"\n\n\
             [kafka]\nbrokers = \"{}\"\nwitness_topic = \"{}\"\n\n\
             [route]\ntopic = \"{}\"\n\n\
             [http]\nlisten = \"{http}\"\n",
            place.server.display(),
            broker.address,
            broker.witness_topic(),
            broker.topic
        );
        fs::write(&settings, text).map_err(machine("write the settings"))?;
        Ok(Publisher { program, settings, http, running: None })
    }

    /// `postrider init --create-table`, as the database's owner.
    pub(super) async fn init(&self, place: &Place) -> Result<(), Error> {
        let mut command = self.command(place, &["init", "--create-table"]);
        let owner = format!("host={} user=postgres dbname=shop", place.server.display());
        command.env("POSTRIDER_POSTGRES__URL", owner);
        place.run(command, "postrider init").await
    }

    /// `postrider run`; its process number.
    pub(super) fn start(&mut self, place: &Place) -> Result<u32, Error> {
        let running = place.start(self.command(place, &["run"]), "postrider run")?;
        let pid = running.pid;
        self.running = Some(running);
        Ok(pid)
    }

    /// kill -9; the number of the process that is no more.
    pub(super) async fn kill(&mut self) -> Result<u32, Error> {
        match self.running.take() {
            Some(mut running) => running.kill().await.map(|()| running.pid),
            None => Ok(0),
        }
    }

    /// SIGTERM: it drains and confirms.
    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        match running.end("TERM").await? {
            true => Ok(()),
            false => Err(running.failed("postrider run")),
        }
    }

    /// Fails when it has left by itself, which nobody asked for.
    pub(super) fn still_runs(&mut self) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.has_ended() { Err(running.failed("postrider run")) } else { Ok(()) }
    }

    /// With nothing of the caller's environment that could mean other servers.
    fn command(&self, place: &Place, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", &place.path).current_dir(&place.path);
        command.arg("--config").arg(&self.settings).args(arguments);
        command
    }
}
