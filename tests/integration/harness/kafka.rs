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

/// A port of a node beside the plain one.
pub struct Listener {
    pub name: &'static str,
    /// `SSL`, `SASL_SSL` …
    pub protocol: &'static str,
    pub port: u16,
}

/// A node with a directory of its own. Dropping it kills it.
pub struct Kafka {
    directory: PathBuf,
    port: u16,
    /// Where the node's controller listens.
    pub controller: u16,
    process: Mutex<Option<Process>>,
}

impl Kafka {
    /// Formats a directory and starts a node in it.
    pub fn start_new() -> Kafka {
        Kafka::start_with(process::directory("kafka"), &[], "", &[])
    }

    /// Starts a node in `directory` with further listeners and properties, which may name
    /// `@PORT@` and `@CONTROLLER_PORT@`; `format` is for the tool that formats the directory.
    pub fn start_with(
        directory: PathBuf,
        listeners: &[Listener],
        properties: &str,
        format: &[String],
    ) -> Kafka {
        let (port, controller) = (process::free_port(), process::free_port());
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/server.properties");
        let text = fs::read_to_string(template).unwrap()
            + &more_listeners(port, controller, listeners)
            + properties;
        let text = text
            .replace("@PORT@", &port.to_string())
            .replace("@CONTROLLER_PORT@", &controller.to_string())
            .replace("@DATA@", &directory.join("data").display().to_string());
        fs::write(directory.join("server.properties"), text).unwrap();
        let node = Kafka { directory, port, controller, process: Mutex::new(None) };
        let mut tool = node.java("kafka.tools.StorageTool");
        tool.args(["format", "-t", CLUSTER_ID, "-c", "server.properties"]).args(format);
        process::run(&mut tool);
        node.start();
        node
    }

    /// Runs one of Kafka's own commands against this node; it must succeed.
    pub fn administer(&self, class: &str, arguments: &[&str]) {
        let mut tool = self.java(class);
        tool.args(["--bootstrap-server", &self.brokers()]).args(arguments);
        process::run(&mut tool);
    }

    /// `host:port` for clients.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What the node has written.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Starts the ended node and waits until it answers.
    pub fn start(&self) {
        let log = self.log();
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

/// Lines that beat the template's: in properties the last one of a name counts.
fn more_listeners(port: u16, controller: u16, listeners: &[Listener]) -> String {
    let mut open = format!("CLIENTS://127.0.0.1:{port}");
    let mut protocols = "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    for Listener { name, protocol, port } in listeners {
        open.push_str(&format!(",{name}://127.0.0.1:{port}"));
        protocols.push_str(&format!(",{name}:{protocol}"));
    }
    format!(
        "\nlisteners={open},CONTROLLER://127.0.0.1:{controller}\nadvertised.listeners={open}\n\
         listener.security.protocol.map={protocols}\n"
    )
}

/// The version of Kafka, by the name of its jar.
pub fn version() -> String {
    let names = fs::read_dir(library()).unwrap().flatten().map(|entry| entry.file_name());
    let version = |name: std::ffi::OsString| {
        let name = name.to_str()?.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned();
        name.starts_with(|c: char| c.is_ascii_digit()).then_some(name)
    };
    names.into_iter().find_map(version).expect("kafka-clients is among the jars")
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
