//! What people write: settings, connection strings, names of tables.

use postrider::{
    config::{Settings, Sources},
    outbox::{TableName, quote_identifier},
    postgres::ConnInfo,
};

/// Above a line of three dashes is a settings file, below are variables of the environment.
pub(super) fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (file, variables) = text.split_once("\n---\n").unwrap_or((text, ""));
    let pairs = variables.lines().filter_map(|line| line.split_once('='));
    let sources = Sources {
        file: Some(("postrider.toml".to_owned(), file.to_owned())),
        variables: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    let config = Settings::read(&sources).and_then(|settings| settings.config());
    if let Err(error) = config {
        assert!(!error.to_string().is_empty());
    }
}

pub(super) fn conninfo(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<ConnInfo>() {
        Ok(info) => {
            // What is shown has no password, and is read back as the same.
            let shown = info.to_string();
            let again: ConnInfo = shown.parse().unwrap_or_else(|e| panic!("{shown}: {e}"));
            assert_eq!(again.to_string(), shown);
            assert_eq!((again.host(), again.port()), (info.host(), info.port()), "{shown}");
            assert_eq!((again.user(), again.dbname()), (info.user(), info.dbname()), "{shown}");
            assert!(!again.has_password());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub(super) fn identifier(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match TableName::parse(text) {
        Ok(table) => {
            let written = table.to_string();
            assert_eq!(TableName::parse(&written).as_ref(), Ok(&table), "{written}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if !text.is_empty() && !text.contains('\0') {
        let written = quote_identifier(text);
        let table = TableName::parse(&format!("{written}.{written}"));
        if let Ok(table) = table {
            assert_eq!((table.schema.as_str(), table.name.as_str()), (text, text));
        }
    }
}
