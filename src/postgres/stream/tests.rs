//! Frames that TLS has decrypted and the socket no longer holds.

use super::*;
use crate::postgres::{Config, channel, channel::Route, wire::Wire};

/// `count` CopyData messages with as many bytes as their number.
fn messages(count: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..count {
        bytes.push(b'd');
        bytes.extend((u32::from(number) + 4).to_be_bytes());
        bytes.extend(std::iter::repeat_n(b'x', number.into()));
    }
    bytes
}

async fn stream_of(bytes: Vec<u8>) -> ReplicationStream {
    let conninfo = channel::fixture::that_says(bytes, Some(b"postgresql")).await;
    let opened = Route::of(&conninfo).open().await.unwrap_or_else(|error| panic!("{error}"));
    let wire = Wire::new(opened.transport, pgwire::api::client::Config::new());
    let (slot, publication) = (String::new(), String::new());
    let config = Config { conninfo, password_file: None, slot, publication };
    let security = opened.security;
    ReplicationStream { connection: ReplicationConnection { wire, config, security } }
}

#[tokio::test]
async fn no_frame_stays_inside_tls_when_the_socket_is_empty() {
    // Many records of TLS, and more than one read.
    let count = 800;
    let mut stream = stream_of(messages(count)).await;
    let (mut seen, mut waits) = (0, 0);
    while seen < count {
        let frame = match stream.try_next_frame().unwrap() {
            Some(frame) => frame,
            None => {
                waits += 1;
                timeout(Duration::from_secs(5), stream.next_frame()).await.expect("stuck").unwrap()
            }
        };
        assert_eq!(frame.len(), usize::from(seen));
        seen += 1;
    }
    assert!(waits < count, "each frame was waited for");
    assert!(stream.try_next_frame().unwrap().is_none());
}
