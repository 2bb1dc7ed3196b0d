//! Clients, resources and the fronting links between them, as a read-through snapshot.
//!
//! Readers ask a [`CatalogView`]: resources and links are an immutable index in memory,
//! clients a bounded cache. What is not there is loaded through the keeper. Every change, by
//! whichever process, moves `catalog_version` in its own transaction, which tells the
//! others ([`crate::relay`]); the keeper looks at that counter whenever it is told, and every
//! second, and throws away what is stale. While nobody would tell it, nothing is answered by
//! what is in memory: see [`CatalogView::caught_up`]. Who may register clients is part of the
//! catalog: an operator can override the configuration on all servers at once.

mod clients;
mod keeper;
mod links;
mod looking;
mod messages;
mod resources;
mod settings;
mod view;
mod work;

pub use keeper::Catalog;
pub use links::{DeletedLink, LinksOf, PatchedLink, ShownLink};
pub(crate) use looking::{CatchUp, LoadAnew};
pub use messages::{
    AddClient, AddLink, AddResource, CatalogError, ChangePolicyList, DeleteClient, DeleteLink,
    DeleteResource, ExistingClients, FindLink, FindLinksOf, KillAgent, ListChange, ListClients,
    ListLinks, ListResources, LoadClient, PatchLink, PolicyList, ReplaceClient, ReplaceResource,
    SetClientStatus, SetRegistrationMode,
};
pub use resources::MAX_LIST;
pub use view::{CatalogView, LookupError, Registered};
