//! Where a password is found, and in which order.

use std::fs::Permissions;

use secrecy::ExposeSecret;

use super::*;

fn config(conninfo: &str, password_file: Option<PathBuf>) -> Config {
    Config {
        conninfo: conninfo.parse().unwrap(),
        password_file,
        slot: "s".to_owned(),
        publication: "p".to_owned(),
    }
}

/// A directory that goes away with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = env::temp_dir().join(format!("postrider-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn exposed(found: &Found) -> Option<&str> {
    found.password.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn the_nearest_place_wins() {
    let directory = Directory::new("places");
    let alone = directory.file("alone", "from file\n", 0o644);
    let passfile = directory.file("pgpass", "*:*:*:*:from pgpass", 0o600);
    let full = Environment { password: Some("from env".into()), passfile: Some(passfile.clone()) };
    let only_passfile = Environment { password: None, passfile: Some(passfile) };
    let nothing = Environment { password: None, passfile: None };
    for (conninfo, file, environment, password) in [
        ("user=u password=here", Some(alone.clone()), &full, Some("here")),
        ("user=u", Some(alone), &full, Some("from file")),
        ("user=u", None, &full, Some("from env")),
        ("user=u", None, &only_passfile, Some("from pgpass")),
        ("user=u", None, &nothing, None),
    ] {
        let found = find(&config(conninfo, file), environment).unwrap();
        assert_eq!(exposed(&found), password);
        assert_eq!(found.warning, None);
    }
}

#[test]
fn a_password_file_holds_one_password_and_perhaps_a_newline() {
    let directory = Directory::new("alone");
    for (text, password) in [
        ("secret", Some("secret")),
        ("secret\n", Some("secret")),
        ("secret\r\n", Some("secret")),
        (" two words \n\n", Some(" two words \n")),
        ("\n", None),
        ("", None),
    ] {
        let read = read_alone(&directory.file("alone", text, 0o600));
        assert_eq!(read.as_ref().map(ExposeSecret::expose_secret).ok(), password, "{text:?}");
    }
}

#[test]
fn a_password_file_that_cannot_be_read_is_a_settings_fault_with_its_name() {
    let config = config("user=u", Some("/nowhere/password".into()));
    let fault = password(&config).expect_err("no such file").fault();
    assert_eq!(fault.kind, crate::fault::FaultKind::Settings);
    assert!(fault.sentence.contains("/nowhere/password"), "{fault}");
    assert!(fault.hint.contains("postgres.password_file"), "{}", fault.hint);
}

#[test]
fn a_libpq_password_file_that_others_can_read_is_ignored_with_a_warning() {
    let directory = Directory::new("modes");
    let conninfo = "user=u".parse().unwrap();
    for (mode, is_used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        let found = look_up(&directory.file("pgpass", "*:*:*:*:secret", mode), &conninfo);
        assert_eq!(exposed(&found), is_used.then_some("secret"), "{mode:o}");
        assert_eq!(found.warning.is_none(), is_used, "{mode:o}");
    }
    assert!(look_up(&directory.0, &conninfo).warning.is_some(), "a directory");
    let absent = look_up(&directory.0.join("absent"), &conninfo);
    assert!(exposed(&absent).is_none() && absent.warning.is_none(), "absent");
}

#[test]
fn the_first_line_that_matches_gives_the_password() {
    let file = "\
# db:5432:shop:u:commented out
db:5432:shop:u:plain
db:5433:*:u:other port
*:*:shop:o\\:neil:esc\\:aped\\\\
db:5432:shop:u:too late
localhost:5432:*:u:local
/run/pg:*:*:u:socket
db:*:*:cut:before:after
db:*:*:empty:
not a line
\\*:*:*:star:not a wildcard
*:5432:last:*:wild\r
";
    for (conninfo, password) in [
        ("host=db dbname=shop user=u", Some("plain")),
        ("host=db port=5433 dbname=any user=u", Some("other port")),
        ("host=x dbname=shop user=o:neil", Some("esc:aped\\")),
        ("host=localhost dbname=x user=u", Some("local")),
        ("host=/var/run/postgresql dbname=x user=u", Some("local")),
        ("host=/tmp dbname=x user=u", Some("local")),
        ("host=/run/pg dbname=x user=u", Some("socket")),
        ("host=db dbname=x user=cut", Some("before")),
        ("host=db dbname=x user=empty", None),
        ("host=x dbname=x user=star", None),
        ("host=x dbname=last user=whoever", Some("wild")),
        ("host=x port=1 dbname=last user=whoever", None),
        ("host=x hostaddr=127.0.0.1 dbname=last user=w", Some("wild")),
    ] {
        let found = pgpass::password(file, &conninfo.parse().unwrap());
        assert_eq!(found.as_ref().map(ExposeSecret::expose_secret), password, "{conninfo}");
    }
}
