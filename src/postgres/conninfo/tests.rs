//! Connection strings, as libpq reads them.

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

fn parsed(text: &str) -> ConnInfo {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    text.parse::<ConnInfo>().expect_err(text).to_string()
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.to_owned(), port }
}

fn unix(path: &str) -> Endpoint {
    Endpoint::Unix(PathBuf::from(path))
}

#[test]
fn both_forms_name_a_server_a_user_and_a_database() {
    for (text, endpoint, user, dbname) in [
        ("postgres://shop@", tcp("localhost", 5432), "shop", "shop"),
        ("postgresql://shop@db/orders", tcp("db", 5432), "shop", "orders"),
        ("  postgres://shop@db:5433  ", tcp("db", 5433), "shop", "shop"),
        ("postgres://shop@:5433/", tcp("localhost", 5433), "shop", "shop"),
        ("postgres://db/orders?user=shop", tcp("db", 5432), "shop", "orders"),
        ("postgres://a@db/b?user=c&dbname=d&host=e&port=6", tcp("e", 6), "c", "d"),
        ("postgres://sh%40p:x%2Fy@db/or%20ders", tcp("db", 5432), "sh@p", "or ders"),
        ("postgres://shop@[2001:db8::1]:6/x", tcp("2001:db8::1", 6), "shop", "x"),
        ("postgres://shop@[::1]", tcp("::1", 5432), "shop", "shop"),
        ("postgres://shop@db?hostaddr=10.0.0.7", tcp("10.0.0.7", 5432), "shop", "shop"),
        ("postgres://shop@/x?host=/run/pg", unix("/run/pg/.s.PGSQL.5432"), "shop", "x"),
        ("postgres://shop@%2Frun%2Fpg:7/x", unix("/run/pg/.s.PGSQL.7"), "shop", "x"),
        ("user=shop", tcp("localhost", 5432), "shop", "shop"),
        ("host = db user='shop' dbname = 'or ders'", tcp("db", 5432), "shop", "or ders"),
        (r"user='o\'neil' dbname=a\ b\\c", tcp("localhost", 5432), "o'neil", r"a b\c"),
        ("user=a user=b host='' port=", tcp("localhost", 5432), "b", "b"),
        ("host=/run/pg\tuser=shop\nport=7", unix("/run/pg/.s.PGSQL.7"), "shop", "shop"),
        ("hostaddr=::1 user=shop", tcp("::1", 5432), "shop", "shop"),
    ] {
        let conninfo = parsed(text);
        assert_eq!(conninfo.endpoint(), endpoint, "{text}");
        assert_eq!((conninfo.user(), conninfo.dbname()), (user, dbname), "{text}");
    }
}

#[test]
fn a_password_is_decoded_and_never_shown() {
    for (text, password) in [
        ("postgres://u:s3cret%2F%3A@h", "s3cret/:"),
        ("postgres://u:s3cret:x@h", "s3cret:x"),
        ("postgres://u:s3cret?@h/d", "s3cret?"),
        ("postgres://u@h?password=s3cret%26", "s3cret&"),
        (r"user=u password='s3cret \'quoted\''", "s3cret 'quoted'"),
    ] {
        let conninfo = parsed(text);
        assert_eq!(conninfo.password().map(ExposeSecret::expose_secret), Some(password), "{text}");
        assert!(conninfo.has_password());
        assert!(!format!("{conninfo} {conninfo:?}").contains("s3cret"), "{text}");
    }
    assert!(!parsed("postgres://u:@h").has_password());
}

#[test]
fn what_is_not_said_has_a_default() {
    let conninfo = parsed("user=u");
    assert_eq!(conninfo.application_name(), "postrider");
    assert_eq!(conninfo.connect_timeout(), Duration::from_secs(10));
    assert_eq!((conninfo.options(), conninfo.tcp_user_timeout()), (None, None));
    assert_eq!(conninfo.keepalive().map(|keepalive| keepalive.count), Some(3));
    assert_eq!(conninfo.session_target(), SessionTarget::Any);
}

