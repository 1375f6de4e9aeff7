//! Options of TLS and SASL that cannot work: `run` refuses them before it connects anywhere.

use crate::place::{BROKERS, Place, URL, refuses};

/// `[kafka]` with these lines under it.
#[track_caller]
fn wrong(lines: &str, sentence: &str, hint: &str) {
    let file = format!("[postgres]\n{URL}\n[kafka]\n{BROKERS}\n{lines}\n");
    let place = Place::with(&file);
    place.write("empty", "\n");
    refuses(&place.run(&["run"], &[]), sentence, hint);
}

#[test]
fn an_option_that_librdkafka_does_not_know_is_answered_with_the_nearest() {
    wrong(
        "options = { 'sasl.pasword' = 'tiger' }",
        "librdkafka knows no option \"sasl.pasword\", which [kafka] options or options_files has",
        "did you mean sasl.password?",
    );
    wrong(
        "options = { 'weather.tomorrow' = 'rain' }",
        "librdkafka knows no option \"weather.tomorrow\", which [kafka] options or options_files has",
        "CONFIGURATION.md",
    );
}

#[test]
fn a_protocol_or_mechanism_that_is_none_is_answered_with_the_nearest() {
    wrong(
        "options = { 'security.protocol' = 'SASL-SSL' }",
        "[kafka] options: security.protocol is \"SASL-SSL\"; expected is one of PLAINTEXT, SSL, \
         SASL_PLAINTEXT, SASL_SSL",
        "did you mean security.protocol = \"SASL_SSL\"?",
    );
}

#[test]
#[cfg(not(feature = "gssapi"))]
fn kerberos_without_its_feature_is_refused_also_when_it_is_only_the_default() {
    wrong(
        "options = { 'security.protocol' = 'SASL_SSL' }",
        "[kafka] options: sasl.mechanisms is not set; librdkafka would take GSSAPI (Kerberos), \
         which this build of Postrider cannot speak",
        "--features gssapi",
    );
    wrong(
        "options = { 'security.protocol' = 'SASL_SSL', 'sasl.mechanisms' = 'GSSAPI' }",
        "[kafka] options: sasl.mechanisms is GSSAPI (Kerberos), which this build of Postrider \
         cannot speak",
        "--features gssapi",
    );
}

#[test]
fn a_login_that_is_not_whole_is_refused() {
    wrong(
        "options = { 'security.protocol' = 'SASL_SSL', 'sasl.mechanisms' = 'PLAIN', \
         'sasl.username' = 'shop' }",
        "[kafka] options: sasl.password is not set, and the SASL mechanism needs it",
        "options_files",
    );
}

#[test]
fn tls_that_would_not_be_used_is_refused() {
    wrong(
        "options = { 'ssl.ca.location' = '/etc/kafka/ca.pem' }",
        "[kafka] options: ssl.ca.location is set, but security.protocol is PLAINTEXT, which \
         ignores it",
        "security.protocol = \"SSL or SASL_SSL\"",
    );
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_reason() {
    for (path, problem) in [
        ("/nowhere/password", "cannot be read: No such file or directory (os error 2)"),
        (".", "is a directory"),
        ("empty", "is empty"),
    ] {
        let of = |option: &str| {
            format!("the file {path} of \"{option}\" in [kafka] options or options_files {problem}")
        };
        let sentence = of("sasl.password");
        wrong(&format!("options_files = {{ 'sasl.password' = '{path}' }}"), &sentence, "the path");
        let line = "options = { 'security.protocol' = 'SSL', 'ssl.key.location' = '@' }";
        wrong(&line.replace('@', path), &of("ssl.key.location"), "the path");
    }
}

#[test]
fn a_value_that_librdkafka_does_not_accept_is_refused_without_repeating_it() {
    wrong(
        "options = { 'linger.ms' = 'tiger' }",
        "librdkafka does not accept the option \"linger.ms\" in [kafka] options: Invalid value for \
         configuration property \"queue.buffering.max.ms\"",
        "CONFIGURATION.md",
    );
}
