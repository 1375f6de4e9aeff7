//! Settings → each edge's typed `Config`; what a kind alone cannot say is checked here, once.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use super::{
    Config,
    error::{Error, Origin},
    settings::Settings,
    value::Entry,
};
use crate::{
    kafka::{
        self, NewTopics, OptionValue, WitnessTopic,
        options::{self, OptionError},
    },
    observe::{HttpConfig, LogConfig, LogFormat},
    outbox::{self, Columns, HeaderColumn, Route, Template},
    postgres, publisher,
};

impl Settings {
    /// The settings of every part of the program.
    ///
    /// # Errors
    /// When a required setting is missing, a value cannot be, or two contradict each other.
    pub fn config(&self) -> Result<Config, Error> {
        // Both required ones first: a person who starts has to be told of them before all else.
        self.text("postgres.url")?;
        self.text("kafka.brokers")?;
        Ok(Config {
            postgres: self.postgres()?,
            outbox: self.outbox()?,
            kafka: self.kafka()?,
            publisher: self.publisher()?,
            http: HttpConfig { listen: self.listen()? },
            log: LogConfig {
                format: match self.text("log.format")? {
                    "json" => LogFormat::Json,
                    _ => LogFormat::Text,
                },
                level: self.text("log.level")?.to_owned(),
            },
        })
    }

    fn postgres(&self) -> Result<postgres::Config, Error> {
        const KEY: &str = "postgres.url";
        let conninfo: postgres::ConnInfo = self.text(KEY)?.parse().map_err(|e| {
            let hint = "write a URL such as \"postgres://user@host:5432/database\", or key=value \
                        pairs such as \"host=/run/postgresql dbname=shop\"";
            self.wrong(KEY, format!("cannot be understood: {e}"), hint)
        })?;
        let password_file = self.optional_text("postgres.password_file").map(PathBuf::from);
        if conninfo.has_password() {
            if matches!(self.origin(KEY), Origin::File { .. }) {
                let hint = "take it out of the URL, then set postgres.password_file or PGPASSWORD, \
                            or write it to ~/.pgpass";
                return Err(self.wrong(
                    KEY,
                    "holds a password, which would be shown to whoever reads the file",
                    hint,
                ));
            }
            if password_file.is_some() {
                let hint = "keep one of the two";
                return Err(self.wrong(
                    KEY,
                    "holds a password and postgres.password_file names another",
                    hint,
                ));
            }
        }
        Ok(postgres::Config {
            conninfo,
            password_file,
            slot: self.slot()?,
            publication: self.identifier("postgres.publication")?,
        })
    }

    fn slot(&self) -> Result<String, Error> {
        const KEY: &str = "postgres.slot";
        let slot = self.text(KEY)?;
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if slot.len() <= 63 && slot.bytes().all(allowed) {
            return Ok(slot.to_owned());
        }
        let hint = "use 1 to 63 lower-case letters, digits and underscores";
        Err(self.wrong(
            KEY,
            format!("is {slot:?}, which PostgreSQL does not accept as a slot's name"),
            hint,
        ))
    }

    /// A name in PostgreSQL's catalog, which would cut a longer one silently.
    fn identifier(&self, key: &'static str) -> Result<String, Error> {
        let name = self.text(key)?;
        if name.len() <= 63 && !name.contains('\0') {
            return Ok(name.to_owned());
        }
        Err(self.wrong(key, "is longer than PostgreSQL's names can be", "use at most 63 bytes"))
    }

    fn outbox(&self) -> Result<outbox::Config, Error> {
        let table = self.text("outbox.table")?.parse().map_err(|e| {
            let hint = "write it as in SQL: \"public.outbox\", with quotes where SQL needs them: \
                        'shop.\"Outbox\"'";
            self.wrong("outbox.table", format!("cannot be understood: {e}"), hint)
        })?;
        Ok(outbox::Config { table, columns: self.columns()?, route: self.route()? })
    }

