//! Template filters, next to askama's own escaping and never instead of it.

use std::fmt::Display;

/// Accents that may follow one character; natural scripts stay well below.
const MARKS_PER_CHARACTER: usize = 4;

/// Text from outside, made fit to be looked at: see [`readable_text`].
#[askama::filter_fn]
pub(super) fn readable(
    value: impl Display,
    _: &dyn askama::Values,
    limit: usize,
) -> askama::Result<String> {
    Ok(readable_text(&value.to_string(), limit))
}

/// Cuts `text` to `limit` characters, with an ellipsis, and takes away its means
/// to deceive the eye: line breaks become spaces, other invisible and
/// direction-changing characters become U+FFFD, piles of accents are levelled.
pub(super) fn readable_text(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut marks = 0;
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        marks = if is_mark(character) { marks + 1 } else { 0 };
        if marks > MARKS_PER_CHARACTER {
            continue;
        }
        shown.push(match character {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            other if is_invisible(other) => '\u{fffd}',
            other => other,
        });
    }
    shown
}

/// Characters without a shape of their own. The joiners U+200C and U+200D are
/// left alone: Persian, Indic scripts and emoji need them.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Combining marks that stack above and below a character.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::readable_text;

    #[test]
    fn ordinary_names_are_left_alone() {
        for name in ["Claude Code", "Zoë’s client", "日本語", "می‌خواهم", "👩‍💻 tools"]
        {
            assert_eq!(readable_text(name, 80), name);
        }
    }

    #[test]
    fn invisible_and_direction_changing_characters_are_made_visible() {
        assert_eq!(readable_text("a\u{202e}b\u{0}c\u{200b}d", 80), "a\u{fffd}b\u{fffd}c\u{fffd}d");
        assert_eq!(readable_text("two\nlines", 80), "two lines");
    }

    #[test]
    fn a_long_text_is_cut_at_the_limit_and_says_so() {
        assert_eq!(readable_text("ääää", 4), "ääää");
        assert_eq!(readable_text("äääää", 4), "ääää…");
    }

    #[test]
    fn a_pile_of_accents_cannot_grow_over_its_neighbours() {
        let pile = format!("a{}b", "\u{301}".repeat(60));
        assert_eq!(readable_text(&pile, 80), "a\u{301}\u{301}\u{301}\u{301}b");
    }
}
