//! Settings: what is wrong in the file or the environment is said in one sentence, with 78.

use std::net::TcpListener;

use crate::harness::{Stage, said, toml_text};

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_name() {
    let stage = Stage::new();
    stage.set("kafka.stal_timeout", "'3s'");
    stage.says(&["run"]).refuses(78, &["stal_timeout", "line"]);
    assert!(stage.says(&["run"]).err.contains("stall_timeout"), "no nearest name");
}

#[test]
fn a_wrong_unit_is_refused_by_the_name_of_its_setting() {
    let stage = Stage::new();
    stage.set("kafka.stall_timeout", "'3 parsecs'");
    stage.says(&["run"]).refuses(78, &["stall_timeout"]);
}

#[test]
fn an_option_that_breaks_the_guarantee_is_refused_by_name() {
    let stage = Stage::new();
    stage.set("kafka.options", "{ acks = '1' }");
    stage.says(&["run"]).refuses(78, &["acks"]);
}

#[test]
fn a_missing_settings_file_is_named() {
    let stage = Stage::new();
    let mut command = stage.command(&["run"]);
    command.env("POSTRIDER_CONFIG", "/nowhere/postrider.toml");
    let mut bare = std::process::Command::new(command.get_program());
    bare.args(["--config", "/nowhere/postrider.toml", "run"]);
    said(bare).refuses(78, &["/nowhere/postrider.toml"]);
}

#[test]
fn an_unknown_option_of_librdkafka_is_refused_by_name() {
    let stage = Stage::new().with_orders();
    stage.set("kafka.options", "{ 'no.such.option' = '1' }");
    stage.run_and_leave().refuses(78, &["no.such.option"]);
}

#[test]
fn an_http_port_that_is_taken_is_named() {
    let stage = Stage::new().with_orders();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    stage.set("http.listen", &toml_text(&address));
    stage.says(&["run"]).refuses(78, &[&address]);
}

#[test]
fn the_environment_beats_the_file() {
    let stage = Stage::new();
    let mut command = stage.command(&["run"]);
    command.env("POSTRIDER_KAFKA__WINDOW", "many");
    said(command).refuses(78, &["POSTRIDER_KAFKA__WINDOW"]);
}

#[test]
fn a_wrong_command_is_a_usage_error() {
    let stage = Stage::new();
    assert_eq!(stage.says(&["rum"]).code, 2);
    assert_eq!(stage.says(&["run", "--no-such-flag"]).code, 2);
}