    fn columns(&self) -> Result<Columns, Error> {
        let optional = |key| self.optional_text(key).map(|_| self.identifier(key)).transpose();
        let columns = Columns {
            id: self.identifier("outbox.columns.id")?,
            topic: self.identifier("outbox.columns.topic")?,
            key: self.identifier("outbox.columns.key")?,
            type_: self.identifier("outbox.columns.type")?,
            payload: self.identifier("outbox.columns.payload")?,
            partition: optional("outbox.columns.partition")?,
            headers: optional("outbox.columns.headers")?,
            traceparent: optional("outbox.columns.traceparent")?,
            timestamp: optional("outbox.columns.timestamp")?,
        };
        // The other roles may share a column: an id that is also the key is common.
        const ALONE: [&str; 5] = ["payload", "partition", "headers", "traceparent", "timestamp"];
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for role in ALONE {
            let key = format!("outbox.columns.{role}");
            let Some(column) = self.optional_text(&key) else { continue };
            if let Some(other) = taken.insert(column, role) {
                let problem = format!("is {column:?}, as outbox.columns.{other} is");
                return Err(self.wrong(
                    &key,
                    problem,
                    "name two different columns, or leave one out",
                ));
            }
        }
        Ok(columns)
    }

    fn route(&self) -> Result<Route, Error> {
        let template = |key| {
            self.text(key)?.parse::<Template>().map_err(|e| {
                let hint = "braces name columns: \"outbox.event.{aggregatetype}\"";
                self.wrong(key, format!("cannot be understood: {e}"), hint)
            })
        };
        let position_header = self.switch("route.position_header")?;
        let topic = template("route.topic")?;
        // Every event would be held for it.
        if let Some(c) = topic.literals().flat_map(str::chars).find(|c| !is_for_topics(*c)) {
            let hint =
                "Kafka's topics have letters, digits, dots, underscores and hyphens in their names";
            return Err(self.wrong(
                "route.topic",
                format!("has {c:?}, which no topic can have"),
                hint,
            ));
        }
        Ok(Route {
            topic,
            key: template("route.key")?,
            headers: self.headers(position_header)?,
            position_header,
        })
    }

    fn headers(&self, position_header: bool) -> Result<Vec<HeaderColumn>, Error> {
        const KEY: &str = "route.headers";
        let mut headers: Vec<HeaderColumn> = Vec::new();
        for item in self.list(KEY)? {
            let header = header(item).ok_or_else(|| {
                let hint = "write \"column\", or \"column as name\"";
                self.wrong(KEY, format!("holds {item:?}, which names no column"), hint)
            })?;
            let name = &header.name;
            let twice = headers.iter().any(|other| other.name == *name)
                || (name == "position" && position_header)
                || (name == "traceparent" && self.given("outbox.columns.traceparent").is_some());
            if twice {
                let problem = format!("would give a record the header {name:?} twice");
                return Err(self.wrong(KEY, problem, "write \"column as name\" with another name"));
            }
            headers.push(header);
        }
        Ok(headers)
    }

    fn kafka(&self) -> Result<kafka::Config, Error> {
        let create_topics = self.switch("kafka.create_topics")?;
        let shape = |key| self.count(key).and_then(|n| i32::try_from(n).ok()).unwrap_or(-1);
        let new_topics = NewTopics {
            partitions: shape("kafka.topic_partitions"),
            replicas: shape("kafka.topic_replicas"),
        };
        let files = self.map("kafka.options_files")?;
        for (name, entry) in files {
            options::refuse_from_file(name)
                .map_err(|e| refused("kafka.options_files", e, entry))?;
            if entry.text.is_empty() {
                let (key, hint) =
                    (format!("kafka.options_files.{name}"), "name the file that holds it");
                return Err(wrong_at(&entry.origin, key, "is empty", hint));
            }
        }
        let given = self.map("kafka.options")?;
        for (name, entry) in given {
            options::refuse_unsafe(name, &entry.text)
                .map_err(|e| refused("kafka.options", e, entry))?;
            if files.contains_key(name) {
                let hint = "keep it in one of the two";
                let problem = "is also given in kafka.options_files";
                return Err(wrong_at(
                    &entry.origin,
                    format!("kafka.options.{name}"),
                    problem,
                    hint,
                ));
            }
        }
        Ok(kafka::Config {
            brokers: self.brokers()?,
            options: given
                .iter()
                .map(|(name, entry)| (name.clone(), OptionValue::new(entry.text.clone())))
                .collect(),
            options_files: files
                .iter()
                .map(|(name, entry)| (name.clone(), PathBuf::from(&entry.text)))
                .collect(),
            create_topics: create_topics.then_some(new_topics),
            window: self.window()?,
            witness: self.witness(new_topics.replicas)?,
        })
    }