#[test]
fn connection_options_are_kept() {
    let conninfo = parsed(
        "user=u application_name='a b' connect_timeout=3 options='-c a=b' keepalives_idle=5 \
         keepalives_interval=6 keepalives_count=7 tcp_user_timeout=8 target_session_attrs=primary \
         sslmode=prefer channel_binding=prefer sslrootcert=/ca.pem passfile=/p",
    );
    let (five, six) = (Duration::from_secs(5), Duration::from_secs(6));
    assert_eq!(conninfo.application_name(), "a b");
    assert_eq!(conninfo.options(), Some("-c a=b"));
    assert_eq!(conninfo.connect_timeout(), Duration::from_secs(3));
    assert_eq!(conninfo.keepalive(), Some(Keepalive { idle: five, interval: six, count: 7 }));
    assert_eq!(conninfo.tcp_user_timeout(), Some(Duration::from_millis(8)));
    assert_eq!(conninfo.session_target(), SessionTarget::Primary);
    assert_eq!(conninfo.passfile(), Some(&PathBuf::from("/p")));
    assert_eq!(parsed("user=u keepalives=0 keepalives_idle=5").keepalive(), None);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_name() {
    for (text, words) in [
        ("", "names no user"),
        ("postgres://db/orders", "names no user"),
        ("mysql://u@h", "a URL starts with postgres://"),
        ("jdbc:postgresql://h/d?user=u", "a URL starts with postgres://"),
        ("user=u nonsense", "a word has no ="),
        ("user='u", "a single quote is not closed"),
        ("user=u hots=h", r#"unknown key "hots"; did you mean host?"#),
        ("postgres://u@h?aplication_name=x", "did you mean application_name?"),
        ("user=u zzz=1", r#"unknown key "zzz""#),
        ("postgres://u@h?sslmode", "a parameter after ? has no ="),
        ("postgres://u@[::1", "has no ]"),
        ("postgres://u@[::1]x", "only :port may follow"),
        ("postgres://u@h%2", "two hexadecimal digits"),
        ("postgres://u%00@h", "%00"),
        ("postgres://u%ff@h", "no UTF-8"),
        ("postgres://u@h:0", "port in the connection string must be a number from 1"),
        ("postgres://u@h:65536", "port in the connection string must be a number from 1"),
        ("postgres://u@a:1,b:2/d", "several hosts"),
        ("host=a,b user=u", "several hosts"),
        ("port=1,2 user=u", "several hosts"),
        ("hostaddr=1.1.1.1,1.1.1.2 user=u", "several hosts"),
        ("hostaddr=db user=u", "hostaddr in the connection string must be an IPv4"),
        ("host=a/b user=u", "host in the connection string must be a host name"),
        ("host=@abstract user=u", "abstract unix socket"),
        ("user=u gssencmode=require", "speaks no GSSAPI"),
        ("user=u target_session_attrs=standby", "must be any, read-write or primary"),
        ("user=u connect_timeout=0", "connect_timeout in the connection string must be a number"),
        ("user=u keepalives_count=0", "keepalives_count in the connection string must be at"),
        ("user=u keepalives_idle=soon", "keepalives_idle in the connection string must be a"),
        (
            "user=u require_auth=scram-sha-256",
            "require_auth in the connection string is not supported",
        ),
        ("user=u require_auth=scram-sha-256", "use channel_binding=require"),
        ("user=u replication=database", "asks for a replication connection itself"),
    ] {
        let error = refused(text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn no_piece_of_a_badly_written_password_is_shown() {
    for text in [
        "postgres://u:hunter2/x@h/d",
        "postgres://u:x@/hunter2@h/d",
        "postgres://u:x/?hunter2=1@h/d",
        "postgres://u@h?password=x&hunter2=y",
        "postgres://u:x@hunter2@h/d",
        "postgres://u:x%hunter2@h/d",
        "postgres://u:hunter2#x/@h/d",
        "user=u password=x hunter2=y",
        "user=u password=x hunter2",
        "user=u password=x port=hunter2",
        "user=u password='x' hunter2'",
    ] {
        assert!(!refused(text).contains("hunter2"), "{text}");
        assert!(!format!("{:?}", text.parse::<ConnInfo>()).contains("hunter2"), "{text}");
    }
}

#[test]
fn an_endpoint_reads_as_an_address() {
    assert_eq!(parsed("postgres://u@[::1]").endpoint().to_string(), "[::1]:5432");
    assert_eq!(parsed("postgres://u@db").endpoint().to_string(), "db:5432");
    assert_eq!(parsed("user=u host=/run").endpoint().to_string(), "/run/.s.PGSQL.5432");
}

/// A value in single quotes, as the key=value form wants it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

proptest! {
    #[test]
    fn any_text_gives_a_value_or_an_error(text: String, tail in "[a-z0-9@:/?&=%'\\\\ \\[\\]]{0,40}") {
        let _ = text.parse::<ConnInfo>();
        let _ = tail.parse::<ConnInfo>();
        let _ = format!("postgres://{tail}").parse::<ConnInfo>();
        let _ = format!("user=u {tail}").parse::<ConnInfo>();
    }

    #[test]
    fn what_is_displayed_parses_back(
        host in prop_oneof!["[a-z][a-z0-9.-]{0,12}", "/[^\0,]{0,12}", Just("2001:db8::7".to_owned())],
        address in proptest::option::of(any::<IpAddr>()),
        port in 1u16..,
        user in "[^\0]{1,12}",
        dbname in "[^\0]{1,12}",
        password in "[^\0]{1,12}",
        mode in proptest::sample::select(vec!["disable", "prefer", "require", "verify-full"]),
        file in "[^\0]{1,12}",
    ) {
        let mut text = format!(
            "host={} port={port} user={} dbname={} password={} sslmode={mode} sslcert={} sslsni=0",
            quoted(&host), quoted(&user), quoted(&dbname), quoted(&password), quoted(&file)
        );
        if let Some(address) = address {
            text += &format!(" hostaddr={address}");
        }
        let conninfo = parsed(&text);
        prop_assert_eq!(conninfo.password().map(ExposeSecret::expose_secret), Some(&*password));
        let again = parsed(&conninfo.to_string());
        prop_assert_eq!(again.endpoint(), conninfo.endpoint());
        prop_assert_eq!((again.user(), again.dbname()), (&*user, &*dbname));
        prop_assert_eq!((again.host(), again.to_string()), (&*host, conninfo.to_string()));
        prop_assert_eq!(again.tls(), conninfo.tls());
    }

    #[test]
    fn no_error_and_no_debug_shows_a_password(
        template in prop_oneof![
            Just("postgres://u:PW@h/d"),
            Just("postgres://u:PW@h:x/d"),
            Just("postgres://u@h?password=PW"),
            Just("user=u password=PW"),
            Just("password='PW' user=u port=0"),
        ],
        secret in "hunter2[a-z/@:?=&% ']{0,6}hunter2",
    ) {
        let text = template.replace("PW", &secret);
        let shown = match text.parse::<ConnInfo>() {
            Ok(conninfo) => format!("{conninfo:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains("hunter2"), "{}: {}", text, shown);
    }
}
