//! Documents of others: the key sets that clients publish (`jwks_uri`).
//!
//! Anybody who may register a client chooses an URL, and anybody who knows the client's
//! id can make us look at it. So there are limits on everything:
//!
//! - one fetch of an URL at a time, however many wait for it; 16 in all, 4 of one host, and 8
//!   from URLs that never gave a document;
//! - no redirects, a limit on time and size, JSON only, and no address inside
//!   ([`protocol::document_url`]); the connection goes to the address that was checked;
//! - what was fetched is kept, what failed is left alone for 30 seconds, and a key that is
//!   missing is looked for once in 30 seconds and not with every request that names it;
//! - so many documents are kept and no more, and so many bytes of them ([`shelf::BYTES`]); whose has
//!   not been asked for longest goes, the larger before the smaller;
//! - a server that stops does not wait for others.
//!
//! [`shelf`] decides all that and knows neither time nor network; [`fetch`] does the
//! fetching.

mod fetch;
mod keeper;
mod messages;
pub mod shelf;
mod view;

pub use fetch::{FetchError, Fetcher};
pub use keeper::Documents;
pub use messages::{DocumentError, DocumentSettings, FetchKeys, HeldKeys, StopFetching};
pub use view::DocumentsView;
