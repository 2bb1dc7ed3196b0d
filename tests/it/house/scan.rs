//! Enough of Rust's lexical grammar to find functions: literals and comments are blanked out, then
//! braces are counted. Not a parser; code that only a parser could read is not what we write.

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Line of the `fn` keyword, from 1.
    pub(super) line: usize,
    /// Lines from `fn` to the closing brace, both counted, with comments and blank lines.
    pub(super) lines: usize,
    pub(super) is_async: bool,
    /// Inside `impl Trait for Type`, where the trait chose the name.
    pub(super) of_a_trait_impl: bool,
}

/// The same text, same length and same lines, with comments and the insides of strings and
/// character literals turned into spaces.
pub(super) fn blank_out(text: &str) -> String {
    let mut blanker = Blanker { source: text.as_bytes(), kept: Vec::with_capacity(text.len()) };
    while blanker.at() < blanker.source.len() {
        blanker.step();
    }
    String::from_utf8(blanker.kept).unwrap()
}

/// Every function with a body in `blanked`, which comes from [`blank_out`].
pub(super) fn functions(blanked: &str) -> Vec<Function> {
    let mut open: Vec<Block<'_>> = Vec::new();
    let mut found = Vec::new();
    let (mut header_start, mut nesting) = (0, 0_usize);
    for (at, byte) in blanked.bytes().enumerate() {
        match byte {
            b'(' | b'[' => nesting += 1,
            b')' | b']' => nesting = nesting.saturating_sub(1),
            b'{' => {
                let header = &blanked[header_start..at];
                open.push(Block { header, header_start, nesting_outside: nesting });
                (header_start, nesting) = (at + 1, 0);
            }
            b'}' => {
                let Some(block) = open.pop() else { continue };
                found.extend(block.as_function(blanked, at, open.last()));
                (header_start, nesting) = (at + 1, block.nesting_outside);
            }
            // The `;` of `[u8; 32]` ends nothing.
            b';' if nesting == 0 => header_start = at + 1,
            _ => {}
        }
    }
    found.sort_by_key(|function| function.line);
    found
}

/// An open brace and what stands before it: from the last `;`, `{` or `}`.
struct Block<'text> {
    header: &'text str,
    header_start: usize,
    nesting_outside: usize,
}

impl Block<'_> {
    fn as_function(&self, text: &str, end: usize, outer: Option<&Block<'_>>) -> Option<Function> {
        let (keyword_at, name) = self.declared_name()?;
        let keyword_at = self.header_start + keyword_at;
        Some(Function {
            name,
            line: text[..keyword_at].matches('\n').count() + 1,
            lines: text[keyword_at..end].matches('\n').count() + 1,
            is_async: words(self.header).any(|(_, word)| word == "async"),
            of_a_trait_impl: outer.is_some_and(Block::implements_a_trait),
        })
    }

    /// Where `fn` stands in the header, and the name after it. `fn(u8) -> u8`, a type, has none.
    fn declared_name(&self) -> Option<(usize, String)> {
        let (at, _) = words(self.header).find(|(_, word)| *word == "fn")?;
        let (name_at, name) = words(self.header).find(|(name_at, _)| *name_at > at)?;
        let between = &self.header[at + 2..name_at];
        (between.trim().is_empty()).then(|| (at, name.to_owned()))
    }

    fn implements_a_trait(&self) -> bool {
        let follows = |at: usize| self.header[at..].trim_start().starts_with('<');
        let mut words = words(self.header);
        // `for<'a>` belongs to a bound; the `for` of a trait impl is followed by a type.
        words.any(|(_, word)| word == "impl")
            && words.any(|(at, word)| word == "for" && !follows(at + word.len()))
    }
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|letter: char| !is_of_a_word(letter)).filter(|word| !word.is_empty()).map(
        move |word| {
            let at = word.as_ptr().addr() - text.as_ptr().addr();
            (at, word)
        },
    )
}

fn is_of_a_word(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

struct Blanker<'text> {
    source: &'text [u8],
    kept: Vec<u8>,
}

