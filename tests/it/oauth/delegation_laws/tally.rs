//! What came up in all the histories, so that nobody takes an empty test for a passed one.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) steps: usize,
    pub(super) exchanges: usize,
    pub(super) issued: usize,
    pub(super) by_link: usize,
    pub(super) around_a_link: usize,
    pub(super) deepest: usize,
    pub(super) longest_chain: usize,
    pub(super) looks: usize,
    /// How many tokens that worked each act of the table reached.
    pub(super) reached: BTreeMap<&'static str, usize>,
}

impl Tally {
    pub(super) fn exchanged(&mut self, by_link: bool, chain: usize, generations: usize) {
        self.issued += 1;
        self.by_link += usize::from(by_link);
        self.longest_chain = self.longest_chain.max(chain);
        self.deepest = self.deepest.max(generations);
    }

    pub(super) fn reached(&mut self, act: &'static str, tokens: usize) {
        *self.reached.entry(act).or_default() += tokens;
    }

    pub(super) fn add(&mut self, other: &Tally) {
        self.steps += other.steps;
        self.exchanges += other.exchanges;
        self.issued += other.issued;
        self.by_link += other.by_link;
        self.around_a_link += other.around_a_link;
        self.looks += other.looks;
        self.deepest = self.deepest.max(other.deepest);
        self.longest_chain = self.longest_chain.max(other.longest_chain);
        for (act, tokens) in &other.reached {
            *self.reached.entry(act).or_default() += tokens;
        }
    }

    /// Fails unless enough came up to mean anything: of every act in the table, that it reached
    /// a token that worked.
    pub(super) fn is_enough(&self) {
        let Tally { exchanges, issued, deepest, longest_chain, by_link, around_a_link, .. } = *self;
        assert!(issued * 5 > exchanges && issued > 80, "too few exchanges were allowed: {self:#?}");
        assert!(exchanges - issued > 50, "too few exchanges were refused: {self:#?}");
        assert!(deepest >= 3 && longest_chain >= 2 && by_link > 5, "nothing goes deep: {self:#?}");
        assert!(around_a_link > 0, "no link stood beside the way: {self:#?}");
        for act in ACTS {
            let tokens = self.reached.get(act).copied().unwrap_or(0);
            assert!(tokens > 0, "'{act}' reached nothing: {self:#?}");
        }
    }
}

/// The acts of "What revocation reaches".
const ACTS: [&str; 15] = [
    "consent grant revoked",
    "user disabled",
    "user deleted",
    "user force-logout",
    "all tokens of a user revoked",
    "client suspended",
    "client revoked",
    "client deleted",
    "agent killed",
    "family reuse",
    "code redeemed twice",
    "refresh token given back",
    "issuance revoked",
    "resource deleted",
    "link deleted or narrowed",
];
