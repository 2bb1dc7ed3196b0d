//! What can be asked of the catalog keeper.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::cascade::{Killed, OnResource, Reach};
use entities::client::Filter as ClientFilter;
use entities::{Page, StoreError};
use protocol::client::{Client, ClientStatus};
use protocol::fronting::{ScopeMap, ScopeMapError};
use protocol::registration::ModeName;
use protocol::resource::MintResource;
use uuid::Uuid;

use super::links::{DeletedLink, LinksOf, PatchedLink, ShownLink};
use crate::audit::{Event, Origin};
use crate::runtime::{Ask, Fault};

/// Why a change of the catalog is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// There is no resource with that slug.
    #[error("there is no resource '{0}'")]
    UnknownResource(String),
    /// There is no client with that id.
    #[error("there is no client '{0}'")]
    UnknownClient(String),
    /// The client is not an agent.
    #[error(
        "client '{0}' is not an agent; suspend or revoke it as a client, or register it as one \
         with agent: true"
    )]
    NotAnAgent(String),
    /// The client was revoked, which is for good.
    #[error("client '{0}' was revoked, which is for good; register a new one")]
    ClientRevoked(String),
    /// The client holds what still works.
    #[error(
        "client '{client_id}' holds {} refresh families and {} access tokens that still work",
        live.families, live.issuances
    )]
    ClientInUse {
        /// The client.
        client_id: String,
        /// How much works.
        live: Reach,
    },
    /// Something rests on the resource.
    #[error("something rests on resource '{slug}'")]
    ResourceInUse {
        /// The resource.
        slug: String,
        /// What.
        on_it: OnResource,
    },
    /// The list has as many entries as it may have.
    #[error("the list has {0} entries already, which is as many as it may have")]
    ListFull(usize),
    /// What was to be changed is not what it was when it was looked at. Nothing was
    /// changed.
    #[error("'{0}' was changed by somebody else at the same moment; look at it and try again")]
    ChangedMeanwhile(String),
    /// Another resource has the slug, the URI or an alias.
    #[error("resource '{taken_by}' already has {what}")]
    ResourceTaken {
        /// What is taken.
        what: String,
        /// The slug of the resource that has it.
        taken_by: String,
    },
    /// There is no link between the two resources.
    #[error("no link from '{from}' to '{to}'")]
    UnknownLink {
        /// The source, as it was named.
        from: String,
        /// The target, as it was named.
        to: String,
    },
    /// There is a link between the two resources.
    #[error("there is a link from '{from}' to '{to}' already; change that one")]
    LinkExists {
        /// The slug of the source.
        from: String,
        /// The slug of the target.
        to: String,
    },
    /// A link from a resource to itself.
    #[error("'{0}' is the source already: a link leads to another resource")]
    LinkToItself(String),
    /// The link would close a cycle.
    #[error(
        "{} would be a cycle, in which tokens could be exchanged round and round; delete one of the other links on it first",
        .0.join(" → ")
    )]
    LinkCycle(Vec<String>),
    /// The link cannot say this.
    #[error(transparent)]
    ScopeMap(#[from] ScopeMapError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for CatalogError {
    fn fault(&self) -> Option<String> {
        match self {
            CatalogError::Store(error) => error.fault(),
            _ => None,
        }
    }
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

/// "Switch this agent off and end everything that it holds or acts in."
#[derive(Debug)]
pub struct KillAgent {
    /// The agent's client id.
    pub client_id: String,
    /// Only say what would be reached.
    pub dry_run: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for KillAgent {
    /// What was reached, the agent's status then, and when that was.
    type Reply = Result<(Killed, ClientStatus, DateTime<Utc>), CatalogError>;
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
#[derive(Debug, Clone, Copy)]
pub struct ListClients {
    /// Which are meant.
    pub filter: ClientFilter,
    /// Which part of them, newest first.
    pub page: Page,
}

impl Ask for ListClients {
    /// That part, and how many there are in all.
    type Reply = Result<(Vec<Client>, u64), StoreError>;
}

/// "Which of these clients are there?"
#[derive(Debug, Clone)]
pub struct ExistingClients(pub Vec<String>);

impl Ask for ExistingClients {
    /// Those that are, whatever their status.
    type Reply = Result<HashSet<String>, StoreError>;
}

/// "Make the client what it is to be."
#[derive(Debug)]
pub struct ReplaceClient {
    /// The client as whoever orders this saw it.
    pub before: Client,
    /// What it is to be; the same id.
    pub after: Client,
    /// What the audit log says.
    pub event: Event,
}

impl Ask for ReplaceClient {
    /// The client as it is now.
    type Reply = Result<Client, CatalogError>;
}

/// "Delete this client, and revoke what it holds."
#[derive(Debug)]
pub struct DeleteClient {
    /// The client.
    pub client_id: String,
    /// Also when what it holds still works.
    pub force: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for DeleteClient {
    /// What was revoked.
    type Reply = Result<Reach, CatalogError>;
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

/// "Which resources are there?" As the database has them this moment.
#[derive(Debug, Clone, Copy)]
pub struct ListResources;

impl Ask for ListResources {
    /// All of them, by slug.
    type Reply = Result<Vec<MintResource>, StoreError>;
}

/// "Make the resource what it is to be."
#[derive(Debug)]
pub struct ReplaceResource {
    /// The resource as whoever orders this saw it.
    pub before: MintResource,
    /// What it is to be; the same id.
    pub after: MintResource,
    /// What the audit log says.
    pub event: Event,
}

impl Ask for ReplaceResource {
    /// The resource as it is now.
    type Reply = Result<MintResource, CatalogError>;
}

/// "Delete this resource."
#[derive(Debug)]
pub struct DeleteResource {
    /// The resource.
    pub id: Uuid,
    /// Also what rests on it.
    pub cascade: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for DeleteResource {
    /// What went with it.
    type Reply = Result<OnResource, CatalogError>;
}

/// A list in a resource's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyList {
    /// Clients that may exchange into it; empty lets all of them.
    ExchangeClients,
    /// Clients that may act as it.
    RuntimeClients,
    /// URLs people may return to after connecting an account.
    ReturnUrls,
}

/// A change of a list in a resource's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListChange {
    /// The entry is to be on the list.
    Add,
    /// It is not.
    Remove,
}

/// "Change this list of this resource." Doing it twice changes nothing more.
#[derive(Debug)]
pub struct ChangePolicyList {
    /// The resource.
    pub id: Uuid,
    /// Which list.
    pub list: PolicyList,
    /// A client's id, or a URL.
    pub entry: String,
    /// Add or remove.
    pub change: ListChange,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for ChangePolicyList {
    /// The list as it is now.
    type Reply = Result<Vec<String>, CatalogError>;
}

/// "Let this resource reach that one." Resources go by slug or id.
#[derive(Debug)]
pub struct AddLink {
    /// The resource tokens are sent to.
    pub source: String,
    /// The resource that one calls.
    pub target: String,
    /// What the source's scopes are worth at the target.
    pub scope_map: ScopeMap,
    /// Only say what would come of it.
    pub dry_run: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for AddLink {
    type Reply = Result<ShownLink, CatalogError>;
}

/// "Which links are there?" As the database has them this moment.
#[derive(Debug)]
pub struct ListLinks {
    /// Only those from this resource.
    pub source: Option<String>,
    /// Only those to this resource.
    pub target: Option<String>,
    /// Which part of them, oldest first.
    pub page: Page,
}

impl Ask for ListLinks {
    /// That part, and how many there are in all.
    type Reply = Result<(Vec<ShownLink>, u64), CatalogError>;
}

/// "What does this resource reach, and what reaches it?"
#[derive(Debug)]
pub struct FindLinksOf(pub String);

impl Ask for FindLinksOf {
    type Reply = Result<LinksOf, CatalogError>;
}

/// "Show me the link between these two."
#[derive(Debug)]
pub struct FindLink {
    /// Its source.
    pub source: String,
    /// Its target.
    pub target: String,
}

impl Ask for FindLink {
    type Reply = Result<ShownLink, CatalogError>;
}

/// "From now on the link says this." Tokens that it would not give any more are revoked.
#[derive(Debug)]
pub struct PatchLink {
    /// Its source.
    pub source: String,
    /// Its target.
    pub target: String,
    /// What the source's scopes are worth at the target from now on; none leaves it.
    pub scope_map: Option<ScopeMap>,
    /// Only say what would come of it.
    pub dry_run: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for PatchLink {
    type Reply = Result<PatchedLink, CatalogError>;
}

/// "Delete the link, and revoke what was issued by way of it."
#[derive(Debug)]
pub struct DeleteLink {
    /// Its source.
    pub source: String,
    /// Its target.
    pub target: String,
    /// Only say what would come of it.
    pub dry_run: bool,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for DeleteLink {
    type Reply = Result<DeletedLink, CatalogError>;
}
