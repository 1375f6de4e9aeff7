//! ReplicationStream: frames in, status updates out.

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt};
use pgwire::{
    error::ErrorInfo,
    messages::{
        PgWireBackendMessage, PgWireFrontendMessage,
        copy::{CopyData, CopyDone},
        response::ErrorResponse,
        simplequery::Query,
    },
};
use tokio::{task::unconstrained, time::timeout};

use super::{Error, connection::ReplicationConnection, sqlstate};
use crate::{
    ack::StatusUpdate,
    wal::{Lsn, PgTimestamp, encode_status_update},
};

/// How long a status update may take to leave. The server reads while it writes, so only a dead
/// or frozen one takes longer.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may take to end the stream when it is asked to.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A started stream. Each item is the payload of one CopyData message, see [`crate::wal::Frame`].
///
/// One task owns it and is the only one that reads or writes: there is no lock, and no update can
/// overtake another.
pub struct ReplicationStream {
    connection: ReplicationConnection,
}

impl ReplicationStream {
    /// Starts the stream at `from`.
    ///
    /// The server silently begins at the slot's confirmed position when `from` is before it, so
    /// whoever calls this has read the slot's row first.
    ///
    /// # Errors
    /// What the server answers: the slot is busy, gone or invalidated, the role may not.
    pub async fn start(
        mut connection: ReplicationConnection,
        from: Lsn,
    ) -> Result<ReplicationStream, Error> {
        let (slot, publication) = (&connection.config.slot, &connection.config.publication);
        // pgoutput parses the list as SQL identifiers, inside a string literal.
        let names = format!("\"{}\"", publication.replace('"', "\"\"")).replace('\'', "''");
        let command = format!(
            "START_REPLICATION SLOT \"{slot}\" LOGICAL {from} \
             (proto_version '1', publication_names '{names}')"
        );
        let doing = format!("start replication from slot {slot:?}");
        connection.send(PgWireFrontendMessage::Query(Query::new(command))).await?;
        loop {
            match connection.receive().await? {
                PgWireBackendMessage::CopyBothResponse(_) => {
                    return Ok(ReplicationStream { connection });
                }
                PgWireBackendMessage::ErrorResponse(error) => {
                    return Err(connection.refused(&doing, ErrorInfo::from(error)));
                }
                PgWireBackendMessage::NoticeResponse(_)
                | PgWireBackendMessage::ParameterStatus(_) => {}
                _ => return Err(Error::Protocol("START_REPLICATION began no stream".into())),
            }
        }
    }

    /// The next frame.
    ///
    /// # Errors
    /// When the server ended the stream, the connection broke, or a warning says that rows will be
    /// missing.
    ///
    /// # Cancel safety
    /// Safe: a frame that is not returned stays in the buffer.
    pub fn next_frame(&mut self) -> impl Future<Output = Result<Bytes, Error>> + '_ {
        std::future::poll_fn(|context| self.poll(context))
    }

    /// The next frame if it has arrived already. Reads from the socket at most once.
    ///
    /// # Errors
    /// As [`next_frame`](Self::next_frame).
    pub fn try_next_frame(&mut self) -> Result<Option<Bytes>, Error> {
        // Without tokio's budget, which would now and then call an unread socket empty.
        let next = std::pin::pin!(unconstrained(self.next_frame()));
        match next.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(frame) => frame.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    /// Reports a confirmed position.
    ///
    /// # Errors
    /// When it cannot leave in time or the connection broke.
    pub async fn send(&mut self, update: StatusUpdate) -> Result<(), Error> {
        let confirmed = update.confirmed.lsn();
        let bytes = encode_status_update(
            confirmed,
            confirmed,
            confirmed,
            wall_clock(),
            update.reply_requested,
        );
        let data = CopyData::new(Bytes::copy_from_slice(&bytes));
        self.write(PgWireFrontendMessage::CopyData(data)).await
    }

    /// Ends the stream and waits until the server has ended it too: then it has taken in every
    /// status update sent before.
    ///
    /// # Errors
    /// When the connection broke before.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.write(PgWireFrontendMessage::CopyDone(CopyDone::new())).await?;
        let ended = timeout(CLOSE_TIMEOUT, async {
            while let Some(Ok(message)) = self.connection.wire.next().await {
                if matches!(message, PgWireBackendMessage::CommandComplete(_)) {
                    return Ok(());
                }
            }
            Err(self.connection.lost("before the server took the last confirmation in".into()))
        });
        ended.await.unwrap_or_else(|_| {
            Err(self.connection.lost("the server did not end the stream".into()))
        })
    }

    async fn write(&mut self, message: PgWireFrontendMessage) -> Result<(), Error> {
        match timeout(SEND_TIMEOUT, self.connection.wire.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.connection.lost(error.to_string())),
            Err(_) => Err(self.connection.lost("a status update could not leave".into())),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Error>> {
        loop {
            let message = match Pin::new(&mut self.connection.wire).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    return Poll::Ready(Err(self.connection.lost("the server closed it".into())));
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(self.connection.broken(error)));
                }
                Poll::Ready(Some(Ok(message))) => message,
            };
            match message {
                PgWireBackendMessage::CopyData(data) => return Poll::Ready(Ok(data.data)),
                other => {
                    if let Some(error) = self.ending(other) {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }

    /// What a message that is not a frame means; `None` when it can be passed over.
    fn ending(&self, message: PgWireBackendMessage) -> Option<Error> {
        let doing = "go on with the stream";
        match message {
            PgWireBackendMessage::ErrorResponse(error) => {
                Some(self.connection.refused(doing, ErrorInfo::from(error)))
            }
            // PostgreSQL 18 skips a publication that is missing, with this warning, and would go
            // on without its rows.
            PgWireBackendMessage::NoticeResponse(notice) => {
                let info = ErrorInfo::from(ErrorResponse::new(notice.fields));
                (info.code == sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE)
                    .then(|| self.connection.refused(doing, info))
            }
            PgWireBackendMessage::ParameterStatus(_) => None,
            PgWireBackendMessage::CopyDone(_)
            | PgWireBackendMessage::CommandComplete(_)
            | PgWireBackendMessage::ReadyForQuery(_) => {
                Some(self.connection.lost("the server ended the stream".into()))
            }
            _ => Some(Error::Protocol("a message that has no place in a stream".into())),
        }
    }
}

/// The protocol wants the client's clock; the server only shows it.
fn wall_clock() -> PgTimestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    PgTimestamp::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
