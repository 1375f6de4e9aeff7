//! Tests of TLS and SASL as they are set: what is refused, with which words, and what is warned of.

use super::*;

fn options(pairs: &[(&str, &str)]) -> Given {
    pairs.iter().map(|(name, value)| ((*name).into(), OptionValue::new((*value).into()))).collect()
}

#[track_caller]
fn refused(pairs: &[(&str, &str)], sentence: &str, hint: &str) {
    let fault = verify(&options(pairs)).expect_err(sentence).fault();
    assert_eq!(fault.kind, FaultKind::Settings);
    assert!(fault.sentence.contains(sentence), "{sentence:?} is not in {fault}");
    assert!(fault.hint.contains(hint), "{hint:?} is not in {}", fault.hint);
    assert!(!fault.sentence.contains("tiger"), "{fault}");
}

#[test]
fn right_settings_pass() {
    let login = [("sasl.username", "shop"), ("sasl.password", "tiger")];
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for name in ["sasl.mechanisms", "sasl.mechanism"] {
            let way = [("security.protocol", "sasl_ssl"), (name, mechanism)];
            verify(&options(&[way, login].concat())).expect(mechanism);
        }
    }
    verify(&options(&[("security.protocol", "SSL"), ("ssl.ca.location", "/etc")])).expect("TLS");
    verify(&options(&[])).expect("plain");
}

#[test]
fn a_misspelt_protocol_or_mechanism_is_answered_with_the_nearest() {
    refused(
        &[("security.protocol", "SSL_SASL")],
        "security.protocol is \"SSL_SASL\"; expected is one of PLAINTEXT, SSL, SASL_PLAINTEXT",
        "did you mean security.protocol = ",
    );
    refused(
        &[("security.protocol", "SASL-SSL")],
        "security.protocol is \"SASL-SSL\"",
        "did you mean security.protocol = \"SASL_SSL\"?",
    );
    refused(
        &[("security.protocol", "SASL_SSL"), ("sasl.mechanisms", "SCRAM-SHA512")],
        "sasl.mechanisms is \"SCRAM-SHA512\"",
        "did you mean sasl.mechanisms = \"SCRAM-SHA-512\"?",
    );
}

#[test]
#[cfg(not(feature = "gssapi"))]
fn kerberos_is_refused_by_the_name_of_the_option_and_of_the_feature() {
    for set in [
        &[("security.protocol", "SASL_SSL")] as &[_],
        &[("security.protocol", "SASL_SSL"), ("sasl.mechanisms", "GSSAPI")],
    ] {
        refused(set, "sasl.mechanisms is ", "--features gssapi");
    }
}

#[test]
fn a_login_without_name_or_password_is_refused() {
    let way = [("security.protocol", "SASL_SSL"), ("sasl.mechanisms", "PLAIN")];
    refused(&way, "sasl.username is not set", "options_files");
    let half = [way[0], way[1], ("sasl.username", "shop")];
    refused(&half, "sasl.password is not set", "options_files");
    let way = [("security.protocol", "SASL_SSL"), ("sasl.mechanisms", "OAUTHBEARER")];
    refused(&way, "cannot fetch tokens", "SCRAM-SHA-512");
}

#[test]
fn what_the_protocol_would_ignore_is_refused_because_somebody_relies_on_it() {
    refused(
        &[("ssl.ca.location", "/etc/ssl/ca.pem")],
        "ssl.ca.location is set, but security.protocol is PLAINTEXT, which ignores it",
        "security.protocol = \"SSL or SASL_SSL\"",
    );
    refused(
        &[("security.protocol", "SSL"), ("sasl.password", "tiger")],
        "sasl.password is set, but security.protocol is SSL, which ignores it",
        "security.protocol = \"SASL_SSL\"",
    );
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_reason() {
    let empty = std::env::temp_dir().join(format!("security-{}", std::process::id()));
    fs::write(&empty, "\n").unwrap();
    let empty = empty.display().to_string();
    for (path, problem) in [
        ("/nowhere/key", "cannot be read: No such file"),
        ("/tmp", "is a directory"),
        (&empty, "is empty"),
    ] {
        let tls = [("security.protocol", "SSL"), ("ssl.key.location", path)];
        refused(&tls, &format!("the file {path} of \"ssl.key.location\""), "correct the path");
        refused(&tls, problem, "correct the path");
        let mut config = Config::default();
        config.options_files.insert("sasl.password".into(), path.into());
        let fault = given(&config).expect_err(path).fault();
        assert!(fault.sentence.contains(problem), "{fault}");
    }
    fs::remove_file(&empty).unwrap();
}

#[test]
fn what_weakens_tls_is_warned_of_by_name() {
    let warned = |name: &str, value: &str| {
        let options = options(&[(name, value)]);
        let found = warnings(&Config { options, ..Config::default() });
        found.into_iter().map(|fault| fault.sentence).collect::<String>()
    };
    for (name, value) in [
        ("enable.ssl.certificate.verification", "false"),
        ("ssl.endpoint.identification.algorithm", "none"),
        ("security.protocol", "SASL_PLAINTEXT"),
    ] {
        assert!(warned(name, value).starts_with(name), "{name}");
    }
    assert_eq!(warned("ssl.endpoint.identification.algorithm", "https"), "");
    assert_eq!(warned("security.protocol", "SASL_SSL"), "");
}