    fn witness(&self, replicas: i32) -> Result<Option<WitnessTopic>, Error> {
        const KEY: &str = "kafka.witness_topic";
        let topic = self.text(KEY)?;
        if topic.is_empty() {
            return Ok(None);
        }
        if outbox::is_valid_topic(topic) {
            return Ok(Some(WitnessTopic { name: topic.to_owned(), replicas }));
        }
        let hint = "use 1 to 249 letters, digits, dots, underscores and hyphens; empty does without \
                    a witness";
        Err(self.wrong(KEY, format!("is {topic:?}, which no topic can be called"), hint))
    }

    fn brokers(&self) -> Result<String, Error> {
        const KEY: &str = "kafka.brokers";
        let mut brokers = Vec::new();
        for broker in self.text(KEY)?.split(',').map(str::trim) {
            // Not repeated in the sentence: a URL might hold a password.
            if broker.contains(['/', '@']) {
                let hint = "write host:port alone; security.protocol belongs in kafka.options";
                return Err(self.wrong(KEY, "holds a URL; expected is host:port", hint));
            }
            if !is_host_and_port(broker) {
                let problem = format!("holds {broker:?}; expected is host:port");
                return Err(self.wrong(
                    KEY,
                    problem,
                    "write host:port, several separated by commas",
                ));
            }
            brokers.push(broker);
        }
        Ok(brokers.join(","))
    }

    fn publisher(&self) -> Result<publisher::Config, Error> {
        let first_wait = self.duration("refused.first_wait")?;
        let longest_wait = self.duration("refused.longest_wait")?;
        if first_wait > longest_wait {
            // The one that somebody wrote is the one to point at.
            let key = match self.origin("refused.longest_wait") {
                Origin::Default => "refused.first_wait",
                _ => "refused.longest_wait",
            };
            let problem = "leaves refused.first_wait longer than refused.longest_wait";
            return Err(self.wrong(key, problem, "make first_wait at most longest_wait"));
        }
        Ok(publisher::Config {
            window: self.window()?,
            window_bytes: self.size("kafka.window_bytes")?,
            stall_timeout: self.duration("kafka.stall_timeout")?,
            first_wait,
            longest_wait,
            exit_on_fault: false,
        })
    }

    fn window(&self) -> Result<u32, Error> {
        const KEY: &str = "kafka.window";
        self.count(KEY).and_then(|n| u32::try_from(n).ok()).ok_or(Error::Missing { key: KEY })
    }

    fn listen(&self) -> Result<SocketAddr, Error> {
        const KEY: &str = "http.listen";
        let text = self.text(KEY)?;
        text.parse().map_err(|_| {
            let hint = "write an IP address and a port, such as \"127.0.0.1:9464\"; 0.0.0.0 is \
                        every interface";
            self.wrong(KEY, format!("is {text:?}, which is no IP address with a port"), hint)
        })
    }

    fn wrong(&self, key: &str, problem: impl Into<String>, hint: &str) -> Error {
        wrong_at(&self.origin(key), key.to_owned(), problem, hint)
    }
}

fn wrong_at(origin: &Origin, key: String, problem: impl Into<String>, hint: &str) -> Error {
    Error::Wrong { origin: origin.clone(), key, problem: problem.into(), hint: hint.to_owned() }
}

fn refused(key: &str, error: OptionError, entry: &Entry) -> Error {
    let problem = format!("is refused: {}", error.reason);
    wrong_at(&entry.origin, format!("{key}.{}", error.name), problem, error.remedy)
}

/// Reads `column` or `column as name`.
fn header(item: &str) -> Option<HeaderColumn> {
    // ASCII lower case keeps every byte in its place, so the offset holds in `item` too.
    let (column, name) = match item.to_ascii_lowercase().rfind(" as ") {
        Some(at) => (&item[..at], &item[at + " as ".len()..]),
        None => (item, item),
    };
    let (column, name) = (column.trim(), name.trim());
    let whole = !column.is_empty() && !name.is_empty();
    whole.then(|| HeaderColumn { column: column.to_owned(), name: name.to_owned() })
}

fn is_for_topics(c: char) -> bool {
    // A dot alone is no name.
    outbox::is_valid_topic(&format!("a{c}"))
}

fn is_host_and_port(broker: &str) -> bool {
    let Some((host, port)) = broker.rsplit_once(':') else { return false };
    // An IPv6 address has colons of its own and stands in brackets.
    let bracketed = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let plain = !host.is_empty() && !host.contains([':', '[', ']']);
    let printable = host.chars().all(|c| !c.is_whitespace() && !c.is_control());
    (plain || bracketed) && printable && port.parse::<u16>().is_ok_and(|port| port > 0)
}
