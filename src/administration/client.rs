//! Clients: registering, looking at, changing, switching off and deleting them.

mod keys;
mod rules;
mod view;

use std::sync::Arc;

use actors::audit::Event;
use actors::catalog::{
    AddClient, CatalogError, DeleteClient, ListClients, LoadClient, ReplaceClient, SetClientStatus,
};
use entities::cascade::Reach;
use entities::client::Filter;
use protocol::client::{
    AuthMethod, Client, ClientMetadataExtras, ClientStatus, RegistrationSource,
};
use protocol::registration::{MAX_AGENT_DESCRIPTION, MAX_NAME};
use protocol::secret::ClientSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{MAX_LIMIT, page, text};
use super::redraft::until_made;
use super::{AdminError, Change, Desk, Kind, Revoked};

use keys::KeysPatch;
pub use rules::{ClientPatch, NewClient};
pub use view::{ClientList, ClientView, ClientWithSecret, RotatedSecret};

/// A client that was made; the only time its secret is shown.
#[derive(Debug)]
pub struct CreatedClient {
    /// The client.
    pub client: Arc<Client>,
    /// Its secret, for confidential clients.
    pub secret: Option<ClientSecret>,
}

impl From<&CreatedClient> for ClientWithSecret {
    fn from(created: &CreatedClient) -> ClientWithSecret {
        ClientWithSecret::new(&created.client, created.secret.as_ref())
    }
}

/// Which clients are asked for.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct ClientQuery {
    /// Only those with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub status: Option<ClientStatus>,
    /// Only those that came this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub source: Option<RegistrationSource>,
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// What became of a client.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StatusChange {
    /// Its status now.
    #[schema(value_type = String)]
    pub status: ClientStatus,
    /// What ended with it.
    pub revoked: Revoked,
}

/// Registers a client.
///
/// # Errors
/// [`AdminError::Invalid`] that names the member at fault, or a failure of the server.
pub async fn create(desk: &Desk<'_>, new: NewClient) -> Result<CreatedClient, AdminError> {
    desk.keepers.catalog.caught_up().await?;
    let mut client = checked(desk, new)?;
    let secret = client.auth_method.uses_secret().then(|| new_secret(desk));
    client.secret_hash = secret.as_ref().map(|secret| hash(desk, secret));
    let event = Event::new("client.created_admin", desk.origin)
        .by(desk.admin)
        .client(&client.id)
        .with("auth_method", client.auth_method);
    let order = AddClient { client, event };
    let client = desk.keepers.clients_and_resources.ask(order).await??;
    metrics::counter!("authserver_clients_registered_total", "source" => "admin").increment(1);
    Ok(CreatedClient { client, secret })
}

/// Clients, newest first.
///
/// # Errors
/// [`AdminError::Invalid`], or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: ClientQuery) -> Result<ClientList, AdminError> {
    let ClientQuery { status, source, limit, offset } = query;
    let page = page(limit, offset, MAX_LIMIT)?;
    let question = ListClients { filter: Filter { status, source, agent: None }, page };
    let (clients, total) = desk.keepers.clients_and_resources.ask(question).await??;
    Ok(ClientList { clients: clients.iter().map(ClientView::from).collect(), total })
}

/// The client with this id.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn get(desk: &Desk<'_>, client_id: &str) -> Result<ClientView, AdminError> {
    Ok(ClientView::from(load(desk, client_id).await?.as_ref()))
}

/// Changes a client. What it holds stays, and is worth what the client may have now: a
/// narrower ceiling narrows its next refresh.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::Invalid`] that names the member at fault,
/// [`AdminError::Conflict`] when others change the client all the time, or a failure of
/// the server.
pub async fn patch(
    desk: &Desk<'_>,
    client_id: &str,
    patch: ClientPatch,
) -> Result<ClientWithSecret, AdminError> {
    desk.keepers.catalog.caught_up().await?;
    let change = |before: &Client| {
        let mut after = patched(desk, before.clone(), patch.clone())?;
        let secret = match (before.secret_hash.is_some(), after.auth_method.uses_secret()) {
            (false, true) => Some(new_secret(desk)),
            _ => None,
        };
        if let Some(secret) = &secret {
            after.secret_hash = Some(hash(desk, secret));
        } else if !after.auth_method.uses_secret() {
            after.secret_hash = None;
        }
        let fields = differences(before, &after);
        let event = Event::new("client.updated", desk.origin)
            .by(desk.admin)
            .client(client_id)
            .with("fields", fields.join(","));
        Ok(Draft { after, secret, event, is_change: !fields.is_empty() })
    };
    let (client, secret) = replace(desk, client_id, change).await?;
    Ok(ClientWithSecret::new(&client, secret.as_ref()))
}

