//! Operations on users.

use actors::users::AccountAct;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::Nothing;
use super::operation::operations;
use crate::administration::Kind;
use crate::administration::token::{self, RevokedTokens, TokenList, UserTokenQuery};
use crate::administration::user::{
    self, AccountChange, NewUser, UserList, UserPatch, UserQuery, UserView,
};

/// Which user.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct UserPath {
    /// The user's id or e-mail address.
    pub user: String,
}

const TAKEN: &str = "the e-mail address is taken";
const RULES: &str = "an e-mail address, name, password or role breaks a rule";

operations! {
    /// Users, newest first.
    ListUsers { query: UserQuery } -> OK UserList:
        GET "/admin/users" needs read Users, fails [Invalid("limit or offset")],
        |desk| user::list(desk, query).await;

    /// Makes an account.
    CreateUser { body: NewUser } -> CREATED UserView:
        POST "/admin/users" needs write Users, fails [Conflict(TAKEN), Invalid(RULES)],
        |desk| Ok(UserView::from(&user::create(desk, body).await?));

    /// A user.
    GetUser { path: UserPath } -> OK UserView:
        GET "/admin/users/{user}" needs read Users, fails [NotFound(Kind::User)],
        |desk| user::get(desk, &path.user).await;

    /// Changes a user.
    ///
    /// Members that are left out stay as they are. Another password ends every session of the
    /// person; what clients were given stays.
    UpdateUser { path: UserPath, body: UserPatch } -> OK UserView:
        PATCH "/admin/users/{user}" needs write Users,
        fails [NotFound(Kind::User), Conflict(TAKEN), Invalid(RULES)],
        |desk| user::patch(desk, &path.user, body).await;

    /// Deletes a user, and ends everything that stands for the person.
    DeleteUser { path: UserPath } -> NO_CONTENT Nothing:
        DELETE "/admin/users/{user}" needs write Users, fails [NotFound(Kind::User)],
        |desk| {
            user::delete(desk, &path.user).await?;
            Ok(Nothing {})
        };

    /// Lets a person sign in no more, and ends everything that stands for them.
    DisableUser { path: UserPath } -> OK AccountChange:
        PATCH "/admin/users/{user}/disable" needs write Users, fails [NotFound(Kind::User)],
        |desk| user::act(desk, &path.user, AccountAct::Disable).await;

    /// Lets a disabled person sign in again.
    EnableUser { path: UserPath } -> OK AccountChange:
        PATCH "/admin/users/{user}/enable" needs write Users, fails [NotFound(Kind::User)],
        |desk| user::act(desk, &path.user, AccountAct::Enable).await;

    /// Ends everything that stands for a person: sessions, codes, refresh families, tokens.
    SignUserOut { path: UserPath } -> OK AccountChange:
        PATCH "/admin/users/{user}/force-logout" needs write Users, fails [NotFound(Kind::User)],
        |desk| user::act(desk, &path.user, AccountAct::ForceLogout).await;

    /// The access tokens of a person that work.
    ListUserTokens { path: UserPath, query: UserTokenQuery } -> OK TokenList:
        GET "/admin/users/{user}/tokens" needs read Issuances,
        fails [NotFound(Kind::User), Invalid("limit or offset")],
        |desk| token::of_user(desk, &path.user, query).await;

    /// Revokes every token of a person.
    ///
    /// Refresh families and pending codes go with them; the person stays signed in here.
    RevokeUserTokens { path: UserPath } -> OK RevokedTokens:
        DELETE "/admin/users/{user}/tokens" needs write Issuances, fails [NotFound(Kind::User)],
        |desk| token::revoke_of_user(desk, &path.user).await;
}
