//! What can be asked of the catalog keeper.

use std::sync::Arc;

use entities::StoreError;
use entities::cascade::Reach;
use protocol::client::{Client, ClientStatus};
use protocol::registration::ModeName;
use protocol::resource::MintResource;

use crate::audit::{Event, Origin};
use crate::runtime::Ask;

/// Why a change of the catalog is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// There is no resource with that slug.
    #[error("there is no resource '{0}'")]
    UnknownResource(String),
    /// There is no client with that id.
    #[error("there is no client '{0}'")]
    UnknownClient(String),
    /// The client was revoked, which is for good.
    #[error("client '{0}' was revoked, which is for good; register a new one")]
    ClientRevoked(String),
    /// Another resource has the slug, the URI or an alias.
    #[error("resource '{taken_by}' already has {what}")]
    ResourceTaken {
        /// What is taken.
        what: String,
        /// The slug of the resource that has it.
        taken_by: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// "Load this client."
#[derive(Debug)]
pub struct LoadClient(pub String);

impl Ask for LoadClient {
    type Reply = Result<Option<Arc<Client>>, StoreError>;
}

/// "Add this client, and write down that it was added."
#[derive(Debug)]
pub struct AddClient {
    /// The client.
    pub client: Client,
    /// What the audit log says.
    pub event: Event,
}

impl Ask for AddClient {
    type Reply = Result<Arc<Client>, CatalogError>;
}

/// "Switch this client off, on again, or off for good."
#[derive(Debug)]
pub struct SetClientStatus {
    /// The client.
    pub client_id: String,
    /// Its new status. Revoking takes its families and tokens with it; suspending
    /// leaves them, to work again when the client is reactivated.
    pub status: ClientStatus,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for SetClientStatus {
    /// What was reached besides the client itself.
    type Reply = Result<Reach, CatalogError>;
}

/// "From now on these may register." It holds for every server on the database.
#[derive(Debug)]
pub struct SetRegistrationMode {
    /// Who may; none leaves it to the configuration again.
    pub mode: Option<ModeName>,
    /// What the configuration says, for the audit log.
    pub configured: ModeName,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for SetRegistrationMode {
    type Reply = Result<(), CatalogError>;
}

/// "Which clients are there?"
#[derive(Debug)]
pub struct ListClients {
    /// How many, newest first.
    pub limit: u64,
}

impl Ask for ListClients {
    type Reply = Result<Vec<Client>, StoreError>;
}

/// "Add this resource, and write down that it was added."
#[derive(Debug)]
pub struct AddResource {
    /// The resource.
    pub resource: MintResource,
    /// What the audit log says.
    pub event: Event,
}

impl Ask for AddResource {
    type Reply = Result<(), CatalogError>;
}

/// A change of a resource's list of runtime clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeClientChange {
    /// The client may act as the resource.
    Add,
    /// It may no longer.
    Remove,
}

/// "Change who may act as this resource." Doing it twice changes nothing more.
#[derive(Debug)]
pub struct ChangeRuntimeClient {
    /// The resource.
    pub slug: String,
    /// The client.
    pub client_id: String,
    /// Add or remove.
    pub change: RuntimeClientChange,
    /// What the audit log says.
    pub event: Event,
}

impl Ask for ChangeRuntimeClient {
    /// The list as it is now.
    type Reply = Result<Vec<String>, CatalogError>;
}
