//! What `postrider settings` shows: values, origins, no secrets, and files that read back.

use postrider::config::{Settings, Sources};

use crate::place::{BROKERS, Place, URL};

#[test]
fn the_environment_alone_is_enough() {
    let text = Place::new().out(
        &["settings"],
        &[
            ("POSTRIDER_POSTGRES__URL", "host=/run/postgresql user=shop dbname=shop"),
            ("POSTRIDER_KAFKA__BROKERS", "a:1, [::1]:2"),
            ("POSTRIDER_OUTBOX__COLUMNS__KEY", "customer"),
            ("POSTRIDER_ROUTE__HEADERS", "[\"id\", \"kind as type\"]"),
            ("POSTRIDER_SERVICE_HOST", "10.0.0.1"),
            ("UNRELATED", "x"),
        ],
    );
    has_line(&text, "key = \"customer\"", "environment POSTRIDER_OUTBOX__COLUMNS__KEY");
    has_line(&text, "key = \"{customer}\"", "default");
    has_line(&text, "headers = [\"id\", \"kind as type\"]", "environment POSTRIDER_ROUTE__HEADERS");
}

#[test]
fn the_environment_beats_the_file_and_adds_to_its_options() {
    let file = format!(
        "[postgres]\n{URL}\nslot = \"from_file\"\n[kafka]\n{BROKERS}\nwindow = 7\n\
         options = {{ \"compression.type\" = \"zstd\", \"linger.ms\" = 5 }}\n"
    );
    let variables = [
        ("POSTRIDER_POSTGRES__SLOT", "from_environment"),
        ("POSTRIDER_KAFKA__OPTIONS", "{ \"linger.ms\" = \"9\", \"client.id\" = \"shop\" }"),
    ];
    let text = Place::with(&file).out(&["settings"], &variables);
    has_line(&text, "slot = \"from_environment\"", "environment POSTRIDER_POSTGRES__SLOT");
    has_line(&text, "window = 7", "postrider.toml:6");
    has_line(&text, "options.\"compression.type\" = \"zstd\"", "postrider.toml:7");
    has_line(&text, "options.\"linger.ms\" = \"9\"", "environment POSTRIDER_KAFKA__OPTIONS");
    has_line(&text, "options.\"client.id\" = \"shop\"", "environment POSTRIDER_KAFKA__OPTIONS");
    has_line(&text, "publication = \"postrider\"", "default");
}

