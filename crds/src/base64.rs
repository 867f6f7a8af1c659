//! Base 64, as far as rules ask: how long the decoded text is.

/// The length of what `text` encodes (RFC 4648 section 4); `None` when it encodes nothing. Line breaks do not count.
pub(crate) fn decoded_length(text: &str) -> Option<usize> {
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let digits = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let padding = text.len() - digits;
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if padding > 2 || !text.len().is_multiple_of(4) || !text.iter().take(digits).all(is_digit) {
        return None;
    }
    Some(text.len() / 4 * 3 - padding)
}

#[cfg(test)]
mod tests {
    use super::decoded_length;

    #[test]
    fn the_length_of_the_decoded_text_is_told() {
        for (text, length) in [
            ("", Some(0)),
            ("QQ==", Some(1)),
            ("QUI=", Some(2)),
            ("QUJD", Some(3)),
            ("QU\nJD\r\n", Some(3)),
            ("QQ", None),
            ("Q===", None),
            ("====", None),
            ("QQ=A", None),
            ("Q Q=", None),
            ("Q-_=", None),
        ] {
            assert_eq!(decoded_length(text), length, "{text:?}");
        }
    }
}
