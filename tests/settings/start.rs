//! Starting without what is needed: nothing set, no file, a broken file, wrong usage.

use crate::place::{BROKERS, Place, URL, refuses};

#[test]
fn a_missing_required_setting_is_named_with_both_ways_to_set_it() {
    let place = Place::with(&format!("[kafka]\n{BROKERS}\n"));
    refuses(
        &place.run(&["run"], &[]),
        "postgres.url is not set",
        "write url under [postgres] in postrider.toml, or set POSTRIDER_POSTGRES__URL",
    );
    let place = Place::with(&format!("[postgres]\n{URL}\n"));
    refuses(
        &place.run(&["init"], &[]),
        "kafka.brokers is not set",
        "write brokers under [kafka] in postrider.toml, or set POSTRIDER_KAFKA__BROKERS",
    );
}

#[test]
fn a_file_that_cannot_be_read_or_is_not_toml_is_named_with_its_line() {
    let place = Place::new();
    refuses(
        &place.run(&["--config", "elsewhere.toml", "run"], &[]),
        "settings file elsewhere.toml cannot be read: no such file or directory",
        "--config or POSTRIDER_CONFIG",
    );
    refuses(
        &place.run(&["run"], &[("POSTRIDER_CONFIG", "elsewhere.toml")]),
        "settings file elsewhere.toml cannot be read: no such file or directory",
        "--config or POSTRIDER_CONFIG",
    );
    refuses(
        &place.run(&["run", "--config", "."], &[]),
        "settings file . cannot be read: is a directory",
        "--config or POSTRIDER_CONFIG",
    );
    place.write("broken.toml", "[postgres]\nurl = \"postgres://shop@db/shop\n\n[kafka]\n");
    let output = place.run(&["--config", "broken.toml", "run"], &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.starts_with("postrider: broken.toml line 2 is not valid TOML: "), "{told}");
    assert!(told.contains("\nhint: correct line 2; "), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
    place.write("twice.toml", "[kafka]\nwindow = 1\nwindow = 2\n");
    let output = place.run(&["--config", "twice.toml", "run"], &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("postrider: twice.toml line 3 is not valid TOML: "), "{told}");
}

#[test]
fn a_first_start_without_any_settings_says_how_to_begin() {
    refuses(
        &Place::new().run(&["run"], &[]),
        "there is no postrider.toml here and no POSTRIDER_ variable is set",
        "`postrider settings --example > postrider.toml`",
    );
}

#[test]
fn wrong_usage_exits_2_and_names_the_nearest_command() {
    let output = Place::new().run(&["setings"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("'settings'"));
    for args in [&["run", "--prnt"] as &[&str], &["settings", "--example", "--json"], &[]] {
        assert_eq!(Place::new().run(args, &[]).status.code(), Some(2), "{args:?}");
    }
    let version = Place::new().out(&["--version"], &[]);
    assert_eq!(version, format!("postrider {}\n", env!("CARGO_PKG_VERSION")));
}
