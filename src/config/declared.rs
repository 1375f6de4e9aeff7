//! Every setting, declared once: its key, its kind, its default, what it means.
//!
//! The file's parser, the names in the environment, the nearest-name hints, `postrider settings`,
//! its `--example` and the README's table all read this list and nothing else.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Section and name: `kafka.brokers`.
    pub key: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// What holds when nobody sets it.
    pub absent: Absent,
    /// One paragraph for the person who sets it.
    pub doc: &'static str,
}

/// How a value is written, and what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text; empty turns off what it names.
    TextOrNone,
    /// How to reach PostgreSQL; shown without its password.
    ConnInfo,
    /// The path of a file.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number between the two, both included.
    Count(u64, u64),
    /// A duration with its unit, between the two milliseconds.
    Duration(u64, u64),
    /// A size with its unit, between the two bytes.
    Size(u64, u64),
    /// A list of texts.
    List,
    /// librdkafka options and their values; secret ones are hidden.
    Options,
    /// librdkafka options and the files their values are in.
    Files,
}

/// What holds when nobody sets a setting. Texts are written as in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// This value. `<key>` in it stands for the value of that setting, declared further up;
    /// `<key as name>` for `value as name`.
    Default(&'static str),
    /// Nothing: the feature is off. The text is an example.
    Off(&'static str),
    /// Nothing can: it must be set. The text is an example.
    Required(&'static str),
}

impl Setting {
    /// The section: `kafka`, or `outbox.columns`.
    pub fn section(&self) -> &'static str {
        self.key.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The name within its section.
    pub fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The name in the environment: `POSTRIDER_KAFKA__BROKERS`.
    pub fn variable(&self) -> String {
        format!("POSTRIDER_{}", self.key.replace('.', "__").to_uppercase())
    }
}

const fn setting(key: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Setting {
    Setting { key, kind, absent, doc }
}

/// The setting with this key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    DECLARED.iter().find(|setting| setting.key == key)
}

/// Every setting, in the order of the file. A default that follows another comes after it.
pub static DECLARED: &[Setting] = &[
    setting(
        "postgres.url",
        Kind::ConnInfo,
        Absent::Required("postgres://postrider@localhost:5432/shop"),
        "How to reach PostgreSQL: a URL or key=value pairs as psql takes them, unix sockets and \
         sslmode with its relatives too. Without the password: that comes from password_file, PGPASSWORD or ~/.pgpass.",
    ),
    setting(
        "postgres.password_file",
        Kind::Path,
        Absent::Off("/run/secrets/postgres"),
        "A file that holds the password. It is read again at every connection.",
    ),
    setting(
        "postgres.slot",
        Kind::Text,
        Absent::Default("postrider"),
        "The logical replication slot, which keeps the place. Two publishers never share one.",
    ),
    setting(
        "postgres.publication",
        Kind::Text,
        Absent::Default("postrider"),
        "The publication that delivers the outbox table's inserts.",
    ),
    setting(
        "outbox.table",
        Kind::Text,
        Absent::Default("public.outbox"),
        "The outbox table, or its partition root, written as in SQL and quoted where SQL needs it.",
    ),
    setting(
        "outbox.columns.id",
        Kind::Text,
        Absent::Default("id"),
        "The event's id, by which consumers recognise repeats. Column names are written as the \
         catalog holds them, without quotes.",
    ),
    setting(
        "outbox.columns.topic",
        Kind::Text,
        Absent::Default("aggregatetype"),
        "The column in the default topic.",
    ),
    setting(
        "outbox.columns.key",
        Kind::Text,
        Absent::Default("aggregateid"),
        "The column that is the default key. Order is kept per key.",
    ),
    setting(
        "outbox.columns.type",
        Kind::Text,
        Absent::Default("type"),
        "The event's type, a header by default.",
    ),
    setting(
        "outbox.columns.payload",
        Kind::Text,
        Absent::Default("payload"),
        "The record's value, byte for byte: json, jsonb, text or bytea. NULL is a tombstone.",
    ),
    setting(
        "outbox.columns.partition",
        Kind::Text,
        Absent::Off("partition"),
        "A column with the partition's number. NULL in it means: by key.",
    ),
    setting(
        "outbox.columns.headers",
        Kind::Text,
        Absent::Off("headers"),
        "A column with a JSON object of texts. Each becomes a header.",
    ),
    setting(
        "outbox.columns.traceparent",
        Kind::Text,
        Absent::Off("traceparent"),
        "A column with a W3C trace context, sent as the header traceparent.",
    ),
    setting(
        "outbox.columns.timestamp",
        Kind::Text,
        Absent::Off("timestamp"),
        "A column with the record's timestamp. Without it, that is the time of the commit.",
    ),
    setting(
        "route.topic",
        Kind::Text,
        Absent::Default("outbox.event.{<outbox.columns.topic>}"),
        "The topic. Braces name columns of the table. The default follows outbox.columns.topic.",
    ),
    setting(
        "route.key",
        Kind::Text,
        Absent::Default("{<outbox.columns.key>}"),
        "The record's key, written as the topic is. The default follows outbox.columns.key.",
    ),
    setting(
        "route.headers",
        Kind::List,
        Absent::Default(r#"["<outbox.columns.id as id>", "<outbox.columns.type as type>"]"#),
        "The columns sent as headers: \"column\", or \"column as name\". The default follows \
         outbox.columns.id and outbox.columns.type.",
    ),
    setting(
        "route.position_header",
        Kind::Switch,
        Absent::Default("true"),
        "Whether the header position is added: the event's place in the WAL, the same in every \
         repeat.",
    ),
    setting(
        "kafka.brokers",
        Kind::Text,
        Absent::Required("localhost:9092"),
        "Where Kafka is: host:port, several separated by commas.",
    ),
    setting(
        "kafka.options",
        Kind::Options,
        Absent::Default("{}"),
        "Options for librdkafka, TLS and SASL too. What would break the guarantee is refused by \
         name. In the environment: a TOML inline table, added to the file's.",
    ),
    setting(
        "kafka.options_files",
        Kind::Files,
        Absent::Default("{}"),
        "Options for librdkafka whose values are read from files, for secrets.",
    ),
    setting(
        "kafka.create_topics",
        Kind::Switch,
        Absent::Default("false"),
        "Whether a topic that does not exist is created.",
    ),
    setting(
        "kafka.topic_partitions",
        Kind::Count(1, 100_000),
        Absent::Off("12"),
        "Partitions of a topic that create_topics creates. Without it, the broker's default.",
    ),
    setting(
        "kafka.topic_replicas",
        Kind::Count(1, 1000),
        Absent::Off("3"),
        "Replicas of a topic that create_topics creates, and of the witness topic. Without it, the \
         broker's default.",
    ),
    setting(
        "kafka.window",
        Kind::Count(1, 1_000_000),
        Absent::Default("100000"),
        "Events between the oldest unacknowledged one and the newest sent, at most. It bounds the \
         repeats after a crash.",
    ),
    setting(
        "kafka.window_bytes",
        Kind::Size(1 << 10, 64 << 30),
        Absent::Default("64MiB"),
        "The same in bytes. One event larger than this still passes, alone.",
    ),
    setting(
        "kafka.stall_timeout",
        Kind::Duration(1000, 3_600_000),
        Absent::Default("30s"),
        "When the oldest unacknowledged record is older than this, PostgreSQL is let go, so that \
         it can shut down; Kafka is tried on.",
    ),
    setting(
        "kafka.witness_topic",
        Kind::TextOrNone,
        Absent::Default("postrider.witness"),
        "The compacted topic that remembers what was confirmed and what the catalog looked like, so \
         that a slot that was moved and a publication that was changed are noticed. Empty: nothing \
         is remembered, and nobody notices.",
    ),
    setting(
        "refused.policy",
        Kind::Choice(&["halt"]),
        Absent::Default("halt"),
        "What to do with a record that Kafka refuses for good. This version knows halt alone: \
         hold everything behind it and try again.",
    ),
    setting(
        "refused.first_wait",
        Kind::Duration(10, 86_400_000),
        Absent::Default("10s"),
        "The wait before a refused record is tried again. It doubles each time.",
    ),
    setting(
        "refused.longest_wait",
        Kind::Duration(10, 86_400_000),
        Absent::Default("10m"),
        "No such wait is longer.",
    ),
    setting(
        "http.listen",
        Kind::Text,
        Absent::Default("127.0.0.1:9464"),
        "The address and port of /metrics, /livez and /readyz.",
    ),
    setting(
        "log.format",
        Kind::Choice(&["text", "json"]),
        Absent::Default("text"),
        "How log lines are written: for people, or one JSON object a line.",
    ),
    setting(
        "log.level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        Absent::Default("info"),
        "The least important level that is logged.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_in_one_block_per_section() {
        let mut sections: Vec<&str> = DECLARED.iter().map(Setting::section).collect();
        sections.dedup();
        let in_blocks = sections.len();
        sections.sort_unstable();
        sections.dedup();
        assert_eq!(sections.len(), in_blocks, "a section is declared in two places");
        for (place, setting) in DECLARED.iter().enumerate() {
            let first = DECLARED.iter().position(|other| other.key == setting.key);
            assert_eq!(first, Some(place), "{} is declared twice", setting.key);
        }
    }

    #[test]
    fn every_setting_is_explained_in_whole_sentences() {
        for setting in DECLARED {
            assert!(setting.doc.ends_with('.'), "{}: {}", setting.key, setting.doc);
        }
    }

    #[test]
    fn the_environment_name_follows_from_the_key() {
        let variable = |key| find(key).map(Setting::variable);
        assert_eq!(variable("kafka.brokers").as_deref(), Some("POSTRIDER_KAFKA__BROKERS"));
        assert_eq!(
            variable("outbox.columns.key").as_deref(),
            Some("POSTRIDER_OUTBOX__COLUMNS__KEY")
        );
    }
}
