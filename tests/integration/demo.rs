//! The demo: its counts are right, a wrong one is an answer of no, and nothing is left of it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};

use crate::harness::{PATIENCE, Process, Turn, directory, eventually, kafka, postgres, said};

/// A running demo with a folder for temporary files of its own.
struct Demo {
    process: Process,
    directory: PathBuf,
}

impl Demo {
    fn start(arguments: &[&str]) -> Demo {
        let directory = directory("demo");
        // PostgreSQL's user has to get through to its own directory below.
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        command.arg("demo").args(arguments);
        command.arg("--postgres-bin").arg(postgres().program("postgres").parent().unwrap());
        command.env("TMPDIR", &directory).env("POSTRIDER_KAFKA__BROKERS", "nonsense");
        let process = Process::start(&mut command, &directory.join("told"));
        Demo { process, directory }
    }

    fn told(&self) -> String {
        fs::read_to_string(self.directory.join("told")).unwrap_or_default()
    }

    #[track_caller]
    fn tells(&mut self, words: &str) {
        eventually(&format!("the demo tells {words:?}"), PATIENCE, || {
            let told = self.told().contains(words);
            let ended = self.process.exited().is_some();
            assert!(told || !ended, "it ended before it told {words:?}:\n{}", self.told());
            told.then_some(())
        });
    }

    /// Its exit code; by then nothing of it may be left.
    #[track_caller]
    fn ends(&mut self) -> Option<i32> {
        let status = self.process.wait(PATIENCE * 2).expect("the demo ends");
        self.leaves_nothing();
        status.code()
    }

    #[track_caller]
    fn leaves_nothing(&self) {
        let left = || {
            let files = fs::read_dir(&self.directory).unwrap().flatten().map(|file| file.path());
            let files: Vec<_> = files.filter(|path| !path.ends_with("told")).collect();
            (files, processes_with(&self.directory.display().to_string()))
        };
        // A demo that was killed is cleared away by another process, which takes a moment.
        let begin = Instant::now();
        while left() != (Vec::new(), Vec::new()) {
            assert!(begin.elapsed() < Duration::from_secs(15), "left behind: {:?}", left());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Command lines of running processes that contain `text`.
fn processes_with(text: &str) -> Vec<String> {
    let folders = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    folders
        .filter_map(|folder| fs::read_to_string(folder.join("cmdline")).ok())
        .map(|line| line.replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

/// The number in the row of the table that begins with `name`.
#[track_caller]
fn row(told: &str, name: &str) -> u64 {
    let row = told.lines().find_map(|line| line.trim().strip_prefix(name));
    let row = row.unwrap_or_else(|| panic!("no row {name:?} in\n{told}"));
    let number = row.split_whitespace().next().unwrap_or_default().replace(',', "");
    number.parse().unwrap_or_else(|_| panic!("row {name:?} has no number in\n{told}"))
}

#[test]
fn it_kills_and_restarts_and_every_count_is_right() {
    let _turn = Turn::heavy();
    let mut demo = Demo::start(&["--seconds", "8"]);
    let code = demo.ends();
    let told = demo.told();
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told.matches("kill -9").count(), 5, "{told}");
    assert!(told.contains("PostgreSQL is shut down"), "{told}");
    let committed = row(&told, "orders committed");
    assert!(committed > 50 && row(&told, "orders rolled back") > 0, "{told}");
    assert_eq!(row(&told, "records in Kafka"), committed + row(&told, "repeats"), "{told}");
    assert_eq!(["lost", "phantom", "out of order"].map(|name| row(&told, name)), [0, 0, 0]);
    assert!(!told.contains('\x1b'), "colour in a file:\n{told}");
}

#[test]
fn a_record_that_nobody_committed_in_a_real_kafka_is_found_and_the_answer_is_no() {
    let _turn = Turn::heavy();
    let brokers = kafka().brokers();
    let mut demo = Demo::start(&["--seconds", "6", "--kafka", &brokers]);
    demo.tells("first record");
    let told = demo.told();
    let topic = told.split_once("has topic ").unwrap().1.lines().next().unwrap().to_owned();
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &brokers).create().unwrap();
    let record = BaseRecord::to(&topic).key("customer-1").payload("{}");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
    let code = demo.ends();
    let told = demo.told();
    assert_eq!(code, Some(1), "{told}");
    assert_eq!(["lost", "phantom", "out of order"].map(|name| row(&told, name)), [0, 1, 0]);
    let gone = crate::harness::Topics::of(&brokers).partitions(&topic).is_none();
    assert!(gone, "topic {topic} is left behind");
}

#[test]
fn ctrl_c_and_kill_leave_nothing_behind() {
    let _turn = Turn::heavy();
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
        let mut demo = Demo::start(&[]);
        demo.tells("first record");
        demo.process.signal(signal);
        assert_eq!(demo.ends(), code, "{signal}:\n{}", demo.told());
    }
}

#[test]
fn nobody_else_can_write_where_the_demo_writes() {
    let _turn = Turn::light();
    let mut demo = Demo::start(&[]);
    demo.tells("first record");
    let ours = fs::metadata(&demo.directory).unwrap().uid();
    let mut places = fs::read_dir(&demo.directory).unwrap().flatten().map(|entry| entry.path());
    let place = places.find(|path| path.is_dir()).expect("the demo has a place");
    let about = fs::metadata(&place).unwrap();
    assert_eq!((about.uid(), about.mode() & 0o066), (ours, 0), "{}", place.display());
    for entry in fs::read_dir(&place).unwrap().flatten() {
        let about = entry.metadata().unwrap();
        let is_servers = entry.file_name() == "pg" && about.mode() & 0o077 == 0;
        let is_ours = about.uid() == ours && about.mode() & 0o022 == 0;
        assert!(is_servers || is_ours, "{:?}", entry.path());
    }
    demo.process.signal("INT");
    demo.ends();
}

#[test]
fn a_folder_that_cannot_stand_in_a_connection_string_is_refused() {
    let odd = directory("demo").join("a b");
    fs::create_dir(&odd).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command.arg("demo").env("TMPDIR", &odd);
    said(command).refuses(78, &["a b", "its path is not plain"]);
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 0);
}

#[test]
fn a_kafka_that_is_not_there_is_named() {
    let _turn = Turn::light();
    let mut demo = Demo::start(&["--kafka", "127.0.0.1:1"]);
    assert_eq!(demo.ends(), Some(69));
    let told = demo.told();
    assert!(told.contains("Kafka at 127.0.0.1:1 cannot") && told.contains("\nhint: "), "{told}");
}
