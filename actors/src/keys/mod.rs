//! Signing keys: which exist, which signs, when they change.
//!
//! A key is published as `next` before it signs, so that every verifier and every
//! replica has it; it signs as `active`; it stays published as `retired` until the
//! last token it signed has expired. Keys relieve each other by a schedule, or by order.
//! [`schedule`] holds these rules, [`keyfile`] the
//! files. Readers take the immutable [`KeyRing`] without asking anybody.

mod folder;
mod generate;
mod keeper;
mod keyfile;
pub mod schedule;
#[cfg(test)]
mod simulation_tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use protocol::jose::KeyRing;

pub use keeper::{JWKS_MAX_AGE, KeySettings, Keys, ListKeys, RotateError, RotateKeys};
pub use keyfile::{KeyFileError, KeyFiles, Upkeep};

/// The current key ring, for anyone, at any time, without a lock.
#[derive(Debug, Clone)]
pub struct KeyRingView(Arc<ArcSwap<KeyRing>>);

impl KeyRingView {
    fn showing(ring: KeyRing) -> KeyRingView {
        KeyRingView(Arc::new(ArcSwap::from_pointee(ring)))
    }

    /// The ring of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<KeyRing> {
        self.0.load_full()
    }

    fn publish(&self, ring: KeyRing) {
        self.0.store(Arc::new(ring));
    }
}
