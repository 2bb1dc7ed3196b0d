//! Operations on tokens that were handed out.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use uuid::Uuid;

use super::Nothing;
use super::operation::operations;
use crate::administration::Kind;
use crate::administration::issuance::{self, IssuanceList, IssuanceQuery, IssuanceView};
use crate::administration::token::{self, TokenList, TokenQuery};

/// Which issuance.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct IssuancePath {
    /// Its id, which is its token's `jti`.
    pub id: Uuid,
}

/// Which token.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct TokenPath {
    /// Its `jti`.
    pub jti: Uuid,
}

operations! {
    /// Issuances, newest first.
    ///
    /// At least one of `user`, `client`, `resource` and `jti` has to be there.
    ListIssuances { query: IssuanceQuery } -> OK IssuanceList:
        GET "/admin/issuances" needs read Issuances,
        fails [
            NotFound(Kind::User),
            NotFound(Kind::Resource),
            Invalid("nothing narrows it down, or it reaches too far back"),
        ],
        |desk| issuance::list(desk, query).await;

    /// An issuance.
    GetIssuance { path: IssuancePath } -> OK IssuanceView:
        GET "/admin/issuances/{id}" needs read Issuances, fails [NotFound(Kind::Issuance)],
        |desk| issuance::get(desk, path.id).await;

    /// Revokes the token of an issuance, and everything exchanged from it.
    RevokeIssuance { path: IssuancePath } -> NO_CONTENT Nothing:
        DELETE "/admin/issuances/{id}" needs write Issuances, fails [NotFound(Kind::Issuance)],
        |desk| {
            issuance::revoke(desk, path.id).await?;
            Ok(Nothing {})
        };

    /// Access tokens that work, newest first.
    ListTokens { query: TokenQuery } -> OK TokenList:
        GET "/admin/tokens" needs read Issuances,
        fails [NotFound(Kind::User), Invalid("limit or offset")],
        |desk| token::list(desk, query).await;

    /// A token, whether or not it works.
    GetToken { path: TokenPath } -> OK IssuanceView:
        GET "/admin/tokens/{jti}" needs read Issuances, fails [NotFound(Kind::Token)],
        |desk| token::get(desk, path.jti).await;

    /// Revokes a token, and everything exchanged from it.
    RevokeToken { path: TokenPath } -> NO_CONTENT Nothing:
        DELETE "/admin/tokens/{jti}" needs write Issuances, fails [NotFound(Kind::Token)],
        |desk| {
            token::revoke(desk, path.jti).await?;
            Ok(Nothing {})
        };
}
