//! Clients that an operator registers.

use std::sync::Arc;

use actors::audit::Event;
use actors::catalog::{AddClient, ListClients, SetClientStatus};
use entities::cascade::Reach;
use protocol::client::{
    ApplicationType, AuthMethod, Client, ClientMetadataExtras, ClientStatus, GrantType,
    RegistrationSource,
};
use protocol::redirect_uri::{PublicOrConfidential, RedirectUri};
use protocol::registration::{MAX_AGENT_DESCRIPTION, MAX_NAME};
use protocol::scope::ScopeSet;
use protocol::secret::ClientSecret;
use serde::Serialize;

use super::{AdminError, Desk};
use crate::flows::authenticate_client::METHODS;

/// What an operator says about a new client.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// Name shown to people.
    pub name: String,
    /// Redirect URIs; needed for `authorization_code`.
    pub redirect_uris: Vec<String>,
    /// Grants by wire name; by default `authorization_code` and `refresh_token`.
    pub grant_types: Vec<String>,
    /// Authentication method; by default `client_secret_basic`.
    pub auth_method: Option<String>,
    /// Scope ceiling.
    pub scope: Option<String>,
    /// URI or slug of the resource meant when a request names none.
    pub default_resource: Option<String>,
    /// Whether it is an agent.
    pub agent: bool,
    /// What the agent is for.
    pub agent_description: Option<String>,
}

/// A client that was made; the only time its secret is shown.
#[derive(Debug)]
pub struct CreatedClient {
    /// The client.
    pub client: Arc<Client>,
    /// Its secret, for confidential clients.
    pub secret: Option<ClientSecret>,
}

/// A client as operators see it. Empty members are present.
#[derive(Debug, Serialize)]
pub struct ClientView {
    id: String,
    name: String,
    redirect_uris: Vec<String>,
    grant_types: Vec<GrantType>,
    response_types: Vec<String>,
    token_endpoint_auth_method: AuthMethod,
    scope: Option<String>,
    default_resource: Option<String>,
    agent: bool,
    agent_description: Option<String>,
    status: ClientStatus,
    registration_source: RegistrationSource,
    issued_at: String,
    updated_at: String,
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> ClientView {
        let uris = client.redirect_uris.iter();
        ClientView {
            id: client.id.clone(),
            name: client.name.clone(),
            redirect_uris: uris.map(|uri| uri.as_str().to_owned()).collect(),
            grant_types: client.grant_types.clone(),
            response_types: client.response_types.clone(),
            token_endpoint_auth_method: client.auth_method,
            scope: client.ceiling.as_ref().map(ToString::to_string),
            default_resource: client.default_resource.clone(),
            agent: client.agent,
            agent_description: client.agent_description.clone(),
            status: client.status,
            registration_source: client.source,
            issued_at: client.created_at.to_rfc3339(),
            updated_at: client.updated_at.to_rfc3339(),
        }
    }
}

/// Registers a client.
///
/// # Errors
/// [`AdminError::Invalid`] that names the member at fault, or a failure of the server.
pub async fn create(desk: &Desk<'_>, new: NewClient) -> Result<CreatedClient, AdminError> {
    let mut client = checked(desk, new)?;
    let secret = client
        .auth_method
        .uses_secret()
        .then(|| ClientSecret::from_random(desk.environment.random_bytes()));
    client.secret_hash =
        secret.as_ref().map(|secret| secret.hash(&desk.secrets.client_secret).to_vec());
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
/// A failure of the server.
pub async fn list(desk: &Desk<'_>, limit: u64) -> Result<Vec<Client>, AdminError> {
    Ok(desk.keepers.clients_and_resources.ask(ListClients { limit }).await??)
}

/// Switches a client off, on again, or off for good; what that reached.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn set_status(
    desk: &Desk<'_>,
    client_id: &str,
    status: ClientStatus,
) -> Result<Reach, AdminError> {
    let order = SetClientStatus {
        client_id: client_id.to_owned(),
        status,
        admin: desk.admin.to_owned(),
        origin: desk.origin.clone(),
    };
    Ok(desk.keepers.clients_and_resources.ask(order).await??)
}