#[test]
fn defaults_follow_the_columns_they_are_about() {
    let file = format!(
        "[postgres]\n{URL}\n[kafka]\n{BROKERS}\n[outbox.columns]\nid = 'say \"id\"'\n\
         topic = \"stream\"\ntype = \"kind\"\n"
    );
    let text = Place::with(&file).out(&["settings"], &[]);
    has_line(&text, "topic = \"outbox.event.{stream}\"", "default");
    has_line(&text, r#"headers = ["say \"id\" as id", "kind as type"]"#, "default");
}

#[test]
fn planted_secrets_are_hidden_in_every_format() {
    let file = format!(
        "[postgres]\n[kafka]\n{BROKERS}\n\
         options = {{ \"sasl.password\" = \"tiger-1\", \"ssl.key.pem\" = \"tiger-2\" }}\n\
         options_files = {{ \"ssl.key.password\" = \"/run/secrets/key\" }}\n"
    );
    let place = Place::with(&file);
    let variables = [
        ("POSTRIDER_POSTGRES__URL", "postgres://shop:tiger-3@db/shop"),
        ("POSTRIDER_KAFKA__OPTIONS", "{ \"sasl.oauthbearer.client.secret\" = \"tiger-4\" }"),
        ("PGPASSWORD", "tiger-5"),
    ];
    for format in [&["settings"] as &[&str], &["settings", "--json"]] {
        let text = place.out(format, &variables);
        assert!(!text.contains("tiger"), "{text}");
        assert_eq!(text.matches("\"(hidden)\"").count(), 3, "{text}");
        assert!(text.contains("/run/secrets/key"), "{text}");
        assert!(text.contains("shop@db"), "{text}");
    }
}

#[test]
fn the_parsed_settings_do_not_print_secrets_either() {
    let sources = Sources {
        file: None,
        variables: [
            ("POSTRIDER_POSTGRES__URL", "postgres://shop:tiger-1@db/shop"),
            ("POSTRIDER_KAFKA__BROKERS", "a:1"),
            ("POSTRIDER_KAFKA__OPTIONS", "{ \"sasl.password\" = \"tiger-2\" }"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
    };
    let config = Settings::read(&sources).and_then(|s| s.config()).expect("right settings");
    assert_eq!(config.kafka.options["sasl.password"].expose(), "tiger-2");
    let printed = format!("{config:?}");
    assert!(printed.contains("sasl.password") && !printed.contains("tiger"), "{printed}");
}

#[test]
fn json_names_each_setting_its_value_and_its_origin() {
    let place = Place::with(&format!("[postgres]\n{URL}\n[kafka]\nwindow = 7\n"));
    let text = place.out(&["settings", "--json"], &[("POSTRIDER_KAFKA__BROKERS", "a:1")]);
    let rows: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let row = |key: &str| {
        let rows = rows.as_array().expect("an array");
        rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}: {text}")).clone()
    };
    let expected = serde_json::json!(
        { "key": "kafka.window", "value": 7, "from": "file", "file": "postrider.toml", "line": 4 }
    );
    assert_eq!(row("kafka.window"), expected);
    assert_eq!(row("kafka.brokers")["variable"], "POSTRIDER_KAFKA__BROKERS");
    assert_eq!(row("postgres.password_file")["value"], serde_json::Value::Null);
    assert_eq!(row("kafka.stall_timeout")["value"], "30s");
    assert_eq!(row("route.headers")["value"], serde_json::json!(["id", "type"]));
}

#[test]
fn the_example_is_a_settings_file_and_says_the_defaults() {
    let place = Place::new();
    let example = place.out(&["settings", "--example"], &[]);
    place.write("postrider.toml", &example);
    let as_printed = place.out(&["settings"], &[]);
    // A "#" with a name right behind it is a setting; with a space behind it, an explanation.
    // Settings that are off show an example value, so they stay as they are.
    let mut off = false;
    let mut all = String::new();
    for line in example.lines() {
        let commented = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        all += commented.filter(|_| !off).unwrap_or(line);
        all.push('\n');
        off = line.starts_with("# Not set");
    }
    assert_ne!(example, all);
    place.write("postrider.toml", &all);
    let with_defaults_spelt_out = place.out(&["settings"], &[]);
    assert_eq!(values(&as_printed), values(&with_defaults_spelt_out));
    // And with the examples of what is off too, every line of it is accepted.
    place.write("postrider.toml", all.replace("\n#", "\n").replace("\n ", "\n# "));
    let everything = place.out(&["settings"], &[]);
    assert!(!everything.contains("is not set"), "{everything}");
}

#[test]
fn what_settings_prints_is_a_settings_file_itself() {
    let place = Place::with(&format!(
        "[postgres]\n{URL}\n[kafka]\n{BROKERS}\noptions = {{ \"client.id\" = \"a\\\"b\" }}\n"
    ));
    let printed = place.out(&["settings"], &[]);
    place.write("again.toml", &printed);
    let again = place.out(&["settings", "--config", "again.toml"], &[]);
    assert_eq!(values(&printed), values(&again));
}

#[track_caller]
fn has_line(text: &str, setting: &str, origin: &str) {
    let found = text.lines().any(|line| {
        line.split_once("  # ").is_some_and(|(s, o)| s.trim_end() == setting && o == origin)
            || line == format!("{setting}  # {origin}")
    });
    assert!(found, "no line {setting:?} from {origin:?} in\n{text}");
}

/// The settings without where they came from.
fn values(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split("  # ").next().unwrap_or(line).trim_end()).collect()
}

/// `UPDATE_README=1 cargo test --test settings readme` writes the table instead.
#[test]
fn the_readme_lists_every_setting_as_it_is_declared() {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    const MARKS: [&str; 2] = ["<!-- settings: begin -->\n", "<!-- settings: end -->"];
    let readme = std::fs::read_to_string(PATH).expect("README.md is there");
    let (before, rest) = readme.split_once(MARKS[0]).expect("README has the beginning mark");
    let (table, after) = rest.split_once(MARKS[1]).expect("README has the end mark");
    let declared = format!("\n{}\n", postrider::config::readme_table());
    if std::env::var_os("UPDATE_README").is_some() {
        let whole = [before, MARKS[0], &declared, MARKS[1], after].concat();
        std::fs::write(PATH, whole).expect("README.md can be written");
    } else {
        assert!(table == declared, "README's settings are out of date: run with UPDATE_README=1");
    }
}
