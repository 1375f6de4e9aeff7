//! Frame: what one CopyData message of the replication stream carries, and the reply to it.
//!
//! Layouts: PostgreSQL manual, "Streaming Replication Protocol", under START_REPLICATION.

use super::{DecodeError, Lsn, PgTimestamp, reader::Reader};

const XLOG_DATA: u8 = b'w';
const KEEPALIVE: u8 = b'k';
const STATUS_UPDATE: u8 = b'r';

/// The payload of one CopyData message from the walsender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// One pgoutput message.
    XLogData {
        /// The WAL record behind this message; for a Commit the end of it. 0/0 for all but the
        /// last message that one record causes: for Relation and Type, and for a Begin that an
        /// Origin follows. So it is no measure of progress.
        wal_start: Lsn,
        /// The manual calls it the server's current end of WAL. With logical decoding the
        /// walsender fills in `wal_start` again.
        wal_end: Lsn,
        /// The server's clock when it sent the frame.
        sent_at: PgTimestamp,
        /// The pgoutput message, for [`LogicalMessage::decode`](super::LogicalMessage::decode).
        body: &'a [u8],
    },
    /// A sign of life that says how far the walsender has read.
    Keepalive {
        /// How far the walsender has decoded and sent. All that commits before it was sent, so
        /// it may be confirmed when nothing is open or in flight.
        wal_end: Lsn,
        /// The server's clock when it sent the frame.
        sent_at: PgTimestamp,
        /// The server wants a status update at once, else `wal_sender_timeout` ends the
        /// connection. It asks at half of that time, and before it shuts down.
        reply_requested: bool,
    },
}

impl<'a> Frame<'a> {
    /// Reads the payload of a CopyData message.
    ///
    /// # Errors
    ///
    /// When the tag is unknown, the header is cut short, or bytes follow a keepalive. The body
    /// of XLogData is not looked at.
    pub fn decode(payload: &'a [u8]) -> Result<Frame<'a>, DecodeError> {
        let mut reader = Reader::new(payload);
        match reader.u8("the frame's tag")? {
            XLOG_DATA => Ok(Frame::XLogData {
                wal_start: reader.lsn("wal_start of XLogData")?,
                wal_end: reader.lsn("wal_end of XLogData")?,
                sent_at: reader.timestamp("sent_at of XLogData")?,
                body: reader.rest(),
            }),
            KEEPALIVE => {
                let keepalive = Frame::Keepalive {
                    wal_end: reader.lsn("wal_end of a keepalive")?,
                    sent_at: reader.timestamp("sent_at of a keepalive")?,
                    reply_requested: reader.bool("reply_requested of a keepalive")?,
                };
                reader.end("a keepalive")?;
                Ok(keepalive)
            }
            tag => Err(DecodeError::UnknownTag { what: "the frame", tag }),
        }
    }
}

/// The payload of the CopyData message that tells the server how far we are.
///
/// `flushed` is what moves the slot: the server takes it as `confirmed_flush_lsn` and frees the
/// WAL before it, unchecked, even beyond what it ever sent. 0/0 moves nothing. `written` and
/// `applied` are only shown in `pg_stat_replication` for a logical slot that no
/// `synchronous_standby_names` waits for. All are one byte past the last one meant, which is what
/// a Commit's `end_lsn` is. With `reply_requested` the server answers with a keepalive.
pub fn encode_status_update(
    written: Lsn,
    flushed: Lsn,
    applied: Lsn,
    now: PgTimestamp,
    reply_requested: bool,
) -> [u8; 34] {
    let mut bytes = [0; 34];
    bytes[0] = STATUS_UPDATE;
    bytes[1..9].copy_from_slice(&written.as_u64().to_be_bytes());
    bytes[9..17].copy_from_slice(&flushed.as_u64().to_be_bytes());
    bytes[17..25].copy_from_slice(&applied.as_u64().to_be_bytes());
    bytes[25..33].copy_from_slice(&now.0.to_be_bytes());
    bytes[33] = u8::from(reply_requested);
    bytes
}

/// A status update as the server reads it; see [`encode_status_update`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Received up to here.
    pub written: Lsn,
    /// Safe up to here: the slot may forget what is before.
    pub flushed: Lsn,
    /// Applied up to here.
    pub applied: Lsn,
    /// The client's clock when it sent the update.
    pub sent_at: PgTimestamp,
    /// Whether the server shall answer with a keepalive.
    pub reply_requested: bool,
}