/// Gives a client a new secret; the old one stops working at once.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::Conflict`] when the client has no secret or was
/// revoked, or a failure of the server.
pub async fn rotate_secret(desk: &Desk<'_>, client_id: &str) -> Result<RotatedSecret, AdminError> {
    let change = |before: &Client| {
        if before.status == ClientStatus::Revoked {
            return Err(CatalogError::ClientRevoked(client_id.to_owned()).into());
        }
        if !before.auth_method.uses_secret() {
            return Err(AdminError::Conflict(format!(
                "client '{client_id}' has no secret: its token_endpoint_auth_method is {}",
                before.auth_method
            )));
        }
        let secret = new_secret(desk);
        let after = Client { secret_hash: Some(hash(desk, &secret)), ..before.clone() };
        let event = Event::new("client.secret_rotated", desk.origin).by(desk.admin);
        let event = event.client(client_id);
        Ok(Draft { after, secret: Some(secret), event, is_change: true })
    };
    let (client, secret) = replace(desk, client_id, change).await?;
    let secret = secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
    Ok(RotatedSecret { client_id: client.id, client_secret: secret })
}

/// Deletes a client, and revokes what it holds; what that reached.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::InUse`] when what it holds still works and
/// `force` is not given, or a failure of the server.
pub async fn delete(desk: &Desk<'_>, client_id: &str, force: bool) -> Result<Reach, AdminError> {
    let order = DeleteClient {
        client_id: client_id.to_owned(),
        force,
        admin: desk.admin.to_owned(),
        origin: desk.origin.clone(),
    };
    Ok(desk.keepers.clients_and_resources.ask(order).await??)
}

/// Switches a client off, on again, or off for good; what that reached.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn set_status(
    desk: &Desk<'_>,
    client_id: &str,
    status: ClientStatus,
) -> Result<StatusChange, AdminError> {
    let order = SetClientStatus {
        client_id: client_id.to_owned(),
        status,
        admin: desk.admin.to_owned(),
        origin: desk.origin.clone(),
    };
    let reach = desk.keepers.clients_and_resources.ask(order).await??;
    Ok(StatusChange { status, revoked: reach.into() })
}

/// The client as the database has it, which other processes may have changed just now.
pub(super) async fn load(desk: &Desk<'_>, client_id: &str) -> Result<Arc<Client>, AdminError> {
    let order = LoadClient(client_id.to_owned());
    let client = desk.keepers.clients_and_resources.ask(order).await??;
    client.ok_or_else(|| AdminError::missing(Kind::Client, client_id))
}

/// What a client is to become.
struct Draft {
    after: Client,
    secret: Option<ClientSecret>,
    event: Event,
    is_change: bool,
}

/// Drafts a change of the client as it is, and makes it if nobody was faster.
async fn replace(
    desk: &Desk<'_>,
    client_id: &str,
    change: impl Fn(&Client) -> Result<Draft, AdminError>,
) -> Result<(Client, Option<ClientSecret>), AdminError> {
    until_made(async || {
        let before = load(desk, client_id).await?.as_ref().clone();
        let Draft { after, secret, event, is_change } = change(&before)?;
        if !is_change {
            return Ok(Ok((before, None)));
        }
        let order = ReplaceClient { before, after, event };
        let made = desk.keepers.clients_and_resources.ask(order).await?;
        Ok(made.map(|client| (client, secret)))
    })
    .await
}

fn new_secret(desk: &Desk<'_>) -> ClientSecret {
    ClientSecret::from_random(desk.environment.random_bytes())
}

fn hash(desk: &Desk<'_>, secret: &ClientSecret) -> Vec<u8> {
    secret.hash(&desk.secrets.client_secret).to_vec()
}

