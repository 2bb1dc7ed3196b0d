//! Narrowing a key: its holder appends a block, without the server.

use biscuit_auth::builder::{
    Binary, BlockBuilder, Check, CheckKind, Expression, Op, Rule, Term, constrained_rule, pred,
    rule, string, var,
};
use biscuit_auth::{UnverifiedBiscuit, error};
use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::keys::pair;
use super::{Inspected, KeyName, MAX_NARROWINGS, MintedKey, Refusal, Rights, words};

/// What is taken away.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    /// Only these rights are left, as far as the key has them.
    pub rights: Option<Rights>,
    /// It ends then, if it does not end before.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the audit log adds to its name.
    pub label: Option<KeyName>,
}

/// Why a key is not narrowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNarrowed {
    /// It is no key that can be narrowed.
    #[error("{0}")]
    Key(#[from] Refusal),
    /// Nothing is to be changed.
    #[error("say what to narrow: fewer rights, an earlier end, or a label")]
    Nothing,
    /// The new rights are not among the old.
    #[error("the key does not have the right {0}: narrowing takes away, it cannot add")]
    Wider(crate::admin::Right),
    /// The new end is after the old.
    #[error("the key ends at {0} already: narrowing can only bring its end forward")]
    Later(DateTime<Utc>),
    /// No right would be left.
    #[error("no right would be left")]
    NoRights,
    /// The Biscuit library refused.
    #[error("the key cannot be narrowed: {0}")]
    Biscuit(String),
}

impl From<error::Token> for NotNarrowed {
    fn from(error: error::Token) -> NotNarrowed {
        NotNarrowed::Biscuit(error.to_string())
    }
}

impl MintedKey {
    /// A key that can do less. `random` makes the key pair that *it* is narrowed with.
    ///
    /// Needs no signature of ours and checks none: who narrows a forged key has another
    /// forged key. What would widen is refused for the holder's sake; the server would not
    /// count it.
    ///
    /// # Errors
    /// See [`NotNarrowed`].
    pub fn narrow(&self, less: &Narrowing, random: [u8; 32]) -> Result<MintedKey, NotNarrowed> {
        let held = Inspected::of(self)?;
        takes_away(less, &held)?;
        let random = Zeroizing::new(random);
        let next = pair(&random).ok_or_else(|| NotNarrowed::Biscuit("no key pair".to_owned()))?;
        let mut block = BlockBuilder::new();
        if let Some(rights) = &less.rights {
            block = block.check(only(rights))?;
        }
        if let Some(end) = less.expires_at {
            block = block.check(until(end))?;
        }
        if let Some(label) = &less.label {
            block = block.context(label.as_str().to_owned());
        }
        let biscuit = UnverifiedBiscuit::from(&self.bytes()?)?.append_with_keypair(&next, block)?;
        let narrowed = MintedKey::from_bytes(&biscuit.to_vec()?);
        Ok(MintedKey::presented(narrowed.expose())?)
    }
}

fn takes_away(less: &Narrowing, held: &Inspected) -> Result<(), NotNarrowed> {
    let Narrowing { rights, expires_at, label } = less;
    if rights.is_none() && expires_at.is_none() && label.is_none() {
        return Err(NotNarrowed::Nothing);
    }
    if held.narrowings.len() >= MAX_NARROWINGS {
        return Err(Refusal::TooManyBlocks.into());
    }
    if let Some(rights) = rights {
        if let Some(right) = rights.first_beyond(&held.rights) {
            return Err(NotNarrowed::Wider(right));
        }
        if rights.is_empty() {
            return Err(NotNarrowed::NoRights);
        }
    }
    match expires_at {
        Some(end) if *end > held.expires_at => Err(NotNarrowed::Later(held.expires_at)),
        _ => Ok(()),
    }
}

/// `check if time($t), $t < end`
pub(super) fn until(end: DateTime<Utc>) -> Check {
    let seconds = u64::try_from(end.timestamp()).unwrap_or(0);
    let time = var("t");
    let before = Expression {
        ops: vec![
            Op::Value(time.clone()),
            Op::Value(Term::Date(seconds)),
            Op::Binary(Binary::LessThan),
        ],
    };
    let query = constrained_rule(QUERY, NO_TERMS, &[pred(words::TIME, &[time])], &[before]);
    Check { queries: vec![query], kind: CheckKind::One }
}

/// `check if operation("clients", "read") or operation("keys", "write")`
fn only(rights: &Rights) -> Check {
    let one = |right: crate::admin::Right| {
        let terms = [string(right.area.as_str()), string(right.verb.as_str())];
        let operation = pred(words::OPERATION, &terms);
        let query: Rule = rule(QUERY, NO_TERMS, &[operation]);
        query
    };
    Check { queries: rights.iter().map(one).collect(), kind: CheckKind::One }
}

/// How Biscuit calls the head of a check.
const QUERY: &str = "query";
const NO_TERMS: &[Term] = &[];
