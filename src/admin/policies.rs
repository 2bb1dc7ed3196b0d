//! Operations on the lists in the policy of a resource, entry by entry. Adding what is
//! there and removing what is not change nothing.

use actors::catalog::{ListChange, PolicyList};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ResourcePath;
use super::operation::operations;
use crate::administration::resource::policy;
use crate::administration::{AdminError, Desk, Kind};

/// Which resource, and which client on one of its lists.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListedClientPath {
    /// The resource's slug or id.
    pub resource: String,
    /// The client's id.
    pub client_id: String,
}

/// A client for a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListedClient {
    /// The client's id.
    pub client_id: String,
}

/// Clients on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientIds {
    /// Their ids.
    pub client_ids: Vec<String>,
}

impl From<Vec<String>> for ClientIds {
    fn from(client_ids: Vec<String>) -> ClientIds {
        ClientIds { client_ids }
    }
}

/// A URL for a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ReturnUrl {
    /// The URL, byte for byte.
    pub url: String,
}

/// URLs on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReturnUrls {
    /// The URLs.
    pub allowed_return_urls: Vec<String>,
}

impl From<Vec<String>> for ReturnUrls {
    fn from(allowed_return_urls: Vec<String>) -> ReturnUrls {
        ReturnUrls { allowed_return_urls }
    }
}

operations! {
    /// The clients that may exchange tokens for this resource; an empty list means any.
    ListExchangeClients { path: ResourcePath } -> OK ClientIds:
        GET "/admin/resources/{resource}/policy/exchange/allowed-clients" needs read Resources,
        fails [NotFound(Kind::Resource)],
        |desk| entries(desk, &path.resource, PolicyList::ExchangeClients).await;

    /// Lets a client exchange tokens for this resource.
    AddExchangeClient { path: ResourcePath, body: ListedClient } -> OK ClientIds:
        POST "/admin/resources/{resource}/policy/exchange/allowed-clients" needs write Resources,
        fails [NotFound(Kind::Client), NotFound(Kind::Resource), Invalid("the list is full")],
        |desk| {
            let (list, add) = (PolicyList::ExchangeClients, ListChange::Add);
            changed(desk, &path.resource, list, &body.client_id, add).await
        };

    /// Takes a client off the list of those that may exchange tokens for this resource.
    ///
    /// With the last one gone, any client may.
    RemoveExchangeClient { path: ListedClientPath } -> OK ClientIds:
        DELETE "/admin/resources/{resource}/policy/exchange/allowed-clients/{client_id}"
            needs write Resources,
        fails [NotFound(Kind::Resource)],
        |desk| {
            let (list, remove) = (PolicyList::ExchangeClients, ListChange::Remove);
            changed(desk, &path.resource, list, &path.client_id, remove).await
        };

    /// The clients that may act as this resource.
    ListRuntimeClients { path: ResourcePath } -> OK ClientIds:
        GET "/admin/resources/{resource}/policy/runtime/client-ids" needs read Resources,
        fails [NotFound(Kind::Resource)],
        |desk| entries(desk, &path.resource, PolicyList::RuntimeClients).await;

    /// Lets a client act as this resource: introspect its tokens, exchange as it.
    AddRuntimeClient { path: ResourcePath, body: ListedClient } -> OK ClientIds:
        POST "/admin/resources/{resource}/policy/runtime/client-ids" needs write Resources,
        fails [NotFound(Kind::Client), NotFound(Kind::Resource), Invalid("the list is full")],
        |desk| {
            let (list, add) = (PolicyList::RuntimeClients, ListChange::Add);
            changed(desk, &path.resource, list, &body.client_id, add).await
        };

    /// Lets a client act as this resource no longer.
    RemoveRuntimeClient { path: ListedClientPath } -> OK ClientIds:
        DELETE "/admin/resources/{resource}/policy/runtime/client-ids/{client_id}"
            needs write Resources,
        fails [NotFound(Kind::Resource)],
        |desk| {
            let (list, remove) = (PolicyList::RuntimeClients, ListChange::Remove);
            changed(desk, &path.resource, list, &path.client_id, remove).await
        };

    /// Where people may return to after they connected an account.
    ListReturnUrls { path: ResourcePath } -> OK ReturnUrls:
        GET "/admin/resources/{resource}/policy/connect/allowed-return-urls" needs read Resources,
        fails [NotFound(Kind::Resource)],
        |desk| entries(desk, &path.resource, PolicyList::ReturnUrls).await;

    /// Lets people return to a URL after they connected an account.
    AddReturnUrl { path: ResourcePath, body: ReturnUrl } -> OK ReturnUrls:
        POST "/admin/resources/{resource}/policy/connect/allowed-return-urls"
            needs write Resources,
        fails [NotFound(Kind::Resource), Invalid("nobody can return there, or the list is full")],
        |desk| {
            let (list, add) = (PolicyList::ReturnUrls, ListChange::Add);
            changed(desk, &path.resource, list, &body.url, add).await
        };

    /// Lets people return to a URL no longer.
    RemoveReturnUrl { path: ResourcePath, query: ReturnUrl } -> OK ReturnUrls:
        DELETE "/admin/resources/{resource}/policy/connect/allowed-return-urls"
            needs write Resources,
        fails [NotFound(Kind::Resource)],
        |desk| {
            let (list, remove) = (PolicyList::ReturnUrls, ListChange::Remove);
            changed(desk, &path.resource, list, &query.url, remove).await
        };
}

/// The list as it is.
async fn entries<A: From<Vec<String>>>(
    desk: &Desk<'_>,
    resource: &str,
    list: PolicyList,
) -> Result<A, AdminError> {
    Ok(policy::entries(desk, resource, list).await?.into())
}

/// The list as it is after an entry came or went.
async fn changed<A: From<Vec<String>>>(
    desk: &Desk<'_>,
    resource: &str,
    list: PolicyList,
    entry: &str,
    change: ListChange,
) -> Result<A, AdminError> {
    Ok(policy::change(desk, resource, list, entry, change).await?.into())
}
