//! Wire: the framed socket in the shape that pgwire's authentication drives.

use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Sink, Stream};
use pgwire::{
    api::client::{ClientInfo, Config},
    error::PgWireError,
    messages::{
        PgWireBackendMessage, PgWireFrontendMessage, ProtocolVersion, response::TransactionStatus,
        startup::SecretKey,
    },
};
use tokio_util::codec::Framed;

use super::{codec::WholeMessages, socket::Transport};

/// How much is read at once. Large, because a system call costs more than the copy it saves.
const READ_BUFFER: usize = 256 * 1024;

/// A socket that speaks PostgreSQL's messages.
pub(super) struct Wire {
    framed: Framed<Box<dyn Transport>, WholeMessages>,
    /// User and password, for pgwire's authentication.
    login: Config,
    parameters: BTreeMap<String, String>,
    /// Nothing is ever cancelled on this connection, so the server's key is not kept.
    no_key: SecretKey,
}

impl Wire {
    pub(super) fn new(socket: Box<dyn Transport>, login: Config) -> Wire {
        let codec = WholeMessages::default();
        let framed = Framed::with_capacity(socket, codec, READ_BUFFER);
        Wire { framed, login, parameters: BTreeMap::new(), no_key: SecretKey::default() }
    }
}

impl ClientInfo for Wire {
    fn config(&self) -> &Config {
        &self.login
    }

    fn server_parameters(&self) -> &BTreeMap<String, String> {
        &self.parameters
    }

    fn set_server_parameter(&mut self, name: String, value: String) {
        self.parameters.insert(name, value);
    }

    fn process_id(&self) -> i32 {
        0
    }

    fn secret_key(&self) -> &SecretKey {
        &self.no_key
    }

    fn protocol_version(&self) -> ProtocolVersion {
        ProtocolVersion::PROTOCOL3_0
    }

    fn set_protocol_version(&mut self, _: ProtocolVersion) {}

    fn transaction_status(&self) -> TransactionStatus {
        TransactionStatus::Idle
    }

    fn set_transaction_status(&mut self, _: TransactionStatus) {}
}

impl Stream for Wire {
    type Item = Result<PgWireBackendMessage, PgWireError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.framed).poll_next(cx)
    }
}

impl Sink<PgWireFrontendMessage> for Wire {
    type Error = <Framed<Box<dyn Transport>, WholeMessages> as Sink<PgWireFrontendMessage>>::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.framed).poll_ready(cx)
    }

    fn start_send(
        mut self: Pin<&mut Self>,
        item: PgWireFrontendMessage,
    ) -> Result<(), Self::Error> {
        Pin::new(&mut self.framed).start_send(item)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.framed).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.framed).poll_close(cx)
    }
}
