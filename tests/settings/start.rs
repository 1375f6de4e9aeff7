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
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean settings?"));
    for args in [&["run", "--prnt"] as &[&str], &["settings", "--example", "--json"], &[]] {
        assert_eq!(Place::new().run(args, &[]).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_version_names_the_commit_it_was_built_from() {
    let told = Place::new().out(&["--version"], &[]);
    let version = told.trim_end().strip_prefix("postrider ").expect("the program's name");
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{told}");
    if std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists() {
        let commit = version.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
        let commit = commit.unwrap_or_else(|| panic!("no commit: {told}"));
        assert!(commit.len() >= 10 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{told}");
    }
}

#[test]
fn completions_and_man_pages_know_every_command() {
    let place = Place::new();
    let help = place.out(&["--help"], &[]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 4, "{help}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.out(&["completions", shell], &[]);
        for command in &commands {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
    place.out(&["man", "pages"], &[]);
    let whole = place.out(&["man"], &[]);
    for command in &commands {
        let page = place.read(&format!("pages/postrider-{command}.1"));
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{page}");
        assert!(whole.contains(&format!("postrider\\-{command}(1)")), "{command}: {whole}");
    }
    refuses(
        &place.run(&["man", "/dev/null/pages"], &[]),
        "the man page in /dev/null/pages cannot be written: Not a directory (os error 20)",
        "a folder that we may write to",
    );
}
