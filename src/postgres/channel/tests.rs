//! Which ways are tried, and how TLS begins at once.

use super::*;

fn tried(text: &str) -> &'static [Attempt] {
    attempts(&text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[test]
fn each_mode_has_its_ways() {
    use Attempt::{Plain, Tls, TlsIfOffered};
    for (text, ways) in [
        ("sslmode=disable", &[Plain][..]),
        ("sslmode=allow", &[Plain, Tls]),
        ("sslmode=prefer", &[TlsIfOffered, Plain]),
        ("", &[TlsIfOffered, Plain]),
        ("sslmode=require", &[Tls]),
        ("sslmode=verify-ca", &[Tls]),
        ("sslmode=verify-full", &[Tls]),
        ("sslmode=allow channel_binding=require", &[Tls]),
        ("channel_binding=require", &[Tls]),
        ("host=/run sslmode=verify-full", &[Plain]),
        ("host=/run hostaddr=10.0.0.7 sslmode=require", &[Tls]),
    ] {
        assert_eq!(tried(&format!("user=u {text}")), ways, "{text}");
    }
}

fn not_admitted(message: &str) -> Error {
    let conninfo: ConnInfo = "user=u".parse().unwrap();
    Error::NotAdmitted {
        endpoint: conninfo.endpoint(),
        user: "u".into(),
        database: "u".into(),
        message: message.into(),
    }
}

#[test]
fn another_way_is_left_only_after_a_refusal_and_the_one_over_tls_is_told() {
    for (mode, told) in [("prefer", "first"), ("allow", "second")] {
        let conninfo: ConnInfo = format!("user=u sslmode={mode}").parse().unwrap();
        let mut route = Route::of(&conninfo);
        route.attempts = &route.attempts[1..];
        assert!(route.refused(not_admitted("first")).is_ok(), "{mode}");
        route.attempts = &[];
        let error = route.refused(not_admitted("second")).unwrap_err().to_string();
        assert!(error.contains(told), "{mode}: {error}");
    }
    for mode in ["prefer", "allow"] {
        let conninfo: ConnInfo = format!("user=u sslmode={mode}").parse().unwrap();
        let other = || Error::Protocol("what is this".into());
        assert!(Route::of(&conninfo).refused(other()).is_err(), "{mode}");
        let mut route = Route::of(&conninfo);
        assert!(route.refused(not_admitted("first")).is_ok(), "{mode}");
        let error = route.refused(other()).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{mode}: {error}");
    }
}

async fn opened(alpn: Option<&[u8]>) -> Result<Channel, Error> {
    let conninfo = fixture::that_says(Vec::new(), alpn).await;
    Route::of(&conninfo).open().await
}

#[tokio::test]
async fn direct_tls_needs_a_server_that_says_it_is_postgresql() {
    let channel = opened(Some(b"postgresql")).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(channel.security.label(), "TLSv1.3");
    let error = opened(None).await.err().expect("it may be any server");
    assert!(matches!(error, Error::Tls(TlsError::NotTls { .. })), "{error}");
    let error = opened(Some(b"h2")).await.err().expect("it is another server");
    assert!(matches!(error, Error::Tls(_)), "{error}");
}
