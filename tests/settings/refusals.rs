//! The table of refusals that need no server: what is wrong → exit code, sentence, hint. What a server
//! has to say to it is in tests/integration/refusals.rs.

use std::os::unix::fs::symlink;

use crate::place::{BROKERS, Place, URL};

/// `$` is a command line, `NAME=` a variable of the environment, `[section]` a line of the settings
/// file. Sentence and hint hold these words.
const TABLE: &str = r#"
what is wrong               | how                                                  | code | sentence                                              | hint
a slip in a command         | $ rum                                                | 2    | there is no command "rum"                             | did you mean run?
capitals in a command       | $ Init                                               | 2    | there is no command "Init"                            | did you mean init?
no such command             | $ weather                                            | 2    | there is no command "weather"                         | `postrider --help`
a slip in a global option   | $ run --confg x                                      | 2    | there is no option --confg                            | did you mean --config?
a slip before the command   | $ --cofnig x run                                     | 2    | there is no option --cofnig                           | did you mean --config?
a slip in a flag of init    | $ init --prnt                                        | 2    | there is no option --prnt                             | did you mean --print?
a slip in a flag of run     | $ run --exit-on-falt                                 | 2    | there is no option --exit-on-falt                     | did you mean --exit-on-fault?
another command's flag      | $ init --exit-on-fault                               | 2    | there is no option --exit-on-fault                    | `postrider --help`
a letter that is no option  | $ run -x                                             | 2    | there is no option -x                                 | `postrider --help`
an argument too many        | $ run now                                            | 2    | "now" is one argument too many                        | `postrider --help`
an option without its value | $ run --config                                       | 2    | --config <FILE> needs a value                         | `postrider --help`
a value for a flag          | $ settings --json=yes                                | 2    | --json takes no value                                 | `postrider --help`
a flag twice                | $ init --print --print                               | 2    | --print is given more than once                       | `postrider --help`
an option twice             | $ --config a --config b run                          | 2    | --config is given more than once                      | `postrider --help`
flags that exclude          | $ settings --example --json                          | 2    | --example and --json cannot be given together         | `postrider --help`
a file that is not there    | $ --config nowhere.toml run                          | 78   | nowhere.toml cannot be read: no such file             | --config or POSTRIDER_CONFIG
a folder                    | $ --config folder run                                | 78   | folder cannot be read: is a directory                 | --config or POSTRIDER_CONFIG
a link that leads nowhere   | $ --config loop.toml run                             | 78   | loop.toml cannot be read: too many levels             | --config or POSTRIDER_CONFIG
a file in Latin 1           | $ --config latin1.toml run                           | 78   | latin1.toml cannot be read: it is no text in UTF-8    | --config or POSTRIDER_CONFIG
an empty file               | $ --config empty.toml run                            | 78   | postgres.url is not set                               | POSTRIDER_POSTGRES__URL
a program as settings       | $ --config program.toml run                          | 78   | program.toml line 1 is not valid TOML                 | settings --example
JSON as settings            | $ --config json.toml run                             | 78   | json.toml line 1 is not valid TOML                    | settings --example
YAML as settings            | $ --config yaml.toml run                             | 78   | yaml.toml line 1 is not valid TOML                    | settings --example
a value for a section       | $ --config section.toml run                          | 78   | line 1: postgres is of type integer                   | begin the section with [postgres]
a section of a list         | $ --config list.toml run                             | 78   | line 1: kafka is of type array                        | begin the section with [kafka]
a variable with a slip      | POSTRIDER_KAFKA__WINDW=1                             | 78   | unknown environment variable POSTRIDER_KAFKA__WINDW   | did you mean POSTRIDER_KAFKA__WINDOW?
a variable of a section     | POSTRIDER_LOG=json                                   | 78   | unknown environment variable POSTRIDER_LOG            | settings --example
words for a number          | POSTRIDER_KAFKA__WINDOW=many                         | 78   | kafka.window is many; expected is a whole number      | write window = 100000
an empty variable           | POSTRIDER_POSTGRES__URL=                             | 78   | POSTRIDER_POSTGRES__URL: postgres.url is empty        | give it a value
one text for a list         | POSTRIDER_ROUTE__HEADERS=id                          | 78   | POSTRIDER_ROUTE__HEADERS: route.headers is not a list | ["id", "type"]
a file that it names        | POSTRIDER_CONFIG=nowhere.toml                        | 78   | nowhere.toml cannot be read: no such file             | --config or POSTRIDER_CONFIG
a unit of length            | [kafka] stall_timeout = "3 parsecs"                  | 78   | "3 parsecs", which is not a duration                  | write stall_timeout = "30s"
a negative time             | [kafka] stall_timeout = "-1s"                        | 78   | "-1s", which is not a duration                        | write stall_timeout = "30s"
a number in quotes          | [kafka] stall_timeout = "30"                         | 78   | stall_timeout is 30, a number without a unit          | write stall_timeout = "30s"
a fraction of a unit        | [kafka] stall_timeout = "1.5s"                       | 78   | "1.5s", which is not a duration                       | write stall_timeout = "1500ms"
two units                   | [kafka] stall_timeout = "1h30m"                      | 78   | "1h30m", which is not a duration                      | write stall_timeout = "30s"
more time than there is     | [kafka] stall_timeout = "999999999999999999d"        | 78   | kafka.stall_timeout is too large a duration           | write stall_timeout = "30s"
a truth for a time          | [kafka] stall_timeout = true                         | 78   | of type boolean; expected is a duration with its unit | write stall_timeout = "30s"
a unit in small letters     | [kafka] window_bytes = "1gb"                         | 78   | "1gb", which is not a size                            | write window_bytes = "1GB"
an unknown unit             | [kafka] window_bytes = "1TiB"                        | 78   | "1TiB", which is not a size                           | write window_bytes = "64MiB"
too small a size            | [kafka] window_bytes = "10B"                         | 78   | kafka.window_bytes is 10B, outside of 1KiB to 64GiB   | write window_bytes = "64MiB"
a fraction of an event      | [kafka] window = 1.5                                 | 78   | of type float; expected is a whole number             | write window = 100000
more events than fit        | [kafka] window = 99999999999999999999                | 78   | expected is a whole number from 1 to 1000000          | write window = 100000
no partition                | [kafka] topic_partitions = 0                         | 78   | expected is a whole number from 1 to 100000           | write topic_partitions = 12
a key twice                 | [kafka] brokers = "a:1"\nbrokers = "b:1"             | 78   | line 7 is not valid TOML: duplicate key               | correct line 7
a slot with a hyphen        | [postgres] slot = "post-rider"                       | 78   | which PostgreSQL does not accept as a slot's name     | lower-case letters, digits and underscores
a number for a slot         | [postgres] slot = 7                                  | 78   | postgres.slot is of type integer; expected is a text  | write slot = "postrider"
a slot of 64 characters     | [postgres] slot = "LONG"                             | 78   | which PostgreSQL does not accept as a slot's name     | use 1 to 63
a publication of 64         | [postgres] publication = "LONG"                      | 78   | publication is longer than PostgreSQL's names can be  | at most 63 bytes
a table with three parts    | [outbox] table = "a.b.c"                             | 78   | it has more than a schema and a name                  | write it as in SQL
a table that needs quotes   | [outbox] table = "out-box"                           | 78   | '-' needs double quotes around the name               | write it as in SQL
a slip in a column's role   | [outbox] columns = { paylod = "body" }               | 78   | unknown setting outbox.columns.paylod                 | did you mean outbox.columns.payload?
a column without a name     | [outbox] columns = { id = "" }                       | 78   | outbox.columns.id is empty                            | leave it out
a topic with a slash        | [route] topic = "orders/{type}"                      | 78   | route.topic has '/', which no topic can have          | letters, digits, dots
braces with nothing inside  | [route] topic = "{}"                                 | 78   | has braces without a column name in them              | braces name columns
a brace that closes nothing | [route] key = "}"                                    | 78   | has a closing brace that was not opened               | braces name columns
a header without a column   | [route] headers = [""]                               | 78   | route.headers holds "", which names no column         | "column as name"
a number as a header        | [route] headers = [1]                                | 78   | route.headers is of type integer                      | write headers = ["id", "type"]
a web address               | [postgres] url = "http://shop@db/shop"               | 78   | a URL starts with postgres:// or postgresql://        | postgres://user@host:5432/database
a slip in a URL's parameter | [postgres] url = "postgres://u@db/d?sslmod=prefer"   | 78   | unknown key "sslmod"; did you mean sslmode?           | postgres://user@host:5432/database
a port with letters         | [postgres] url = "postgres://u@db:abc/d"             | 78   | must be a number from 1 to 65535                      | postgres://user@host:5432/database
a port that cannot be       | [postgres] url = "postgres://u@db:70000/d"           | 78   | must be a number from 1 to 65535                      | postgres://user@host:5432/database
several hosts               | [postgres] url = "postgres://u@a,b/d"                | 78   | names several hosts; this version connects to one     | postgres://user@host:5432/database
no user                     | [postgres] url = "postgres://db/d"                   | 78   | names no user; write postgres://USER@HOST/DATABASE    | postgres://user@host:5432/database
a broken escape             | [postgres] url = "postgres://u@db/%zz"               | 78   | a % is not followed by two hexadecimal digits         | postgres://user@host:5432/database
a word without =            | [postgres] url = "host=db user"                      | 78   | a word has no =                                       | key=value pairs
a quote that stays open     | [postgres] url = "host='db"                          | 78   | a single quote is not closed                          | key=value pairs
a wait without end          | [postgres] url = "host=db user=u connect_timeout=no" | 78   | connect_timeout in the connection string must be      | key=value pairs
a slip in a log format      | [log] format = "jsn"                                 | 78   | log.format is "jsn"; expected is one of text, json    | write format = "json"
a port beyond the last      | [http] listen = "0.0.0.0:99999"                      | 78   | which is no IP address with a port                    | 127.0.0.1:9464
a transaction's name        | [kafka] options = { "transactional.id" = "x" }       | 78   | kafka.options.transactional.id is refused             | leave it out
another partitioner         | [kafka] options = { partitioner = "random" }         | 78   | kafka.options.partitioner is refused                  | outbox.columns.partition
an end to retries           | [kafka] options = { retries = "3" }                  | 78   | kafka.options.retries is refused                      | leave it out
many requests in flight     | [kafka] options = { "max.in.flight" = "10" }         | 78   | kafka.options.max.in.flight is refused                | a number from 1 to 5
a pretended Kafka           | [kafka] options = { "test.mock.num.brokers" = "3" }  | 78   | kafka.options.test.mock.num.brokers is refused        | set kafka.brokers
a file without a name       | [kafka] options_files = { "sasl.password" = "" }     | 78   | kafka.options_files.sasl.password is empty            | name the file that holds it
a number for a file         | [kafka] options_files = { "sasl.password" = 1 }      | 78   | entry "sasl.password" is of type integer, not a text  | /run/secrets/kafka
an address of others        | [http] listen = "192.0.2.1:80"                       | 78   | 192.0.2.1:80 is not an address of this machine        | 0.0.0.0:9464
a password file missing     | [postgres] password_file = "/nowhere"                | 78   | the password file /nowhere cannot be used             | this process may read
"#;

