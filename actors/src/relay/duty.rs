//! What this keeper still has to tell, and what may be gone by meanwhile.

/// What somebody is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// Something changed: look.
    Look,
    /// Anything may have changed: load it all.
    LoadAnew,
}

/// What one listener is owed. It is told one thing at a time, and what comes up meanwhile is
/// told once more, however often it comes up.
#[derive(Debug, Default)]
pub(super) struct Debt {
    owed: Option<Word>,
    telling: Option<Word>,
}

impl Debt {
    pub(super) fn owe(&mut self, word: Word) {
        self.owed = self.owed.max(Some(word));
    }

    /// What to say now, unless something is being said.
    pub(super) fn next(&mut self) -> Option<Word> {
        if self.telling.is_none() {
            self.telling = self.owed.take();
            return self.telling;
        }
        None
    }

    /// It was said; what was not understood is owed still.
    pub(super) fn said(&mut self, understood: bool) {
        let said = self.telling.take();
        if !understood {
            self.owed = self.owed.max(said);
        }
    }

    pub(super) fn is_paid(&self) -> bool {
        self.owed.is_none() && self.telling.is_none()
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Duty {
    connected: bool,
    pub(super) catalog: Debt,
    pub(super) keys: Debt,
    pub(super) secrets: Debt,
}

impl Duty {
    /// From now on everything is heard, and what came before may not have been.
    pub(super) fn connected(&mut self) {
        self.connected = true;
        self.anything_may_have_changed();
    }

    pub(super) fn anything_may_have_changed(&mut self) {
        self.catalog.owe(Word::LoadAnew);
        self.keys.owe(Word::LoadAnew);
        self.secrets.owe(Word::LoadAnew);
    }

    pub(super) fn disconnected(&mut self) {
        self.connected = false;
    }

    /// Whether the catalog in memory is all there is, as far as anybody could know.
    pub(super) fn catalog_is_current(&self) -> bool {
        self.connected && self.catalog.is_paid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> Duty {
        let mut duty = Duty::default();
        duty.connected();
        assert_eq!(duty.catalog.next(), Some(Word::LoadAnew));
        duty.catalog.said(true);
        duty
    }

    #[test]
    fn memory_counts_once_it_was_loaded_by_somebody_who_listens() {
        let mut duty = Duty::default();
        assert!(!duty.catalog_is_current());
        duty.connected();
        assert!(!duty.catalog_is_current());
        assert_eq!(duty.catalog.next(), Some(Word::LoadAnew));
        assert!(!duty.catalog_is_current(), "not before it is loaded");
        duty.catalog.said(true);
        assert!(duty.catalog_is_current());
        duty.disconnected();
        assert!(!duty.catalog_is_current());
    }

    #[test]
    fn news_during_a_look_needs_another_look() {
        let mut duty = connected();
        duty.catalog.owe(Word::Look);
        assert_eq!(duty.catalog.next(), Some(Word::Look));
        for _ in 0..3 {
            duty.catalog.owe(Word::Look);
            assert_eq!(duty.catalog.next(), None, "one at a time");
        }
        duty.catalog.said(true);
        assert!(!duty.catalog_is_current());
        assert_eq!(duty.catalog.next(), Some(Word::Look));
        duty.catalog.said(true);
        assert!(duty.catalog_is_current());
        assert_eq!(duty.catalog.next(), None);
    }

    #[test]
    fn what_was_not_understood_is_said_again_and_never_made_less_of() {
        let mut duty = connected();
        duty.anything_may_have_changed();
        assert_eq!(duty.catalog.next(), Some(Word::LoadAnew));
        duty.catalog.owe(Word::Look);
        duty.catalog.said(false);
        assert!(!duty.catalog_is_current());
        assert_eq!(duty.catalog.next(), Some(Word::LoadAnew));
    }

    /// The look began on the old connection; what the new one is owed is not paid by it.
    #[test]
    fn a_connection_lost_and_found_during_a_look_loads_anew() {
        let mut duty = connected();
        duty.catalog.owe(Word::Look);
        assert_eq!(duty.catalog.next(), Some(Word::Look));
        duty.disconnected();
        duty.connected();
        duty.catalog.said(true);
        assert!(!duty.catalog_is_current());
        assert_eq!(duty.catalog.next(), Some(Word::LoadAnew));
        duty.catalog.said(true);
        assert!(duty.catalog_is_current());
    }
}
