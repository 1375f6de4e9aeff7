//! ReplicationConnection: a connection in replication mode, before its stream starts.

use std::io;

use bytes::Buf;
use futures_util::{SinkExt, StreamExt};
use pgwire::{
    error::{ErrorInfo, PgWireError},
    messages::{PgWireBackendMessage, PgWireFrontendMessage, data::DataRow, simplequery::Query},
};
use tokio::time::timeout;

use super::{
    Config, Context, Error, TlsError,
    channel::{self, Route, Security},
    login, password,
    wire::Wire,
};
use crate::wal::Lsn;

/// What IDENTIFY_SYSTEM answers: which cluster this is, and on which timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemIdentity {
    /// The cluster's identifier, given by initdb and kept by its physical copies.
    pub system_identifier: u64,
    /// The timeline; grows with every promotion.
    pub timeline: u32,
    /// The end of the flushed WAL.
    pub flushed: Lsn,
}

/// A connection in replication mode.
pub struct ReplicationConnection {
    pub(super) wire: Wire,
    pub(super) config: Config,
    pub(super) security: Security,
}

impl ReplicationConnection {
    /// Connects and authenticates; the password is read anew each time.
    ///
    /// # Errors
    /// What the way to the server or the server answers.
    pub async fn connect(config: &Config) -> Result<ReplicationConnection, Error> {
        // Before all else: a file that cannot be used is told whether or not the server answers.
        let password = password(config)?;
        let mut route = Route::of(&config.conninfo);
        loop {
            match login::log_in(route.open().await?, config, password.clone()).await {
                Err(error) => route.refused(error)?,
                Ok(mut connection) => {
                    connection.take_bytes_as_they_are().await?;
                    return Ok(connection);
                }
            }
        }
    }

    /// The version of TLS that the connection speaks, or `none`.
    pub fn tls(&self) -> &'static str {
        self.security.label()
    }

    /// Asks which cluster this is.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn identify_system(&mut self) -> Result<SystemIdentity, Error> {
        let rows = self.query("identify the system", "IDENTIFY_SYSTEM").await?;
        let row = rows.first().ok_or_else(|| Error::Protocol("no identity".into()))?;
        let field = |index: usize| row.get(index).and_then(|value| value.as_deref());
        let parsed = (|| {
            Some(SystemIdentity {
                system_identifier: field(0)?.parse().ok()?,
                timeline: field(1)?.parse().ok()?,
                flushed: field(2)?.parse().ok()?,
            })
        })();
        parsed.ok_or_else(|| Error::Protocol("IDENTIFY_SYSTEM's answer cannot be read".into()))
    }

    /// Asks which timelines came before `timeline`, and where each ended.
    ///
    /// # Errors
    /// What the server answers.
    pub async fn timeline_history(&mut self, timeline: u32) -> Result<Vec<(u32, Lsn)>, Error> {
        if timeline <= 1 {
            return Ok(Vec::new());
        }
        let command = format!("TIMELINE_HISTORY {timeline}");
        let rows = self.query("read the history of its timelines", &command).await?;
        let file = rows.first().and_then(|row| row.get(1)?.as_deref());
        let file = file.ok_or_else(|| Error::Protocol("no history of timelines".into()))?;
        Ok(history(file))
    }

    /// A database without an encoding may hold bytes that are no UTF-8, at which the server would end
    /// the stream again and again. Asked for no encoding, it sends them.
    async fn take_bytes_as_they_are(&mut self) -> Result<(), Error> {
        let rows = self.query("show its encoding", "SHOW server_encoding").await?;
        let encoding = rows.first().and_then(|row| row.first()?.as_deref());
        if encoding == Some("SQL_ASCII") {
            self.query("set client_encoding", "SET client_encoding = 'SQL_ASCII'").await?;
        }
        Ok(())
    }

    /// Runs a command of the replication protocol that answers with rows of text.
    async fn query(&mut self, doing: &str, command: &str) -> Result<Vec<Row>, Error> {
        self.send(PgWireFrontendMessage::Query(Query::new(command.to_owned()))).await?;
        let mut rows = Vec::new();
        loop {
            match self.receive().await? {
                PgWireBackendMessage::DataRow(row) => rows.push(text_row(row)?),
                PgWireBackendMessage::ReadyForQuery(_) => return Ok(rows),
                PgWireBackendMessage::ErrorResponse(error) => {
                    return Err(self.refused(doing, ErrorInfo::from(error)));
                }
                _ => {}
            }
        }
    }

    pub(super) async fn send(&mut self, message: PgWireFrontendMessage) -> Result<(), Error> {
        self.wire.send(message).await.map_err(|error| self.broken(error))
    }

    /// The next message. Bounded like connecting: all that is asked here is answered at once.
    pub(super) async fn receive(&mut self) -> Result<PgWireBackendMessage, Error> {
        let limit = self.config.conninfo.connect_timeout();
        match timeout(limit, self.wire.next()).await {
            Ok(Some(Ok(message))) => Ok(message),
            Ok(Some(Err(error))) => Err(self.broken(error)),
            Ok(None) => Err(self.lost("the server closed it".into())),
            Err(_) => Err(self.lost(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    pub(super) fn refused(&self, doing: &str, info: ErrorInfo) -> Error {
        Error::from_server(&info.code, &info.message, Context { config: &self.config, doing })
    }

    /// What a failure of the socket or of pgwire's decoding means.
    pub(super) fn broken(&self, error: PgWireError) -> Error {
        match error {
            PgWireError::IoError(error) => self.failed(&error),
            other => Error::Protocol(other.to_string()),
        }
    }

    /// What a failure of the socket means: the server's word on our certificate, or an end.
    pub(super) fn failed(&self, error: &io::Error) -> Error {
        let endpoint = self.config.conninfo.endpoint();
        let alert = channel::rustls_cause(error);
        match alert.and_then(|alert| TlsError::from_alert(alert, &endpoint)) {
            Some(refused) => refused.into(),
            // TLS says it in more words.
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.lost("the server closed it".into())
            }
            None => self.lost(error.to_string()),
        }
    }

    pub(super) fn lost(&self, reason: String) -> Error {
        Error::ConnectionLost { endpoint: self.config.conninfo.endpoint(), reason }
    }
}

/// The lines of a history file: timeline, end, reason. Others are comments.
fn history(file: &str) -> Vec<(u32, Lsn)> {
    let line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    file.lines().filter_map(line).collect()
}

type Row = Vec<Option<String>>;

fn text_row(row: DataRow) -> Result<Row, Error> {
    let broken = || Error::Protocol("a row that cannot be read".into());
    let mut data = row.data.freeze();
    let mut values = Vec::new();
    for _ in 0..row.field_count {
        if data.remaining() < 4 {
            return Err(broken());
        }
        let Ok(length) = usize::try_from(data.get_i32()) else {
            values.push(None);
            continue;
        };
        if data.remaining() < length {
            return Err(broken());
        }
        let value = data.split_to(length);
        values.push(Some(String::from_utf8(value.to_vec()).map_err(|_| broken())?));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_file_tells_where_each_timeline_ended() {
        let file = "1\t0/3000148\tno recovery target specified\n\n# comment\n\
                    2\t0/5000000\tbefore 2026-01-01\n";
        let ends = [(1, Lsn::new(0x300_0148)), (2, Lsn::new(0x500_0000))];
        assert_eq!(history(file), ends);
    }
}