struct Row {
    wrong: String,
    how: String,
    code: i32,
    sentence: String,
    hint: String,
}

fn rows() -> Vec<Row> {
    let lines = TABLE.lines().filter(|line| !line.is_empty()).skip(1);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let &[wrong, how, code, sentence, hint] = cells.as_slice() else {
            panic!("not five cells: {line}")
        };
        let [wrong, how, sentence, hint] = [wrong, how, sentence, hint].map(str::to_owned);
        Row { wrong, how, code: code.parse().expect("an exit code"), sentence, hint }
    };
    lines.map(row).collect()
}

/// A settings file that is right but for one line.
fn settings_with(section: &str, line: &str) -> String {
    let line = line.replace("\\n", "\n").replace("LONG", &"x".repeat(64));
    let mut text = String::new();
    for (name, needed) in [("postgres", URL), ("kafka", BROKERS)] {
        let key = needed.split(' ').next().unwrap_or_default();
        let replaced = name == section && line.starts_with(&format!("{key} "));
        text += &format!("[{name}]\n{}\n", if replaced { "" } else { needed });
        text += if name == section { &line } else { "" };
        text.push('\n');
    }
    if !["postgres", "kafka"].contains(&section) {
        text += &format!("[{section}]\n{line}\n");
    }
    text
}

