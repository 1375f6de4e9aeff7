//! One Apache Kafka node (KRaft) for tests: formatted, started, frozen, killed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Duration,
};

use super::{
    process::{self, Process, eventually},
    topics,
};

/// Any text of 22 characters of base64 will do.
const CLUSTER_ID: &str = "cG9zdHJpZGVyLXRlc3RzIQ";

/// A node with a directory of its own. Dropping it kills it.
pub struct Kafka {
    directory: PathBuf,
    port: u16,
    process: Mutex<Option<Process>>,
}

impl Kafka {
    /// Formats a directory and starts a node in it.
    pub fn start_new() -> Kafka {
        let directory = process::directory("kafka");
        let port = process::free_port();
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/server.properties");
        let properties = fs::read_to_string(template)
            .unwrap()
            .replace("@PORT@", &port.to_string())
            .replace("@CONTROLLER_PORT@", &process::free_port().to_string())
            .replace("@DATA@", &directory.join("data").display().to_string());
        fs::write(directory.join("server.properties"), properties).unwrap();
        let node = Kafka { directory, port, process: Mutex::new(None) };
        let mut format = node.java("kafka.tools.StorageTool");
        format.args(["format", "-t", CLUSTER_ID, "-c", "server.properties"]);
        process::run(&mut format);
        node.start();
        node
    }

    /// `host:port` for clients.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the ended node and waits until it answers.
    pub fn start(&self) {
        let log = self.directory.join("log");
        let mut server = self.java("kafka.Kafka");
        server.arg("server.properties");
        *self.process.lock().unwrap() = Some(Process::start(&mut server, &log));
        eventually("Kafka answers", Duration::from_secs(90), || {
            if let Some(status) = self.process.lock().unwrap().as_mut().unwrap().exited() {
                let text = fs::read_to_string(&log).unwrap_or_default();
                panic!("Kafka ended with {status}:\n{text}");
            }
            topics::answers(&self.brokers()).then_some(())
        });
    }

    /// kill -9.
    pub fn kill(&self) {
        self.process.lock().unwrap().take().expect("the node runs").kill();
    }

    /// Freezes the node: its connections stay open and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Ends [`Kafka::freeze`].
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.process.lock().unwrap().as_ref().expect("the node runs").signal(name);
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
        command.arg("-cp").arg(library().join("*")).arg(class);
        command.current_dir(&self.directory);
        command
    }
}

/// The folder of Kafka's jars: beside the build of this test, or in the workspace's `target`.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let built = program.ancestors().map(|folder| folder.join("kafka/lib"));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kafka/lib");
    built
        .chain([workspace])
        .find(|lib| fs::read_dir(lib).is_ok_and(|mut files| files.next().is_some()))
        .expect("Apache Kafka's jars are not on this machine: run `make servers`")
}
