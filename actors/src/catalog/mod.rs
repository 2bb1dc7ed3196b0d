//! Clients, resources and the fronting links between them, as a read-through snapshot.
//!
//! Readers ask a [`CatalogView`]: resources and links are an immutable index in memory,
//! clients a bounded cache. What is not there is loaded through the keeper. Every change, by
//! whichever process, moves `catalog_version` in its own transaction; the keeper looks
//! at that counter every second and throws away what is stale. Who may register clients
//! is part of it: an operator can override the configuration on all servers at once.

mod clients;
mod keeper;
mod links;
mod messages;
mod resources;
mod settings;
mod view;
mod work;

pub use keeper::Catalog;
pub use links::{DeletedLink, LinksOf, PatchedLink, ShownLink};
pub use messages::{
    AddClient, AddLink, AddResource, CatalogError, ChangePolicyList, DeleteClient, DeleteLink,
    DeleteResource, ExistingClients, FindLink, FindLinksOf, KillAgent, ListChange, ListClients,
    ListLinks, ListResources, LoadClient, PatchLink, PolicyList, ReplaceClient, ReplaceResource,
    SetClientStatus, SetRegistrationMode,
};
pub use resources::MAX_LIST;
pub use view::{CatalogView, LookupError, Registered};
