//! Refusals that anybody can cause, and how many of them are written down.
//!
//! The audit log is kept for a year, so it must not grow by a row with every request that
//! a stranger sends: an attacker would size it. The first few refusals of a kind tell the
//! operator all there is to tell about whom they concern; the rest only count in the
//! metrics. A refusal is therefore not an [`Event`] but a [`Denial`], and the one way from
//! here to there is [`Denials::news`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::audit::{Actor, Event, Origin};

/// Rows of one kind about one of them in one window.
const ROWS: u32 = 10;
/// The window; begins with the first.
const WINDOW: Duration = Duration::from_secs(600);
/// Of how many it is remembered what was written; beyond it the quietest are forgotten.
const REMEMBERED: u64 = 10_000;

/// A refusal on its way into the audit log, if it is news.
#[derive(Debug, Clone)]
pub struct Denial(Event);

impl Denial {
    /// `action` is what `origin` was refused.
    #[must_use]
    pub fn new(action: &'static str, origin: &Origin) -> Denial {
        Denial(Event::new(action, origin))
    }

    /// Who was refused. Only somebody who exists: a name that was made up is nobody's.
    #[must_use]
    pub fn by(self, actor_id: impl Into<Actor>) -> Denial {
        Denial(self.0.by(actor_id))
    }

    /// The client it concerns; one that exists.
    #[must_use]
    pub fn client(self, client_id: &str) -> Denial {
        Denial(self.0.client(client_id))
    }

    /// Adds `key=value` to the detail.
    #[must_use]
    pub fn with(self, key: &str, value: impl fmt::Display) -> Denial {
        Denial(self.0.with(key, value))
    }

    /// What it is and whom it is about. All that concern nobody we know are one.
    fn subject(&self) -> Subject {
        let (action, who) = self.0.subject();
        (action, who.unwrap_or_default().to_owned())
    }
}

type Subject = (&'static str, String);

/// Which refusals were written down lately. Clones remember together.
#[derive(Clone)]
pub struct Denials(moka::sync::Cache<Subject, Arc<AtomicU32>>);

impl Denials {
    /// Counts one more; the event, if it is to be written down.
    #[must_use]
    pub fn news(&self, denial: Denial) -> Option<Event> {
        let seen = self.0.get_with(denial.subject(), Arc::default);
        // Saturates: a counter that came round would be news again.
        let before = seen.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1));
        before.is_ok_and(|before| before < ROWS).then_some(denial.0)
    }
}

impl Default for Denials {
    fn default() -> Denials {
        let cache = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(WINDOW);
        Denials(cache.build())
    }
}

impl fmt::Debug for Denials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denials").field("subjects", &self.0.entry_count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn written(denials: &Denials, denial: impl Fn(u32) -> Denial) -> usize {
        (0..100).filter_map(|number| denials.news(denial(number))).count()
    }

    #[test]
    fn the_first_few_of_each_kind_about_each_client_or_person_are_news() {
        let denials = Denials::default();
        let new = |action| Denial::new(action, &Origin::local());
        let person = Uuid::from_u128(7);
        for action in ["token.issue_denied", "token.refresh_denied"] {
            for client in ["one", "other"] {
                let about = |_| new(action).client(client).by(person);
                assert_eq!(written(&denials.clone(), about), 10, "{action} {client}");
            }
            assert_eq!(written(&denials, |_| new(action).by(person)), 10, "{action}");
        }
    }

    #[test]
    fn whoever_makes_names_up_is_one_and_the_same() {
        let denials = Denials::default();
        let made_up =
            |number| Denial::new("user.login_failed", &Origin::local()).with("identity", number);
        assert_eq!(written(&denials, made_up), 10);
    }
}