/// Reads a status update, the server's half of [`encode_status_update`]: a scripted server checks
/// with it what was confirmed.
///
/// # Errors
///
/// When the bytes are anything but one whole status update.
pub fn decode_status_update(payload: &[u8]) -> Result<StatusUpdate, DecodeError> {
    let mut reader = Reader::new(payload);
    match reader.u8("the status update's tag")? {
        STATUS_UPDATE => {}
        tag => return Err(DecodeError::UnknownTag { what: "the status update", tag }),
    }
    let update = StatusUpdate {
        written: reader.lsn("written of a status update")?,
        flushed: reader.lsn("flushed of a status update")?,
        applied: reader.lsn("applied of a status update")?,
        sent_at: reader.timestamp("sent_at of a status update")?,
        reply_requested: reader.bool("reply_requested of a status update")?,
    };
    reader.end("a status update")?;
    Ok(update)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Frame, StatusUpdate, decode_status_update, encode_status_update};
    use crate::wal::{DecodeError, LogicalMessage, Lsn, PgTimestamp, fixture};

    const CAPTURED: &str = include_str!("../../tests/fixtures/pgoutput/frames-15.txt");

    #[test]
    fn a_server_gives_no_position_for_begin_before_origin_nor_for_relation() {
        let captured = fixture::parse(CAPTURED);
        for (name, has_position) in
            [("begin", false), ("origin", true), ("relation", false), ("insert", true)]
        {
            match Frame::decode(&captured[name]).unwrap() {
                Frame::XLogData { wal_start, wal_end, body, .. } => {
                    assert_eq!(wal_start, wal_end, "{name}");
                    assert_eq!(wal_start > Lsn::ZERO, has_position, "{name}");
                    assert!(LogicalMessage::decode(body).is_ok(), "{name}");
                }
                other => panic!("{name} is {other:?}"),
            }
        }
    }

    #[test]
    fn a_commit_is_framed_with_its_end_and_a_keepalive_has_a_position() {
        let captured = fixture::parse(CAPTURED);
        let Frame::XLogData { wal_start, sent_at, body, .. } =
            Frame::decode(&captured["commit"]).unwrap()
        else {
            panic!("no XLogData")
        };
        let LogicalMessage::Commit { end_lsn, commit_time, .. } =
            LogicalMessage::decode(body).unwrap()
        else {
            panic!("no Commit")
        };
        assert_eq!(wal_start, end_lsn);
        // 2020-01-01 and 2100-01-01.
        assert!((1_577_836_800_000..4_102_444_800_000).contains(&sent_at.unix_millis()));
        assert_eq!(commit_time, PgTimestamp(0), "the origin was set up without a time");
        let Frame::Keepalive { wal_end, reply_requested, .. } =
            Frame::decode(&captured["keepalive"]).unwrap()
        else {
            panic!("no keepalive")
        };
        assert!(wal_end > Lsn::ZERO && !reply_requested);
    }

    fn header(tag: u8, numbers: &[u64]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        bytes
    }

    #[test]
    fn xlog_data_borrows_its_body() {
        let mut payload = header(b'w', &[1, 2, 3]);
        payload.extend(b"body");
        assert_eq!(
            Frame::decode(&payload),
            Ok(Frame::XLogData {
                wal_start: Lsn::new(1),
                wal_end: Lsn::new(2),
                sent_at: PgTimestamp(3),
                body: b"body",
            })
        );
    }

    #[test]
    fn a_keepalive_asks_for_a_reply_or_not() {
        for (byte, asked) in [(0, false), (1, true)] {
            let mut payload = header(b'k', &[7, 8]);
            payload.push(byte);
            assert_eq!(
                Frame::decode(&payload),
                Ok(Frame::Keepalive {
                    wal_end: Lsn::new(7),
                    sent_at: PgTimestamp(8),
                    reply_requested: asked,
                })
            );
        }
    }

    #[test]
    fn a_status_update_has_the_layout_of_the_manual() {
        let bytes = encode_status_update(
            Lsn::new(0x0102_0304_0506_0708),
            Lsn::new(2),
            Lsn::new(3),
            PgTimestamp(-1),
            true,
        );
        let mut expected = vec![b'r', 1, 2, 3, 4, 5, 6, 7, 8];
        expected.extend([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]);
        expected.extend([0xFF; 8]);
        expected.push(1);
        assert_eq!(bytes[..], expected);
    }

    #[test]
    fn what_is_no_frame_is_named() {
        let sentence = |payload: &[u8]| Frame::decode(payload).unwrap_err().to_string();
        assert_eq!(sentence(b""), "the message ends within the frame's tag");
        assert_eq!(sentence(b"x"), "the frame has the unknown tag 'x'");
        assert_eq!(sentence(&header(b'w', &[1, 2])), "the message ends within sent_at of XLogData");
        assert_eq!(
            sentence(&header(b'k', &[1, 2])),
            "the message ends within reply_requested of a keepalive"
        );
        let mut keepalive = header(b'k', &[1, 2]);
        keepalive.push(2);
        assert_eq!(sentence(&keepalive), "reply_requested of a keepalive: 2 is undefined");
        assert_eq!(
            decode_status_update(&header(b'k', &[1, 2])),
            Err(DecodeError::UnknownTag { what: "the status update", tag: b'k' })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_frame_or_an_error(payload: Vec<u8>) {
            let _ = Frame::decode(&payload);
            let _ = decode_status_update(&payload);
        }

        #[test]
        fn any_xlog_data_round_trips(start: u64, end: u64, at: i64, body: Vec<u8>) {
            let mut payload = header(b'w', &[start, end, at as u64]);
            payload.extend(&body);
            prop_assert_eq!(
                Frame::decode(&payload),
                Ok(Frame::XLogData {
                    wal_start: Lsn::new(start),
                    wal_end: Lsn::new(end),
                    sent_at: PgTimestamp(at),
                    body: &body,
                })
            );
            for length in 0..25 {
                let cut = matches!(
                    Frame::decode(&payload[..length]),
                    Err(DecodeError::Truncated { .. })
                );
                prop_assert!(cut, "{} bytes", length);
            }
        }

        #[test]
        fn any_keepalive_round_trips_and_neither_ends_early_nor_late(
            end: u64,
            at: i64,
            reply_requested: bool,
        ) {
            let mut payload = header(b'k', &[end, at as u64]);
            payload.push(u8::from(reply_requested));
            let keepalive =
                Frame::Keepalive { wal_end: Lsn::new(end), sent_at: PgTimestamp(at), reply_requested };
            prop_assert_eq!(Frame::decode(&payload), Ok(keepalive));
            for length in 0..payload.len() {
                prop_assert!(Frame::decode(&payload[..length]).is_err(), "{} bytes", length);
            }
            payload.push(0);
            prop_assert_eq!(
                Frame::decode(&payload),
                Err(DecodeError::TrailingBytes { after: "a keepalive", count: 1 })
            );
        }

        #[test]
        fn any_status_update_round_trips(lsns: [u64; 3], at: i64, reply_requested: bool) {
            let [written, flushed, applied] = lsns.map(Lsn::new);
            let sent_at = PgTimestamp(at);
            let bytes = encode_status_update(written, flushed, applied, sent_at, reply_requested);
            prop_assert_eq!(
                decode_status_update(&bytes),
                Ok(StatusUpdate { written, flushed, applied, sent_at, reply_requested })
            );
            for length in 0..bytes.len() {
                prop_assert!(decode_status_update(&bytes[..length]).is_err(), "{} bytes", length);
            }
            prop_assert!(decode_status_update(&[&bytes[..], &[0]].concat()).is_err());
        }
    }
}