/// A place with files of every wrong kind.
fn place() -> Place {
    let place = Place::with(&settings_with("kafka", ""));
    for (name, text) in [
        ("empty.toml", &b""[..]),
        ("latin1.toml", b"# K\xe4se\n"),
        ("program.toml", b"\x7fELF\x02\x01\x01\0"),
        ("json.toml", br#"{"postgres": {"url": "postgres://shop@db/shop"}}"#),
        ("yaml.toml", b"postgres:\n  url: postgres://shop@db/shop\n"),
        ("section.toml", b"postgres = 1\n"),
        ("list.toml", b"[[kafka]]\nbrokers = 'a:1'\n"),
    ] {
        place.write(name, text);
    }
    std::fs::create_dir(place.path().join("folder")).expect("a folder");
    symlink("loop.toml", place.path().join("loop.toml")).expect("a link");
    place
}

fn told(place: &Place, how: &str) -> std::process::Output {
    if let Some(arguments) = how.strip_prefix("$ ") {
        return place.run(&arguments.split(' ').collect::<Vec<_>>(), &[]);
    }
    if let Some((section, line)) = how.strip_prefix('[').and_then(|how| how.split_once("] ")) {
        place.write("postrider.toml", settings_with(section, line));
        return place.run(&["run", "--exit-on-fault"], &[]);
    }
    let (name, value) = how.split_once('=').expect("a variable");
    place.run(&["run"], &[(name, value)])
}

#[test]
fn every_refusal_is_one_sentence_and_a_hint() {
    let rows = rows();
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let output = told(&place(), &row.how);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<&str> = err.lines().collect();
        let is_right = output.status.code() == Some(row.code)
            && output.stdout.is_empty()
            && lines.len() == 2
            && lines[0].starts_with("postrider: ")
            && lines[0].contains(&row.sentence)
            && lines[1].starts_with("hint: ")
            && lines[1].contains(&row.hint);
        if !is_right {
            wrong.push(format!("{}: {} → {:?}\n{err}", row.wrong, row.how, output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
