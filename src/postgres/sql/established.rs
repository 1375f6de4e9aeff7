//! Established: an open channel in the shape in which tokio-postgres takes TLS.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use crate::postgres::{
    channel::{Channel, Security},
    socket::Transport,
};

/// Says that there is nothing left to do for TLS.
pub(super) struct Established;

/// The channel, with what tokio-postgres asks it for.
pub(super) struct Secured {
    transport: Box<dyn Transport>,
    endpoint: Option<Vec<u8>>,
}

impl From<Channel> for Secured {
    fn from(channel: Channel) -> Secured {
        let Channel { transport, security } = channel;
        let endpoint = match security {
            Security::Plain => None,
            Security::Tls { endpoint, .. } => endpoint,
        };
        Secured { transport, endpoint }
    }
}

impl TlsConnect<Secured> for Established {
    type Stream = Secured;
    type Error = Infallible;
    type Future = Ready<Result<Secured, Infallible>>;

    fn connect(self, channel: Secured) -> Self::Future {
        ready(Ok(channel))
    }
}

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        self.endpoint
            .clone()
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}
