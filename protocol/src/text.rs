//! Text that a stranger wrote and a person will read.
//!
//! Client names, scope descriptions and error texts arrive from self-registered
//! clients. HTML escaping alone does not stop a name from reordering the sentence
//! around it, hiding half of itself, or forging a second log line; [`visible`] does.

use serde_json::Value;

/// Makes `text` safe to show or log: one line, no control characters, no
/// bidirectional overrides, no invisible characters, at most `max` characters.
///
/// Runs of whitespace become one space and the ends are trimmed. Longer text is
/// cut and ends in `…`, which counts towards `max`. It does *not* escape HTML.
#[must_use]
pub fn visible(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max.saturating_mul(4)));
    let mut length = 0_usize;
    let mut space_due = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space_due = length > 0;
            continue;
        }
        if c.is_control() || is_invisible(c) {
            continue;
        }
        let needed = 1 + usize::from(space_due);
        if length + needed > max {
            return cut(out, length, max);
        }
        if space_due {
            out.push(' ');
            space_due = false;
        }
        out.push(c);
        length += needed;
    }
    out
}

/// Whether `uri` has only bytes that an URI may have, and not too many. Parsers forgive what
/// browsers forgive, and each of them something else.
#[must_use]
pub fn is_clean_uri(uri: &str, longest: usize) -> bool {
    let clean = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
    uri.len() <= longest && uri.bytes().all(clean)
}

/// `bytes` in hexadecimal digits, in lower case.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Marks `out` (of `length` characters) as cut, making room for the ellipsis.
fn cut(mut out: String, length: usize, max: usize) -> String {
    if max == 0 {
        return out;
    }
    if length >= max {
        out.pop();
    }
    out.push('…');
    out
}

/// True for characters that take no ink or change the order of what follows:
/// bidirectional controls, zero-width characters, fillers and tag characters.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// The media type of a `Content-Type`, without its parameters (RFC 9110 §8.3).
#[must_use]
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether any text in `value` holds U+0000, at any depth; the parser bounds the depth.
/// PostgreSQL keeps no such text, and no name or id of ours has it.
#[must_use]
pub fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => {
            members.iter().any(|(name, member)| name.contains('\0') || holds_nul(member))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_pass_unchanged() {
        assert_eq!(visible("Claude Code (Zürich) 日本", 64), "Claude Code (Zürich) 日本");
    }

    #[test]
    fn line_breaks_cannot_forge_a_second_log_line() {
        assert_eq!(visible("good\r\n level=ERROR\u{2028}bad", 64), "good level=ERROR bad");
    }

    #[test]
    fn overrides_and_zero_width_characters_vanish() {
        assert_eq!(visible("\u{202E}lia\u{200B}m\u{2066}G\u{E0041}\u{FEFF}", 64), "liamG");
    }

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(visible("a\u{1b}[31mb\u{0}c\u{7f}\u{9b}", 64), "a[31mbc");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(visible("abcdef", 6), "abcdef");
        assert_eq!(visible("abcdefg", 6), "abcde…");
        assert_eq!(visible("abcde fg", 6), "abcde…");
        assert_eq!(visible("abc", 0), "");
        assert_eq!(visible("abc", 1), "…");
    }

    proptest! {
        #[test]
        fn the_result_is_always_one_short_visible_line(text in ".*", max in 0_usize..40) {
            let shown = visible(&text, max);
            prop_assert!(shown.chars().count() <= max);
            prop_assert!(shown.chars().all(|c| c == ' ' || !(c.is_control() || c.is_whitespace() || is_invisible(c))));
            prop_assert_eq!(shown.trim(), &shown);
        }

        #[test]
        fn showing_twice_changes_nothing(text in ".*", max in 1_usize..40) {
            let once = visible(&text, max);
            prop_assert_eq!(visible(&once, max), once);
        }
    }
}
