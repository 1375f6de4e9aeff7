//! What a connection string says about TLS, as libpq reads it.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> TlsSettings {
    let conninfo: ConnInfo = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    conninfo.tls().clone()
}

fn refused(text: &str) -> String {
    text.parse::<ConnInfo>().expect_err(text).to_string()
}

#[test]
fn every_sslmode_is_known_and_prefer_is_the_default() {
    for (text, mode) in [
        ("user=u", SslMode::Prefer),
        ("user=u sslmode=", SslMode::Prefer),
        ("user=u sslmode=disable", SslMode::Disable),
        ("user=u sslmode=allow", SslMode::Allow),
        ("user=u sslmode=prefer", SslMode::Prefer),
        ("user=u sslmode=require", SslMode::Require),
        ("postgres://u@h?sslmode=verify-ca", SslMode::VerifyCa),
        ("postgres://u@h?sslmode=verify-full", SslMode::VerifyFull),
        ("postgres://u@h?ssl=true", SslMode::Require),
        ("user=u sslmode=require sslmode=disable", SslMode::Disable),
        ("user=u sslrootcert=system", SslMode::VerifyFull),
        ("user=u sslrootcert=/ca.pem", SslMode::Prefer),
        ("host=/run user=u sslmode=verify-full", SslMode::VerifyFull),
    ] {
        assert_eq!(parsed(text).mode, mode, "{text}");
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let expected = TlsSettings {
        mode: SslMode::Prefer,
        channel_binding: ChannelBinding::Prefer,
        roots: Roots::Default,
        certificate: None,
        key: None,
        negotiation: Negotiation::Postgres,
        oldest: TlsVersion::V12,
        newest: TlsVersion::V13,
        sends_name: true,
    };
    assert_eq!(parsed("user=u"), expected);
    assert_eq!(parsed("user=u sslcompression=0 sslsni=1 sslnegotiation=postgres"), expected);
}

#[test]
fn files_versions_and_manners_are_kept() {
    let tls = parsed(
        "user=u sslmode=verify-full sslrootcert='/a b/ca.pem' sslcert=c.crt sslkey=/k.key \
         channel_binding=require sslnegotiation=direct ssl_min_protocol_version=TLSv1.3 \
         ssl_max_protocol_version=TLSv1.3 sslsni=0",
    );
    let expected = TlsSettings {
        mode: SslMode::VerifyFull,
        channel_binding: ChannelBinding::Require,
        roots: Roots::File("/a b/ca.pem".into()),
        certificate: Some("c.crt".into()),
        key: Some("/k.key".into()),
        negotiation: Negotiation::Direct,
        oldest: TlsVersion::V13,
        newest: TlsVersion::V13,
        sends_name: false,
    };
    assert_eq!(tls, expected);
    assert_eq!(parsed("postgres://u@h?sslrootcert=%2Fca.pem").roots, Roots::File("/ca.pem".into()));
    assert_eq!(parsed("user=u sslrootcert=system").roots, Roots::System);
}

#[test]
fn what_was_said_is_shown_and_parses_back() {
    let full = "postgres://u@h:5432/u?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.crt\
                &sslkey=/k.key&channel_binding=require&sslnegotiation=direct\
                &ssl_min_protocol_version=TLSv1.3&sslsni=0";
    let system = "postgres://u@h:5432/u?sslmode=verify-full&sslrootcert=system\
                  &channel_binding=disable&ssl_max_protocol_version=TLSv1.2";
    for text in [full, system, "postgres://u@h:5432/u", "postgres://u@h:5432/u?sslmode=disable"] {
        let conninfo: ConnInfo = text.parse().unwrap();
        assert_eq!(conninfo.to_string(), text);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_name() {
    for (text, words) in [
        ("user=u sslmode=of", "sslmode in the connection string must be disable, allow, prefer"),
        ("user=u sslmode=require sslrootcert=system", "verify-full when sslrootcert is system"),
        ("user=u sslmode=verify-ca sslrootcert=system", "verify-full when sslrootcert is system"),
        ("user=u sslnegotiation=direct", "when sslnegotiation is direct"),
        ("user=u sslmode=prefer sslnegotiation=direct", "when sslnegotiation is direct"),
        ("user=u sslnegotiation=fast", "sslnegotiation in the connection string must be postgres"),
        ("user=u channel_binding=maybe", "must be disable, prefer or require"),
        ("user=u sslmode=disable channel_binding=require", "which sslmode=disable turns off"),
        ("host=/run user=u channel_binding=require", "not spoken over a unix socket"),
        ("user=u sslpassword=x", "sslpassword in the connection string is not supported"),
        ("user=u sslcrl=/crl.pem", "sslcrl in the connection string is not supported"),
        ("user=u sslcrldir=/crl", "sslcrldir in the connection string is not supported"),
        ("user=u sslcertmode=require", "sslcertmode in the connection string is not supported"),
        ("user=u sslcompression=1", "sslcompression in the connection string is not supported"),
        ("user=u sslsni=yes", "sslsni in the connection string must be 0 or 1"),
        ("user=u ssl_min_protocol_version=TLSv1", "must be TLSv1.2 or TLSv1.3"),
        ("user=u ssl_max_protocol_version=TLSv1.1", "must be TLSv1.2 or TLSv1.3"),
        (
            "user=u ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
            "no newer than ssl_max_protocol_version",
        ),
        ("user=u sslrotcert=/ca.pem", "did you mean sslrootcert?"),
    ] {
        let error = refused(text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_host_with_an_address_is_no_unix_socket() {
    let text = "host=/run hostaddr=10.0.0.7 user=u channel_binding=require";
    assert_eq!(parsed(text).channel_binding, ChannelBinding::Require);
}

#[test]
fn the_password_of_a_key_is_never_shown() {
    for text in [
        "user=u sslpassword=hunter2",
        "user=u sslpassword=x hunter2=y",
        "postgres://u@h?sslpassword=hunter2",
        "user=u sslmode=hunter2",
        "user=u channel_binding=hunter2",
        "user=u sslsni=hunter2",
        "user=u ssl_min_protocol_version=hunter2",
    ] {
        assert!(!refused(text).contains("hunter2"), "{text}");
        assert!(!format!("{:?}", text.parse::<ConnInfo>()).contains("hunter2"), "{text}");
    }
}

proptest! {
    #[test]
    fn no_error_shows_the_value_of_a_key_about_tls(
        key in proptest::sample::select(vec![
            "sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "sslsni", "sslcrl",
            "sslcrldir", "sslpassword", "sslcertmode", "sslcompression", "channel_binding",
            "ssl_min_protocol_version", "ssl_max_protocol_version",
        ]),
        value in "hunter2[a-z0-9/.]{0,8}",
    ) {
        for text in [format!("user=u {key}={value}"), format!("postgres://u@h?{key}={value}")] {
            if let Err(error) = text.parse::<ConnInfo>() {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains("hunter2"), "{}: {}", text, shown);
            }
        }
    }
}
