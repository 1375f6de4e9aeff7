//! Codec: pgwire's, behind a look at each message as a whole.

use bytes::{Buf, BytesMut};
use pgwire::{
    error::PgWireError,
    messages::{PgWireBackendMessage, PgWireFrontendMessage},
    tokio::client::PgWireMessageClientCodec,
};
use tokio_util::codec::{Decoder, Encoder};

/// Tag and length.
const HEAD: usize = 5;

/// What the length says of itself.
const LENGTH: usize = 4;

/// Zeros behind a message that is read by pgwire, so that it ends where it has no end of its own.
const PADDING: usize = 16;

/// The bulk of a stream. It has no inner form that could be wrong.
const COPY_DATA: u8 = b'd';

/// What the columns of an answer are called. We know, and pgwire trusts the count in it.
const ROW_DESCRIPTION: u8 = b'T';

/// Messages that a server may send to us, each with the shortest body it can have.
///
/// The rest belongs to what we never ask for.
const SHORTEST: [(u8, usize); 14] = [
    (COPY_DATA, 0),
    (b'A', 6),
    (b'C', 1),
    (b'D', 2),
    (b'E', 1),
    (b'K', 8),
    (b'N', 1),
    (b'R', 4),
    (b'S', 2),
    (ROW_DESCRIPTION, 2),
    (b'W', 3),
    (b'Z', 1),
    (b'c', 0),
    (b'v', 8),
];

/// Gives pgwire one whole message at a time.
///
/// By itself it takes the bytes behind a message that is too short for part of it, and where there
/// are none it panics.
#[derive(Debug, Default)]
pub(super) struct WholeMessages(PgWireMessageClientCodec);

impl Decoder for WholeMessages {
    type Item = PgWireBackendMessage;
    type Error = PgWireError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Self::Item>, PgWireError> {
        loop {
            let Some(&[tag, a, b, c, d]) = bytes.first_chunk::<HEAD>() else { return Ok(None) };
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let Some((_, shortest)) = SHORTEST.iter().find(|(known, _)| *known == tag) else {
                return Err(PgWireError::InvalidMessageType(tag));
            };
            if length < LENGTH + shortest {
                return Err(too_short(shortest + LENGTH, length));
            }
            if tag == COPY_DATA || bytes.len() <= length {
                // pgwire refuses what is too large, and waits for the rest.
                return self.0.decode(bytes);
            }
            if tag == ROW_DESCRIPTION {
                bytes.advance(1 + length);
                continue;
            }
            let mut message = BytesMut::with_capacity(1 + length + PADDING);
            message.extend_from_slice(&bytes.split_to(1 + length));
            message.extend_from_slice(&[0; PADDING]);
            let decoded = self.0.decode(&mut message)?;
            if message.len() < PADDING {
                return Err(too_short(length + PADDING - message.len(), length));
            }
            return Ok(decoded);
        }
    }
}

fn too_short(needed: usize, length: usize) -> PgWireError {
    PgWireError::InvalidElementCount(1, needed, length)
}

impl Encoder<PgWireFrontendMessage> for WholeMessages {
    type Error = PgWireError;

    fn encode(
        &mut self,
        message: PgWireFrontendMessage,
        bytes: &mut BytesMut,
    ) -> Result<(), PgWireError> {
        self.0.encode(message, bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(tag: u8, body: &[u8]) -> BytesMut {
        let length = (body.len() as u32 + 4).to_be_bytes();
        BytesMut::from(&[&[tag][..], &length, body].concat()[..])
    }

    #[test]
    fn a_message_without_its_end_does_not_eat_the_next_one() {
        let mut bytes = message(b'E', b"SERROR\0C57P01\0Mwords");
        bytes.extend_from_slice(&message(b'd', b"frame"));
        assert!(WholeMessages::default().decode(&mut bytes).is_err());
    }

    #[test]
    fn a_length_that_is_no_length_is_an_error_at_once() {
        for length in [0, 3, u32::MAX, 0x7fff_ffff] {
            let mut bytes = BytesMut::from(&[&b"d"[..], &length.to_be_bytes()].concat()[..]);
            assert!(WholeMessages::default().decode(&mut bytes).is_err(), "{length}");
        }
    }

    #[test]
    fn what_has_not_come_whole_is_waited_for() {
        let whole = message(b'E', b"SERROR\0C57P01\0Mwords\0\0");
        for length in 0..whole.len() {
            let mut bytes = BytesMut::from(&whole[..length]);
            assert!(WholeMessages::default().decode(&mut bytes).unwrap().is_none(), "{length}");
        }
        let mut bytes = whole;
        assert!(WholeMessages::default().decode(&mut bytes).unwrap().is_some() && bytes.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn no_body_of_any_message_panics(
            tag in prop::sample::select(SHORTEST.map(|(tag, _)| tag).to_vec()),
            body in prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..60),
            behind in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = message(tag, &body);
            bytes.extend_from_slice(&behind);
            let decoded = WholeMessages::default().decode(&mut bytes);
            if tag != ROW_DESCRIPTION && decoded.is_ok_and(|found| found.is_some()) {
                prop_assert_eq!(bytes.len(), behind.len());
            }
        }
    }
}