fn checked(desk: &Desk<'_>, new: NewClient) -> Result<Client, AdminError> {
    let has_keys = new.jwks.is_some() || new.jwks_uri.is_some();
    let auth_method = match new.auth_method.as_deref() {
        None | Some("") if has_keys => AuthMethod::PrivateKeyJwt,
        None | Some("") => AuthMethod::ClientSecretBasic,
        Some(given) => rules::auth_method(given)?,
    };
    let redirect_uris = rules::redirect_uris(&new.redirect_uris, auth_method.publicity())?;
    let now = desk.environment.now();
    let mut client = Client {
        id: desk.environment.new_id().to_string(),
        name: text("client_name", &new.name, MAX_NAME)?,
        response_types: Vec::new(),
        grant_types: rules::grant_types(&new.grant_types)?,
        auth_method,
        secret_hash: None,
        ceiling: rules::ceiling(new.scope.as_deref())?,
        default_resource: rules::known_resource(desk, new.default_resource)?,
        application_type: rules::application_type(&redirect_uris),
        redirect_uris,
        agent: new.agent,
        agent_description: description(new.agent_description)?,
        status: ClientStatus::Active,
        source: RegistrationSource::Admin,
        metadata: ClientMetadataExtras {
            dpop_bound_access_tokens: new.dpop_bound,
            ..ClientMetadataExtras::default()
        },
        created_at: now,
        updated_at: now,
    };
    let keys = KeysPatch {
        jwks: new.jwks.map_or(Change::Keep, Change::Set),
        jwks_uri: new.jwks_uri.map_or(Change::Keep, Change::Set),
        algorithm: new.token_endpoint_auth_signing_alg.map_or(Change::Keep, Change::Set),
    };
    keys::patch(desk, &mut client, keys, auth_method)?;
    let said = Some(new.response_types.as_slice()).filter(|said| !said.is_empty());
    rules::completed(client, said)
}

fn patched(desk: &Desk<'_>, mut client: Client, patch: ClientPatch) -> Result<Client, AdminError> {
    if let Some(name) = patch.client_name.value("client_name")? {
        client.name = text("client_name", &name, MAX_NAME)?;
    }
    let before = client.auth_method;
    let auth_method = patch.token_endpoint_auth_method.value("token_endpoint_auth_method")?;
    if let Some(method) = auth_method {
        client.auth_method = rules::auth_method(&method)?;
    }
    // Which URIs are allowed depends on the method, so they are looked at again in any case.
    let uris = match patch.redirect_uris.value("redirect_uris")? {
        Some(uris) => uris,
        None => client.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
    };
    client.redirect_uris = rules::redirect_uris(&uris, client.auth_method.publicity())?;
    if client.source == RegistrationSource::Admin {
        client.application_type = rules::application_type(&client.redirect_uris);
    }
    if let Some(grants) = patch.grant_types.value("grant_types")? {
        if grants.is_empty() {
            return Err(AdminError::invalid(
                "grant_types needs at least one; or suspend the client",
            ));
        }
        client.grant_types = rules::grant_types(&grants)?;
    }
    if let Some(scope) = patch.scope.text() {
        client.ceiling = rules::ceiling(scope.as_deref())?;
    }
    if let Some(resource) = patch.default_resource.text() {
        client.default_resource = rules::known_resource(desk, resource)?;
    }
    if let Some(agent) = patch.agent.value("agent")? {
        client.agent = agent;
    }
    if let Some(bound) = patch.dpop_bound.value("dpop_bound")? {
        client.metadata.dpop_bound_access_tokens = bound;
    }
    if let Some(given) = patch.agent_description.text() {
        client.agent_description = description(given)?;
    }
    let (jwks, jwks_uri) = (patch.jwks, patch.jwks_uri);
    let keys = KeysPatch { jwks, jwks_uri, algorithm: patch.token_endpoint_auth_signing_alg };
    keys::patch(desk, &mut client, keys, before)?;
    let said = patch.response_types.value("response_types")?;
    rules::completed(client, said.as_deref())
}

fn description(given: Option<String>) -> Result<Option<String>, AdminError> {
    let given = given.filter(|given| !given.is_empty());
    given.map(|given| text("agent_description", &given, MAX_AGENT_DESCRIPTION)).transpose()
}

/// The names of the members that differ.
fn differences(before: &Client, after: &Client) -> Vec<&'static str> {
    [
        ("client_name", before.name != after.name),
        ("redirect_uris", before.redirect_uris != after.redirect_uris),
        ("grant_types", before.grant_types != after.grant_types),
        ("token_endpoint_auth_method", before.auth_method != after.auth_method),
        ("scope", before.ceiling != after.ceiling),
        ("default_resource", before.default_resource != after.default_resource),
        ("agent", before.agent != after.agent),
        ("agent_description", before.agent_description != after.agent_description),
        ("jwks", before.metadata.jwks != after.metadata.jwks),
        ("jwks_uri", before.metadata.jwks_uri != after.metadata.jwks_uri),
        ("dpop_bound", {
            before.metadata.dpop_bound_access_tokens != after.metadata.dpop_bound_access_tokens
        }),
        (
            "token_endpoint_auth_signing_alg",
            before.metadata.token_endpoint_auth_signing_alg
                != after.metadata.token_endpoint_auth_signing_alg,
        ),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
