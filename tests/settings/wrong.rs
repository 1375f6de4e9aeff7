//! Wrong settings: each is refused with its place, in one sentence, with the right writing.

use crate::place::{BROKERS, Place, URL, refuses};

/// A file whose third line is `postgres`' and whose last is `kafka`'s.
#[track_caller]
fn wrong(postgres: &str, rest: &str, sentence: &str, hint: &str) {
    let file = format!("[postgres]\n{URL}\n{postgres}\n[kafka]\n{BROKERS}\n{rest}\n");
    refuses(&Place::with(&file).run(&["settings"], &[]), sentence, hint);
}

#[track_caller]
fn wrong_in_kafka(line: &str, sentence: &str, hint: &str) {
    wrong("", line, &format!("postrider.toml line 6: {sentence}"), hint);
}

#[track_caller]
fn wrong_variable(variable: (&str, &str), sentence: &str, hint: &str) {
    let file = format!("[postgres]\n{URL}\n[kafka]\n{BROKERS}\n");
    refuses(&Place::with(&file).run(&["settings"], &[variable]), sentence, hint);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    wrong_in_kafka("brokrs = 1", "unknown setting kafka.brokrs", "did you mean kafka.brokers?");
    wrong_in_kafka("slot = \"a\"", "unknown setting kafka.slot", "did you mean postgres.slot?");
    wrong_in_kafka("[kafak]", "unknown setting kafak", "did you mean kafka?");
    wrong_in_kafka(
        "[outbox.colums]",
        "unknown setting outbox.colums",
        "did you mean outbox.columns?",
    );
    wrong_in_kafka("weather = 1", "unknown setting kafka.weather", "settings --example");
    wrong(
        "password = \"tiger\"",
        "",
        "postrider.toml line 3: unknown setting postgres.password",
        "did you mean postgres.password_file?",
    );
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    wrong_variable(
        ("POSTRIDER_KAFKA_BROKERS", "a:1"),
        "unknown environment variable POSTRIDER_KAFKA_BROKERS: variables that begin with \
         POSTRIDER_ are settings",
        "did you mean POSTRIDER_KAFKA__BROKERS?",
    );
    wrong_variable(
        ("POSTRIDER_QQQQQQQQQQ", ""),
        "unknown environment variable POSTRIDER_QQQQQQQQQQ: variables that begin with POSTRIDER_ \
         are settings",
        "unset it",
    );
}

/// A line under `[kafka]`, the sentence's beginning, what the hint contains. A second line of the
/// first is where the mistake is.
const WRONG_VALUES: &[(&str, &str, &str)] = &[
    (
        "stall_timeout = 30",
        "kafka.stall_timeout is 30, a number without a unit",
        "write stall_timeout = \"30s\"",
    ),
    (
        "stall_timeout = \"2 minutes\"",
        "kafka.stall_timeout is \"2 minutes\", which is not a duration such as \"30s\"",
        "write stall_timeout = \"2m\"",
    ),
    (
        "stall_timeout = \"5ms\"",
        "kafka.stall_timeout is 5ms, outside of 1s to 1h",
        "write stall_timeout = \"30s\"",
    ),
    (
        "window_bytes = 67108864",
        "kafka.window_bytes is 67108864, a number without a unit",
        "write window_bytes = \"64MiB\"",
    ),
    (
        "window = \"100\"",
        "kafka.window is of type string; expected is a whole number from 1 to 1000000",
        "write window = 100000",
    ),
    (
        "window = 0",
        "kafka.window is 0; expected is a whole number from 1 to 1000000",
        "write window = 100000",
    ),
    (
        "window = -1",
        "kafka.window is -1; expected is a whole number from 1 to 1000000",
        "write window = 100000",
    ),
    (
        "create_topics = \"yes\"",
        "kafka.create_topics is of type string; expected is true or false",
        "write create_topics = false",
    ),
    (
        "options = \"a=b\"",
        "kafka.options is of type string; expected is a table of options",
        "write options = {",
    ),
    (
        "options = { \"client.id\" = [] }",
        "kafka.options entry \"client.id\" is of type array, not a text",
        "write options = {",
    ),
    (
        "[log]\nlevel = \"inof\"",
        "log.level is \"inof\"; expected is one of error, warn, info, debug, trace",
        "write level = \"info\"",
    ),
    (
        "[refused]\npolicy = \"dead-letter\"",
        "refused.policy is \"dead-letter\", which this version does not have",
        "write policy = \"halt\"",
    ),
    (
        "[http]\nlisten = \"localhost:9464\"",
        "http.listen is \"localhost:9464\", which is no IP address with a port",
        "127.0.0.1:9464",
    ),
    (
        "[route]\nheaders = \"id\"",
        "route.headers is of type string; expected is a list of texts",
        "write headers = [\"id\", \"type\"]",
    ),
    ("[route]\ntopic = \"a.{b\"", "route.topic cannot be understood: ", "braces name columns"),
];

