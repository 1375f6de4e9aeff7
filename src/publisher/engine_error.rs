//! EngineError: what in the stream stops the engine.

use crate::{
    fault::{Fault, FaultKind},
    outbox::{EventError, MappingError},
    wal::DecodeError,
};

/// Why the engine cannot go on. Never passed over: what is not understood might be an event.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Bytes that are no frame or no pgoutput message.
    #[error("the server sent a message in which {0}")]
    Decode(#[from] DecodeError),
    /// Messages in an order that the protocol does not allow.
    #[error("the server sent {0}")]
    Order(&'static str),
    /// The outbox table has another name now.
    #[error("table {table} was renamed to {now} while its rows were streamed")]
    Renamed {
        /// The configured table.
        table: String,
        /// Its name in the stream.
        now: String,
    },
    /// The table lacks a column, or one has a type that cannot be used.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// A row that cannot become a record.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl EngineError {
    /// What a person needs to hear.
    pub fn fault(&self) -> Fault {
        match self {
            EngineError::Decode(_) | EngineError::Order(_) => Fault::new(
                FaultKind::Protocol,
                self.to_string(),
                "make sure that [postgres] url leads to PostgreSQL itself and not to a proxy or \
                 another server; if it does, this is a bug of Postrider's: please report it",
            ),
            EngineError::Renamed { .. } => Fault::new(
                FaultKind::Publication,
                self.to_string(),
                "rename it back, or set [outbox] table to the new name",
            ),
            EngineError::Mapping(error) => error.fault(),
            EngineError::Event(error) => error.fault(),
        }
    }
}
