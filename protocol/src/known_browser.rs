//! A browser that somebody has signed in with before.
//!
//! Whoever fails on purpose under another's name must not lock that person out of the
//! browsers they use. So a browser keeps a cookie that says for whom it is known: an id of
//! its own, and a MAC over it and each address that has signed in there. It names nobody,
//! opens nothing, and is worth as many guesses as any network has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use subtle::ConstantTimeEq as _;

use crate::secret::HashKey;
use crate::secret_ring::Living;

/// Days a browser stays known after a sign-in.
pub const KNOWN_FOR_DAYS: i64 = 365;

/// People a browser is known for at most; the one who has not signed in for longest is
/// forgotten first.
const PEOPLE: usize = 5;
/// Bytes of an id, and of a mark. A forged mark gains a few guesses.
const LENGTH: usize = 16;
/// Longest cookie that is looked at.
const MAX_TEXT: usize = 256;

/// The browser, and for whom it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBrowser {
    id: [u8; LENGTH],
    marks: Vec<[u8; LENGTH]>,
}

impl KnownBrowser {
    /// A browser nobody has signed in with.
    #[must_use]
    pub fn new(random: [u8; LENGTH]) -> KnownBrowser {
        KnownBrowser { id: random, marks: Vec::new() }
    }

    /// What a browser sent; none when it cannot be read.
    #[must_use]
    pub fn parse(text: &str) -> Option<KnownBrowser> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let mut parts = text.split('.').map(|part| {
            let bytes = BASE64.decode(part).ok()?;
            <[u8; LENGTH]>::try_from(bytes).ok()
        });
        let id = parts.next()??;
        let marks: Vec<_> = parts.collect::<Option<_>>()?;
        (marks.len() <= PEOPLE).then_some(KnownBrowser { id, marks })
    }

    /// What the browser keeps.
    #[must_use]
    pub fn text(&self) -> String {
        let parts = std::iter::once(&self.id).chain(&self.marks);
        parts.map(|part| BASE64.encode(part)).collect::<Vec<_>>().join(".")
    }

    /// The browser's id, if `email` (in its canonical form) has signed in with it.
    #[must_use]
    pub fn known_for(&self, email: &str, keys: &Living<HashKey>) -> Option<[u8; LENGTH]> {
        let marked = |key| {
            let mark = self.mark(email, key);
            self.marks.iter().any(|held| held.ct_eq(&mark).into())
        };
        keys.iter().any(marked).then_some(self.id)
    }

    /// `email` (in its canonical form) has signed in with it.
    #[must_use]
    pub fn remembering(mut self, email: &str, keys: &Living<HashKey>) -> KnownBrowser {
        let marks: Vec<_> = keys.iter().map(|key| self.mark(email, key)).collect();
        self.marks.retain(|held| !marks.contains(held));
        self.marks.insert(0, self.mark(email, keys.active()));
        self.marks.truncate(PEOPLE);
        self
    }

    fn mark(&self, email: &str, key: &HashKey) -> [u8; LENGTH] {
        let message = [b"known browser\0".as_slice(), &self.id, email.as_bytes()].concat();
        let mut mark = [0; LENGTH];
        mark.copy_from_slice(&key.hash(&message)[..LENGTH]);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Purpose, RootSecret};

    fn key(seed: u8) -> Living<HashKey> {
        RootSecret::from_bytes([seed; 32]).key_for(Purpose::Cookie).into()
    }

    #[test]
    fn a_browser_is_known_for_whoever_signed_in_and_nobody_else() {
        let browser = KnownBrowser::new([1; 16]).remembering("ada@example.com", &key(1));
        let again = KnownBrowser::parse(&browser.text()).unwrap();
        assert_eq!(again.known_for("ada@example.com", &key(1)), Some([1; 16]));
        assert_eq!(again.known_for("grace@example.com", &key(1)), None);
        assert_eq!(again.known_for("ada@example.com", &key(2)), None, "another server's");
        assert!(!browser.text().contains("ada"));
    }

    #[test]
    fn a_mark_is_worth_nothing_in_another_browser() {
        let ours = KnownBrowser::new([1; 16]).remembering("ada@example.com", &key(1)).text();
        let mark = ours.split_once('.').unwrap().1;
        let theirs = format!("{}.{mark}", KnownBrowser::new([2; 16]).text());
        let theirs = KnownBrowser::parse(&theirs).unwrap();
        assert_eq!(theirs.known_for("ada@example.com", &key(1)), None);
    }

    #[test]
    fn only_the_last_few_people_are_remembered() {
        let people: Vec<String> = (0..8).map(|n| format!("{n}@example.com")).collect();
        let mut browser = KnownBrowser::new([1; 16]);
        for person in people.iter().chain(&people[6..7]) {
            browser = browser.remembering(person, &key(1));
        }
        let browser = KnownBrowser::parse(&browser.text()).unwrap();
        let known = |person: &&String| browser.known_for(person, &key(1)).is_some();
        assert_eq!(people.iter().filter(known).count(), 5);
        assert!(known(&&people[7]) && !known(&&people[2]));
    }

    #[test]
    fn anything_else_is_no_browser_of_ours() {
        let good = KnownBrowser::new([1; 16]).text();
        let many = format!("{good}{}", format!(".{good}").repeat(6));
        for text in ["", ".", "x", "%%%", &good[1..], &format!("{good}."), &many, &"A".repeat(999)]
        {
            assert_eq!(KnownBrowser::parse(text), None, "{text}");
        }
    }
}
