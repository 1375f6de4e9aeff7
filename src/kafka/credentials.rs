//! Credentials: the files that a producer was made with, and whether they have changed since.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use super::{Config, certificate::Authorities};

/// Options whose value is the name of a file that librdkafka reads when a producer is made.
pub(super) const NAMED_FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];

/// What the files of `[kafka] options_files`, certificates and keys held when a producer was made.
///
/// librdkafka keeps what it has read. So a rotated password or certificate needs a new producer.
#[derive(Debug)]
pub(crate) struct Credentials {
    files: Vec<(PathBuf, Option<u64>)>,
    /// What the files held at the last look.
    last: Vec<Option<u64>>,
    authorities: Authorities,
}

impl Credentials {
    /// The files as they are now.
    pub(crate) fn of(config: &Config) -> Credentials {
        let named = NAMED_FILES.iter().filter_map(|name| config.options.get(*name));
        let named = named.map(|value| PathBuf::from(value.expose()));
        let paths = config.options_files.values().cloned().chain(named);
        let files = paths.map(|path| (seal(&path), path)).map(|(seal, path)| (path, seal));
        Credentials { files: files.collect(), last: Vec::new(), authorities: authorities(config) }
    }

    /// Whether a file holds something else now, and all of them what they held at the last look: a
    /// certificate and its key are not written at once. One that cannot be read is about to be.
    pub(crate) fn have_changed(&mut self) -> bool {
        let now: Vec<Option<u64>> = self.files.iter().map(|(path, _)| seal(path)).collect();
        let pairs = || now.iter().zip(self.files.iter().map(|(_, before)| before));
        let differs = pairs().any(|(now, before)| now != before);
        // A folder of certificates never could.
        let can_be_read = pairs().all(|(now, before)| now.is_some() || before.is_none());
        let is_settled = now == self.last;
        self.last = now;
        differs && is_settled && can_be_read
    }

    /// Whom librdkafka trusts.
    pub(crate) fn authorities(&self) -> Authorities {
        self.authorities.clone()
    }
}

/// Not the content itself, which may be a password. `None` when it is empty or cannot be read.
fn seal(path: &Path) -> Option<u64> {
    let content = fs::read(path).ok().filter(|content| !content.is_empty())?;
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    Some(hasher.finish())
}

fn authorities(config: &Config) -> Authorities {
    let text = |name: &str| match (config.options.get(name), config.options_files.get(name)) {
        (Some(value), _) => Some(value.expose().to_owned()),
        (None, Some(path)) => fs::read_to_string(path).ok(),
        (None, None) => None,
    };
    match (text("ssl.ca.pem"), text("ssl.ca.location")) {
        (Some(pem), _) => Authorities::Text(pem),
        (None, Some(path)) => Authorities::File(path.trim().into()),
        (None, None) => Authorities::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_anew_is_noticed_and_one_that_is_missing_is_not() {
        let file = std::env::temp_dir().join(format!("credentials-{}", std::process::id()));
        fs::write(&file, "old").unwrap();
        let mut config = Config::default();
        config.options_files.insert("sasl.password".into(), file.clone());
        let mut credentials = Credentials::of(&config);
        assert!(!credentials.have_changed());
        for half_written in ["", "n"] {
            fs::write(&file, half_written).unwrap();
            assert!(!credentials.have_changed(), "half written");
        }
        fs::write(&file, "new").unwrap();
        assert!(!credentials.have_changed(), "it may go on being written");
        assert!(credentials.have_changed());
        assert!(!format!("{credentials:?}").contains("old"));
        fs::remove_file(&file).unwrap();
        assert!(!credentials.have_changed());
    }
}
