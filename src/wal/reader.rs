//! Reader: takes fields off the front of a message, each with a name for the error.

use super::{DecodeError, Lsn, PgTimestamp};

/// The bytes of a message that are still to be read.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    pub(super) fn bytes(
        &mut self,
        length: usize,
        reading: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(DecodeError::Truncated { reading })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Bytes with their length before them.
    pub(super) fn counted(&mut self, reading: &'static str) -> Result<&'a [u8], DecodeError> {
        // The protocol says Int32. No length is negative, so the sign bit can only mean bytes
        // that are not there.
        let length = self.u32(reading)?;
        self.bytes(length as usize, reading)
    }

    /// Text up to a zero byte.
    pub(super) fn text(&mut self, reading: &'static str) -> Result<&'a str, DecodeError> {
        let length = self
            .rest
            .iter()
            .position(|&byte| byte == 0)
            .ok_or(DecodeError::Truncated { reading })?;
        let text = self.bytes(length, reading)?;
        self.u8(reading)?;
        std::str::from_utf8(text).map_err(|_| DecodeError::NotUtf8 { what: reading })
    }

    pub(super) fn u8(&mut self, reading: &'static str) -> Result<u8, DecodeError> {
        self.array(reading).map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self, reading: &'static str) -> Result<u16, DecodeError> {
        self.array(reading).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, reading: &'static str) -> Result<u32, DecodeError> {
        self.array(reading).map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self, reading: &'static str) -> Result<i32, DecodeError> {
        self.array(reading).map(i32::from_be_bytes)
    }

    pub(super) fn lsn(&mut self, reading: &'static str) -> Result<Lsn, DecodeError> {
        self.array(reading).map(|bytes| Lsn::new(u64::from_be_bytes(bytes)))
    }

    pub(super) fn timestamp(&mut self, reading: &'static str) -> Result<PgTimestamp, DecodeError> {
        self.array(reading).map(|bytes| PgTimestamp(i64::from_be_bytes(bytes)))
    }

    /// A byte of flags of which only the bits in `defined` may be set.
    ///
    /// An unknown flag changes a meaning we do not know, so it is never ignored.
    pub(super) fn flags(&mut self, defined: u8, reading: &'static str) -> Result<u8, DecodeError> {
        match self.u8(reading)? {
            value if value & !defined == 0 => Ok(value),
            value => Err(DecodeError::BadValue { what: reading, value }),
        }
    }

    /// A byte that is 0 or 1.
    pub(super) fn bool(&mut self, reading: &'static str) -> Result<bool, DecodeError> {
        self.flags(1, reading).map(|value| value == 1)
    }

    /// Ends the reading: nothing may follow.
    pub(super) fn end(&self, after: &'static str) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { after, count }),
        }
    }

    fn array<const N: usize>(&mut self, reading: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) =
            self.rest.split_first_chunk().ok_or(DecodeError::Truncated { reading })?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::{DecodeError, Reader};

    #[test]
    fn a_field_that_is_cut_short_is_named_and_nothing_is_taken() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32("the xid"), Err(DecodeError::Truncated { reading: "the xid" }));
        assert_eq!(reader.rest(), [1, 2, 3]);
    }

    #[test]
    fn text_ends_at_its_zero_byte_and_needs_it() {
        let mut reader = Reader::new("é\0rest".as_bytes());
        assert_eq!(reader.text("a name"), Ok("é"));
        assert_eq!(reader.rest(), b"rest");
        assert_eq!(reader.text("a name"), Err(DecodeError::Truncated { reading: "a name" }));
        assert_eq!(
            Reader::new(b"\xFF\0").text("a name"),
            Err(DecodeError::NotUtf8 { what: "a name" })
        );
    }

    #[test]
    fn a_length_beyond_the_bytes_is_truncation_also_when_it_looks_negative() {
        for length in [2_u32, u32::MAX, 1 << 31] {
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.push(7);
            assert_eq!(
                Reader::new(&bytes).counted("a value"),
                Err(DecodeError::Truncated { reading: "a value" })
            );
        }
        assert_eq!(Reader::new(&[0, 0, 0, 1, 7]).counted("a value"), Ok(&[7][..]));
    }

    #[test]
    fn undefined_flags_are_an_error() {
        assert_eq!(Reader::new(&[3]).flags(3, "flags"), Ok(3));
        assert_eq!(
            Reader::new(&[4]).flags(3, "flags"),
            Err(DecodeError::BadValue { what: "flags", value: 4 })
        );
        assert_eq!(
            Reader::new(&[2]).bool("flag"),
            Err(DecodeError::BadValue { what: "flag", value: 2 })
        );
    }
}
