//! What a server's answer means: its SQLSTATE, and its words where one code means several things.

use super::Error;
use crate::postgres::{Config, sqlstate};

/// What was being done when a server answered.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The connection's settings.
    pub config: &'a Config,
    /// What was tried, verb first: `start replication from slot "shop"`.
    pub doing: &'a str,
}

impl Error {
    /// The meaning of a server's ErrorResponse (or, in the stream, of a warning that PostgreSQL
    /// says instead of one) with this SQLSTATE and these words.
    pub fn from_server(code: &str, message: &str, context: Context<'_>) -> Error {
        let config = context.config;
        let endpoint = config.conninfo.endpoint();
        let message = message.to_owned();
        match code {
            sqlstate::INVALID_PASSWORD => {
                let (user, database) = login(config);
                Error::Authentication { endpoint, user, database, message }
            }
            sqlstate::INVALID_AUTHORIZATION_SPECIFICATION => {
                let (user, database) = login(config);
                Error::NotAdmitted { endpoint, user, database, message }
            }
            sqlstate::INVALID_CATALOG_NAME | sqlstate::DATABASE_DROPPED => {
                Error::DatabaseMissing { endpoint, database: config.conninfo.dbname().to_owned() }
            }
            sqlstate::CHARACTER_NOT_IN_REPERTOIRE | sqlstate::UNTRANSLATABLE_CHARACTER => {
                Error::NotUtf8 { database: config.conninfo.dbname().to_owned() }
            }
            sqlstate::INVALID_SCHEMA_NAME => {
                Error::SchemaMissing { database: config.conninfo.dbname().to_owned(), message }
            }
            sqlstate::INSUFFICIENT_PRIVILEGE => Error::RightsMissing {
                user: config.conninfo.user().to_owned(),
                doing: context.doing.to_owned(),
                message,
            },
            sqlstate::TOO_MANY_CONNECTIONS => Error::TooManyConnections { endpoint, message },
            sqlstate::CANNOT_CONNECT_NOW => Error::NotReady { endpoint, message },
            sqlstate::ADMIN_SHUTDOWN | sqlstate::CRASH_SHUTDOWN => {
                Error::ConnectionLost { endpoint, reason: message }
            }
            sqlstate::OBJECT_IN_USE => Error::SlotBusy {
                slot: config.slot.clone(),
                pid: message.split_whitespace().rev().find_map(|word| word.parse().ok()),
            },
            sqlstate::UNDEFINED_OBJECT => undefined_object(&message, config),
            sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE => wrong_state(message, context),
            sqlstate::UNDEFINED_FILE => {
                Error::SlotInvalidated { slot: config.slot.clone(), reason: message }
            }
            sqlstate::CONFIGURATION_LIMIT_EXCEEDED => Error::SlotsExhausted { endpoint, message },
            // As poolers say it; PostgreSQL would not call it a violation.
            sqlstate::PROTOCOL_VIOLATION if message.contains("startup parameter") => {
                Error::Protocol(message)
            }
            code if code.starts_with(sqlstate::CONNECTION_EXCEPTION_CLASS) => {
                Error::ConnectionLost { endpoint, reason: message }
            }
            code => Error::Server {
                doing: context.doing.to_owned(),
                sqlstate: code.to_owned(),
                message,
            },
        }
    }
}

fn login(config: &Config) -> (String, String) {
    (config.conninfo.user().to_owned(), config.conninfo.dbname().to_owned())
}

/// "Slot" is the word for it in every translation of PostgreSQL that has one.
fn undefined_object(message: &str, config: &Config) -> Error {
    if message.to_lowercase().contains("slot") {
        return Error::SlotMissing { slot: config.slot.clone() };
    }
    Error::PublicationMissing { publication: config.publication.clone() }
}

fn wrong_state(message: String, context: Context<'_>) -> Error {
    let config = context.config;
    let slot = config.slot.clone();
    let says = |words: &str| message.contains(words);
    if says("wal_level") {
        let endpoint = config.conninfo.endpoint();
        return Error::NotLogical { endpoint, wal_level: "too low".to_owned() };
    }
    if says("recovery") || says("standby") {
        return Error::Standby { endpoint: config.conninfo.endpoint() };
    }
    if says("skipped loading publication") {
        return Error::PublicationMissing { publication: config.publication.clone() };
    }
    if says("can no longer get changes") || says("invalidated") || says("no longer access") {
        return Error::SlotInvalidated { slot, reason: message };
    }
    if says("was not created in this database") || says("physical") {
        return Error::SlotUnusable { slot, why: message };
    }
    let (doing, sqlstate) = (context.doing.to_owned(), sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE);
    Error::Server { doing, sqlstate: sqlstate.to_owned(), message }
}
