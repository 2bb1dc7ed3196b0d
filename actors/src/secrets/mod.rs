//! The ring of server secrets: which exist, which is made with, when they change.
//!
//! What follows from a ring at a moment is [`protocol::secret_ring`]'s to say. The first secret
//! is the root secret, which is where the keys are; the others are rows of the database, sealed
//! with the master key, or with a key derived from the root secret where that is in a file.
//! Readers take the derived keys from a [`SecretRingView`], without asking anybody.

mod keeper;
mod store;
mod view;

pub(crate) use keeper::LookAtSecrets;
pub use keeper::{ListSecrets, SecretSettings, Secrets, SeekSecret};
pub use store::{MOST_SECRETS, RingStore, RotateSecrets, SecretsError};
pub(crate) use store::{resealed, ring_cell};
pub use view::SecretRingView;
