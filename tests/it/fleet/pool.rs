//! Access tokens that clients hold, to be asked about later.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::kit::dice::Dice;

/// So many that were not ended are kept, and as many that were.
const KEPT: usize = 300;

/// An access token.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) token: String,
    pub(super) jti: Uuid,
    /// The sign-in it rests on; none for a machine's own.
    pub(super) family: Option<u32>,
    /// Whether it came of an exchange.
    pub(super) exchanged: bool,
}

/// Tokens that nobody asked an end for, and others.
#[derive(Debug, Default)]
pub(super) struct Pool {
    good: VecDeque<Held>,
    ended: VecDeque<Held>,
}

impl Pool {
    pub(super) fn keep(&mut self, held: Held) {
        self.good.push_back(held);
        if self.good.len() > KEPT {
            self.good.pop_front();
        }
    }

    /// Any token that should be good.
    pub(super) fn good(&self, dice: &mut Dice) -> Option<Held> {
        any(&self.good, dice)
    }

    /// Any token that an app holds and that should be good.
    pub(super) fn of_an_app(&self, dice: &mut Dice) -> Option<Held> {
        let is_one = |held: &Held| held.family.is_some() && !held.exchanged;
        (0..10).find_map(|_| self.good(dice).filter(is_one))
    }

    /// Any token that may have been ended.
    pub(super) fn ended(&self, dice: &mut Dice) -> Option<Held> {
        any(&self.ended, dice)
    }

    /// A machine's token, whose end will be asked for.
    pub(super) fn give_up_one(&mut self, dice: &mut Dice) -> Option<Held> {
        let held = (0..10).find_map(|_| self.good(dice).filter(|held| held.family.is_none()))?;
        self.good.retain(|it| it.jti != held.jti);
        self.end(held.clone());
        Some(held)
    }

    /// All tokens of a family, whose end will be asked for.
    pub(super) fn give_up_family(&mut self, family: u32) -> Vec<Held> {
        let is_of_it = |held: &Held| held.family == Some(family);
        let (gone, good): (Vec<Held>, Vec<Held>) = self.good.drain(..).partition(is_of_it);
        self.good = good.into();
        gone.iter().for_each(|held| self.end(held.clone()));
        gone
    }

    fn end(&mut self, held: Held) {
        self.ended.push_back(held);
        if self.ended.len() > KEPT {
            self.ended.pop_front();
        }
    }
}

fn any(tokens: &VecDeque<Held>, dice: &mut Dice) -> Option<Held> {
    if tokens.is_empty() { None } else { tokens.get(dice.throw(tokens.len())).cloned() }
}