impl Blanker<'_> {
    fn at(&self) -> usize {
        self.kept.len()
    }

    fn rest(&self) -> &[u8] {
        &self.source[self.at()..]
    }

    fn step(&mut self) {
        match self.rest() {
            [b'/', b'/', ..] => self.blank_while(|rest| rest[0] != b'\n'),
            [b'/', b'*', ..] => self.blank_block_comment(),
            [b'"', ..] => match self.hashes_of_a_raw_string() {
                Some(hashes) => self.blank_raw_string(hashes),
                None => self.blank_string(),
            },
            [b'\'', ..] => self.blank_character_or_keep_lifetime(),
            [byte, ..] => self.kept.push(*byte),
            [] => {}
        }
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count.min(self.source.len() - self.at()) {
            let byte = self.source[self.at()];
            self.kept.push(if byte == b'\n' { b'\n' } else { b' ' });
        }
    }

    fn blank_while(&mut self, goes_on: impl Fn(&[u8]) -> bool) {
        while !self.rest().is_empty() && goes_on(self.rest()) {
            self.blank(1);
        }
    }

    fn blank_block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.rest() {
                [b'/', b'*', ..] => depth += 1,
                [b'*', b'/', ..] => depth -= 1,
                [] => return,
                _ => {
                    self.blank(1);
                    continue;
                }
            }
            self.blank(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn blank_string(&mut self) {
        self.blank(1);
        loop {
            match self.rest() {
                [b'\\', ..] => self.blank(2),
                [b'"', ..] => return self.blank(1),
                [] => return,
                _ => self.blank(1),
            }
        }
    }

    /// Looks back from a quote: `r"`, `br#"`, `cr##"` open a raw string.
    fn hashes_of_a_raw_string(&self) -> Option<usize> {
        let hashes = self.kept.iter().rev().take_while(|byte| **byte == b'#').count();
        let before = &self.kept[..self.at() - hashes];
        let before = before.strip_suffix(b"r")?;
        let before = before.strip_suffix(b"b").or(before.strip_suffix(b"c")).unwrap_or(before);
        let starts_here = !before.last().is_some_and(|byte| is_of_a_word(char::from(*byte)));
        starts_here.then_some(hashes)
    }

    fn blank_raw_string(&mut self, hashes: usize) {
        let close = [b"\"".as_slice(), b"#".repeat(hashes).as_slice()].concat();
        self.blank(1);
        self.blank_while(|rest| !rest.starts_with(&close));
        self.blank(close.len());
    }

    /// `'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn blank_character_or_keep_lifetime(&mut self) {
        let rest = &self.rest()[1..];
        let closes_after = match rest {
            [b'\\', _, tail @ ..] => tail.iter().position(|byte| *byte == b'\'').map(|at| at + 2),
            [lead, ..] => {
                let width = utf8_width(*lead);
                (rest.get(width) == Some(&b'\'')).then_some(width)
            }
            [] => None,
        };
        match closes_after {
            Some(length) => self.blank(length + 2),
            None => self.kept.push(b'\''),
        }
    }
}

fn utf8_width(lead: u8) -> usize {
    match lead {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r##"
trait Says { fn declared_only(&self); }
impl Says for Quiet {
    fn declared_only(&self) {}
}
impl<F> Quiet where F: for<'a> Fn(&'a str) {
    // fn in_a_comment() { }
    pub async fn asks(&self, block: [u8; 32], then: fn(u8) -> u8) -> char {
        let brace = "fn in_a_string() { \" {";
        let raw = r#"fn raw() { " "#;
        run(|| { one(); two(); });
        /* { /* nested { */ */ if brace == '{' { '\'' } else { '}' }
    }
}
"##;

    #[test]
    fn literals_and_comments_are_blanked_and_lines_stay() {
        let blanked = blank_out(SAMPLE);
        assert_eq!(blanked.len(), SAMPLE.len());
        assert_eq!(blanked.lines().count(), SAMPLE.lines().count());
        for hidden in ["in_a_comment", "in_a_string", "raw()", "nested"] {
            assert!(!blanked.contains(hidden), "{hidden} should have been blanked");
        }
        assert!(blanked.contains("for<'a> Fn(&'a str)"), "lifetimes are code");
    }

    #[test]
    fn functions_are_found_with_their_lines_and_the_impl_they_stand_in() {
        let found = functions(&blank_out(SAMPLE));
        let expected = [("declared_only", 4, 1, false, true), ("asks", 8, 6, true, false)];
        let seen: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.line, f.lines, f.is_async, f.of_a_trait_impl))
            .collect();
        assert_eq!(seen, expected);
    }
}
