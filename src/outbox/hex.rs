//! bytea as text: PostgreSQL's hex output format, `\x` and two digits a byte.

/// Appends the bytes that `text` stands for to `out`.
///
/// `None` when `text` is not in the hex format; `out` may then hold a part of it. The older
/// "escape" format is refused rather than guessed at: in it a backslash is doubled, so it can
/// never begin with `\x`.
pub(super) fn decode_bytea(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (pairs, []) = text.strip_prefix(b"\\x")?.as_chunks::<2>() else { return None };
    out.reserve(pairs.len());
    for [high, low] in pairs {
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        // No digit is larger than 15, so a byte that is none shows in the high bits.
        if (high | low) & 0xF0 != 0 {
            return None;
        }
        out.push(high << 4 | low);
    }
    Some(())
}

const NO_DIGIT: u8 = 0xFF;

/// The value of each hex digit, by its ASCII code. Payloads of megabytes pass through here.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        digits[digit as usize] = value as u8;
        digits[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode_bytea(text, &mut out).map(|()| out)
    }

    #[test]
    fn hex_text_becomes_its_bytes() {
        assert_eq!(decoded(b"\\x"), Some(vec![]));
        assert_eq!(decoded(b"\\x00ff7F"), Some(vec![0x00, 0xFF, 0x7F]));
    }

    #[test]
    fn what_is_not_the_hex_format_is_refused() {
        for text in ["", "\\", "x00", "abc", "\\\\x00", "\\000", "\\x0", "\\x0g", "\\x 0", "\\xé"]
        {
            assert_eq!(decoded(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn decoding_appends() {
        let mut out = b"key-".to_vec();
        assert_eq!(decode_bytea(b"\\x6162", &mut out), Some(()));
        assert_eq!(out, b"key-ab");
    }

    proptest! {
        #[test]
        fn every_byte_string_comes_back(bytes: Vec<u8>, upper: bool) {
            let digit = |b: &u8| if upper { format!("{b:02X}") } else { format!("{b:02x}") };
            let text = format!("\\x{}", bytes.iter().map(digit).collect::<String>());
            prop_assert_eq!(decoded(text.as_bytes()), Some(bytes));
        }

        #[test]
        fn any_bytes_give_a_value_or_none(text: Vec<u8>) {
            decoded(&text);
        }
    }
}