fn checked(desk: &Desk<'_>, new: NewClient) -> Result<Client, AdminError> {
    let name = text("name", &new.name, MAX_NAME)?;
    let auth_method = auth_method(new.auth_method.as_deref())?;
    let redirect_uris = redirect_uris(&new.redirect_uris, auth_method.publicity())?;
    let grant_types = grant_types(&new.grant_types, auth_method)?;
    let by_code = grant_types.contains(&GrantType::AuthorizationCode);
    if by_code && redirect_uris.is_empty() {
        return Err(AdminError::invalid(
            "the authorization_code grant needs at least one redirect URI; add --redirect-uris",
        ));
    }
    if grant_types.contains(&GrantType::ClientCredentials) && new.scope.is_none() {
        return Err(AdminError::invalid(
            "the client_credentials grant needs a scope ceiling; add --scope with all the client may ever get",
        ));
    }
    let ceiling = new.scope.as_deref().map(ScopeSet::parse).transpose();
    let local = |uri: &RedirectUri| uri.kind().is_local();
    let native = !redirect_uris.is_empty() && redirect_uris.iter().all(local);
    let now = desk.environment.now();
    let description = new.agent_description.as_deref();
    Ok(Client {
        id: desk.environment.new_id().to_string(),
        name,
        response_types: if by_code { vec!["code".to_owned()] } else { Vec::new() },
        redirect_uris,
        grant_types,
        auth_method,
        secret_hash: None,
        ceiling: ceiling.map_err(|error| AdminError::Invalid(format!("scope: {error}")))?,
        default_resource: known_resource(desk, new.default_resource)?,
        application_type: if native { ApplicationType::Native } else { ApplicationType::Web },
        agent: new.agent,
        agent_description: description
            .map(|given| text("agent_description", given, MAX_AGENT_DESCRIPTION))
            .transpose()?,
        status: ClientStatus::Active,
        source: RegistrationSource::Admin,
        metadata: ClientMetadataExtras::default(),
        created_at: now,
        updated_at: now,
    })
}

/// One visible line of at most `limit` characters.
fn text(member: &str, given: &str, limit: usize) -> Result<String, AdminError> {
    let visible = protocol::text::visible(given, limit);
    if visible.is_empty() || given.chars().count() > limit {
        return Err(AdminError::Invalid(format!(
            "{member} must have 1 to {limit} visible characters"
        )));
    }
    Ok(visible)
}

fn auth_method(given: Option<&str>) -> Result<AuthMethod, AdminError> {
    let Some(given) = given else { return Ok(AuthMethod::ClientSecretBasic) };
    let known: Vec<&str> = METHODS.iter().map(|method| method.as_str()).collect();
    METHODS.iter().copied().find(|method| method.as_str() == given).ok_or_else(|| {
        AdminError::Invalid(format!(
            "'{given}' does not work here; use one of {}",
            known.join(", ")
        ))
    })
}

fn redirect_uris(
    given: &[String],
    publicity: PublicOrConfidential,
) -> Result<Vec<RedirectUri>, AdminError> {
    let parse = |uri: &String| {
        RedirectUri::parse_registration(uri, publicity)
            .map_err(|error| AdminError::Invalid(format!("redirect URI '{uri}': {error}")))
    };
    given.iter().map(parse).collect()
}

fn grant_types(given: &[String], method: AuthMethod) -> Result<Vec<GrantType>, AdminError> {
    if given.is_empty() {
        return Ok(vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
    }
    let built = || crate::grants::GRANTS.iter().map(|grant| grant.name);
    let mut grants = Vec::new();
    for word in given {
        let grant = built().find(|grant| grant.as_str() == word).ok_or_else(|| {
            let known: Vec<&str> = built().map(GrantType::as_str).collect();
            AdminError::Invalid(format!(
                "grant '{word}' does not exist here; use {}",
                known.join(", ")
            ))
        })?;
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    if method == AuthMethod::None && grants.contains(&GrantType::ClientCredentials) {
        return Err(AdminError::invalid(
            "client_credentials needs a client that can prove who it is; choose another --auth-method",
        ));
    }
    Ok(grants)
}

fn known_resource(desk: &Desk<'_>, given: Option<String>) -> Result<Option<String>, AdminError> {
    let Some(given) = given else { return Ok(None) };
    let resources = desk.keepers.catalog.resources();
    match resources.by_uri(&given).or_else(|| resources.by_slug(&given)) {
        Some(_) => Ok(Some(given)),
        None => Err(AdminError::NotFound(format!("there is no resource '{given}'"))),
    }
}
