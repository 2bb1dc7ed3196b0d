//! What others change on the same database, heard the moment they commit it.
//!
//! Whoever changes what servers hold in memory announces it in the transaction of the change
//! ([`entities::news`]). This keeper listens: it tells the keeper concerned to look, and until
//! that one has looked nobody goes by what it had in memory. On PostgreSQL it listens on a
//! connection of its own, which can be lost. Then what is in memory is gone by no longer
//! ([`crate::catalog::CatalogView::caught_up`]) until there is a connection again and all is
//! loaded anew: what was announced in between nobody heard.
//!
//! Nothing here makes revocation true: tokens, sessions and admin keys are looked up in the
//! database, and what hands out a token reads the rows it goes by.

mod duty;
mod keeper;
mod view;

pub(crate) use keeper::Listeners;
pub use keeper::Relay;
pub use view::{RelayState, RelayStatus, RelayView};
