//! Access tokens that work: listing them and revoking them.

use actors::ledger::RevokeTokensOfUser;
use entities::cascade::Reach;
use entities::issuance::Filter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::input::{MAX_LIMIT, page};
use super::issuance::{self, IssuanceView};
use super::{AdminError, Desk, Kind, user};

/// Which tokens are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct TokenQuery {
    /// Id or e-mail address of the person they stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Id of the client they were issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Which tokens of a person are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct UserTokenQuery {
    /// Id of the client they were issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Tokens that work, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The part that was asked for, newest first.
    pub tokens: Vec<IssuanceView>,
    /// How many meet the filter.
    pub total: u64,
}

/// How many tokens were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedTokens {
    /// Access tokens.
    pub revoked: u64,
}

/// Tokens that are neither revoked nor expired, newest first.
///
/// # Errors
/// [`AdminError::Invalid`], [`AdminError::NotFound`] for a person who was named and is not
/// there, or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: TokenQuery) -> Result<TokenList, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let filter = Filter {
        user_id: issuance::user_id(desk, query.user.as_deref()).await?,
        client_id: query.client,
        live_at: Some(desk.environment.now()),
        ..Filter::default()
    };
    let (tokens, total) = issuance::look(desk, filter, page).await?;
    Ok(TokenList { tokens, total })
}

/// Those of the person with this id or e-mail address.
///
/// # Errors
/// As [`list`].
pub async fn of_user(
    desk: &Desk<'_>,
    who: &str,
    query: UserTokenQuery,
) -> Result<TokenList, AdminError> {
    let user = Some(user::find(desk, who).await?.to_string());
    let UserTokenQuery { client, limit, offset } = query;
    list(desk, TokenQuery { user, client, limit, offset }).await
}

/// The token with this `jti`, whether or not it works.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn get(desk: &Desk<'_>, jti: Uuid) -> Result<IssuanceView, AdminError> {
    issuance::find(desk, jti, Kind::Token).await
}

/// Revokes the token with this `jti` and everything exchanged from it.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn revoke(desk: &Desk<'_>, jti: Uuid) -> Result<Reach, AdminError> {
    issuance::revoke_as(desk, jti, Kind::Token).await
}

/// Revokes every token of the person with this id or e-mail address. Their refresh
/// families and pending codes go with them, which would only bring new ones; they stay
/// signed in here.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn revoke_of_user(desk: &Desk<'_>, who: &str) -> Result<RevokedTokens, AdminError> {
    let user_id = user::find(desk, who).await?;
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = RevokeTokensOfUser { user_id, admin, origin };
    let reach = desk.keepers.ledger.ask(order).await??;
    Ok(RevokedTokens { revoked: reach.issuances })
}