#[test]
fn a_value_of_the_wrong_type_or_unit_is_answered_with_the_right_writing() {
    for (line, sentence, hint) in WRONG_VALUES {
        let file = format!("[postgres]\n{URL}\n\n[kafka]\n{BROKERS}\n{line}\n");
        let output = Place::with(&file).run(&["settings"], &[]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let at = 5 + line.lines().count();
        let start = format!("postrider: postrider.toml line {at}: {sentence}");
        assert_eq!(output.status.code(), Some(78), "{line}: {told}");
        assert!(told.starts_with(&start), "{told}is not\n{start}");
        assert!(told.lines().nth(1).is_some_and(|told| told.contains(hint)), "{told}");
        assert_eq!(told.lines().count(), 2, "{told}");
    }
}

#[test]
fn the_environment_is_held_to_the_same_rules() {
    wrong_variable(
        ("POSTRIDER_KAFKA__STALL_TIMEOUT", "30"),
        "POSTRIDER_KAFKA__STALL_TIMEOUT: kafka.stall_timeout is 30, a number without a unit",
        "\"30s\"",
    );
    wrong_variable(
        ("POSTRIDER_POSTGRES__PASSWORD_FILE", ""),
        "POSTRIDER_POSTGRES__PASSWORD_FILE: postgres.password_file is empty",
        "leave it out",
    );
    wrong_variable(
        ("POSTRIDER_KAFKA__OPTIONS", "sasl.password=tiger"),
        "POSTRIDER_KAFKA__OPTIONS: kafka.options is not a table of options, as TOML writes it",
        "{ \"security.protocol\" = \"SASL_SSL\" }",
    );
    wrong_variable(
        ("POSTRIDER_KAFKA__CREATE_TOPICS", "yes"),
        "POSTRIDER_KAFKA__CREATE_TOPICS: kafka.create_topics is \"yes\", neither true nor false",
        "true or false",
    );
}

#[test]
fn a_kafka_option_that_would_break_the_guarantee_is_refused_by_name() {
    wrong_in_kafka(
        "options = { \"compression.type\" = \"zstd\", acks = 1 }",
        "kafka.options.acks is refused: with fewer acknowledgements than all, a broker that fails \
         loses events that the slot has already let go",
        "leave it out of kafka.options",
    );
    wrong_in_kafka(
        "options.enable.idempotence = false",
        "kafka.options.enable.idempotence is refused: without idempotence a retry can overtake an \
         earlier record of the same key",
        "leave it out of kafka.options",
    );
    wrong_in_kafka(
        "options_files = { \"message.timeout.ms\" = \"/timeout\" }",
        "kafka.options_files.message.timeout.ms is refused: librdkafka drops a record that \
         times out, while later ones of its key go on",
        "kafka.options, where it is checked",
    );
    wrong_variable(
        ("POSTRIDER_KAFKA__OPTIONS", "{ \"bootstrap.servers\" = \"a:1\" }"),
        "POSTRIDER_KAFKA__OPTIONS: kafka.options.bootstrap.servers is refused: kafka.brokers says \
         where Kafka is",
        "set kafka.brokers instead",
    );
}

#[test]
fn a_password_in_the_files_url_is_refused_and_not_repeated() {
    for url in ["postgres://shop:tiger@db/shop", "host=db user=shop password=tiger dbname=shop"] {
        let file = format!("[postgres]\nurl = \"{url}\"\n[kafka]\n{BROKERS}\n");
        let output = Place::with(&file).run(&["settings"], &[]);
        refuses(
            &output,
            "postrider.toml line 2: postgres.url holds a password, which would be shown to \
             whoever reads the file",
            "password_file or PGPASSWORD, or write it to ~/.pgpass",
        );
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (line, sentence, hint) in [
        (
            "[refused]\nfirst_wait = \"20m\"",
            "refused.first_wait leaves refused.first_wait longer than refused.longest_wait",
            "at most longest_wait",
        ),
        (
            "[outbox]\ncolumns = { headers = \"payload\" }",
            "outbox.columns.headers is \"payload\", as outbox.columns.payload is",
            "two different columns",
        ),
        (
            "[route]\nheaders = [\"id\", \"key as id\"]",
            "route.headers would give a record the header \"id\" twice",
            "another name",
        ),
        (
            "[route]\nheaders = [\"place as position\"]",
            "route.headers would give a record the header \"position\" twice",
            "another name",
        ),
    ] {
        let sentence = format!("postrider.toml line 7: {sentence}");
        wrong("", line, &sentence, hint);
    }
    wrong_in_kafka(
        "options = { a = \"b\" }\noptions_files = { a = \"/c\" }",
        "kafka.options.a is also given in kafka.options_files",
        "one of the two",
    );
}

#[test]
fn names_and_addresses_are_checked_before_the_start() {
    wrong(
        "slot = \"Post-Rider\"",
        "",
        "postrider.toml line 3: postgres.slot is \"Post-Rider\", which PostgreSQL does not accept \
         as a slot's name",
        "lower-case letters, digits and underscores",
    );
    wrong(
        "publication = \"\"",
        "",
        "postrider.toml line 3: postgres.publication is empty",
        "leave it out",
    );
    for (brokers, problem, hint) in [
        ("localhost", "holds \"localhost\"; expected is host:port", "host:port"),
        ("a:1,,b:2", "holds \"\"; expected is host:port", "host:port"),
        ("a:0", "holds \"a:0\"; expected is host:port", "host:port"),
        ("::1:9092", "holds \"::1:9092\"; expected is host:port", "host:port"),
        ("SSL://u:tiger@a:1", "holds a URL; expected is host:port", "security.protocol"),
    ] {
        wrong_variable(
            ("POSTRIDER_KAFKA__BROKERS", brokers),
            &format!("POSTRIDER_KAFKA__BROKERS: kafka.brokers {problem}"),
            hint,
        );
    }
}
