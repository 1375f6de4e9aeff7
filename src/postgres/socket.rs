//! Socket: a connected TCP or unix socket, tuned for a stream that must notice a dead peer.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream, lookup_host},
    time::timeout,
};

use super::{ConnInfo, Endpoint, Error};

/// What the protocol runs over.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// Connects to the server; tries each address of its name.
pub(crate) async fn connect(conninfo: &ConnInfo) -> Result<Box<dyn Transport>, Error> {
    let limit = conninfo.connect_timeout();
    let connected = timeout(limit, open(conninfo)).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", limit.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    });
    connected.map_err(|source| Error::Unreachable { endpoint: conninfo.endpoint(), source })
}

async fn open(conninfo: &ConnInfo) -> io::Result<Box<dyn Transport>> {
    let (host, port) = match conninfo.endpoint() {
        Endpoint::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp { host, port } => (host, port),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host.as_str(), port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                tune(&stream, conninfo)?;
                return Ok(Box::new(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A peer that vanished sends neither data nor FIN; keepalive finds out while we only read, the
/// user timeout while we write.
fn tune(stream: &TcpStream, conninfo: &ConnInfo) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    if let Some(keepalive) = conninfo.keepalive() {
        let tuned = socket2::TcpKeepalive::new()
            .with_time(keepalive.idle)
            .with_interval(keepalive.interval)
            .with_retries(keepalive.count);
        socket.set_tcp_keepalive(&tuned)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(limit) = conninfo.tcp_user_timeout() {
        socket.set_tcp_user_timeout(Some(limit))?;
    }
    Ok(())
}
