//! Patience: connections whose clients go quiet are ended, and there are never too many of them.
//!
//! axum's own listener waits for ever for the rest of a request. Everybody who reaches the port
//! could then hold sockets until the process has none left for PostgreSQL and Kafka.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

/// Enough for several scrapers, probes and people; further clients wait in the listen queue.
const MOST_CONNECTIONS: usize = 64;

/// Longer than usual scrape intervals, so that a scraper keeps its connection.
const QUIET_AFTER: Duration = Duration::from_secs(75);

/// A TCP listener for [`axum::serve`] that bounds number and idleness of connections.
pub(crate) struct PatientListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
    quiet_after: Duration,
}

impl PatientListener {
    pub(crate) fn new(listener: TcpListener) -> PatientListener {
        PatientListener {
            listener,
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            quiet_after: QUIET_AFTER,
        }
    }

    #[cfg(test)]
    pub(crate) fn quiet_after(self, quiet_after: Duration) -> PatientListener {
        PatientListener { quiet_after, ..self }
    }
}

impl axum::serve::Listener for PatientListener {
    type Io = PatientStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (PatientStream, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.expect("the semaphore is never closed: nobody calls close on it");
        // Through axum's own implementation: it knows which accept errors are worth a pause.
        let (stream, peer) = axum::serve::Listener::accept(&mut self.listener).await;
        let patience = Patience { after: self.quiet_after, end: Box::pin(sleep(self.quiet_after)) };
        (PatientStream { stream, patience, _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails with `TimedOut` when nothing moves on it for a while.
pub(crate) struct PatientStream {
    stream: TcpStream,
    patience: Patience,
    _place: OwnedSemaphorePermit,
}

struct Patience {
    after: Duration,
    end: Pin<Box<Sleep>>,
}

impl Patience {
    /// Passes a result on; while there is none, waits for the end of patience too.
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        moved: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.end.as_mut().reset(Instant::now() + self.after);
            return moved;
        }
        ready!(self.end.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.patience.judge(cx, moved)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patience.judge(cx, moved)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
