//! Accounts that an operator makes.

use actors::passwords::Hash;
use actors::users::{AccountAct, ActOnAccount, CreateUser, FindUser, ListUsers};
use entities::cascade::Reach;
use entities::user::Model as User;
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{AdminError, Desk, Kind};

/// Shortest password, in characters (NIST SP 800-63B §5.1.1.1).
const MIN_PASSWORD: usize = 8;
/// Longest password, in bytes.
const MAX_PASSWORD: usize = 1024;

/// What an operator says about a new user.
pub struct NewUser {
    /// E-mail address, the sign-in name.
    pub email: String,
    /// Name; the address when none is given.
    pub name: Option<String>,
    /// Password.
    pub password: Zeroizing<String>,
    /// `user` or `admin`.
    pub role: String,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewUser(…)")
    }
}

/// A user as operators see one.
#[derive(Debug, Serialize)]
pub struct UserView {
    id: String,
    email: String,
    name: String,
    role: String,
    status: &'static str,
    created_at: String,
    updated_at: String,
}

impl From<&User> for UserView {
    fn from(user: &User) -> UserView {
        UserView {
            id: user.id.to_string(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role.clone(),
            status: if user.disabled_at.is_some() { "disabled" } else { "active" },
            created_at: user.created_at.to_rfc3339(),
            updated_at: user.updated_at.to_rfc3339(),
        }
    }
}

/// Makes an account.
///
/// # Errors
/// [`AdminError::Invalid`], [`AdminError::Conflict`] when the address is taken, or a
/// failure of the server.
pub async fn create(desk: &Desk<'_>, new: NewUser) -> Result<User, AdminError> {
    check(&new)?;
    let password_hash = desk.keepers.passwords.ask(Hash(new.password)).await??;
    let order = CreateUser {
        name: new.name.unwrap_or_else(|| new.email.clone()),
        email: new.email,
        password_hash,
        role: new.role,
        admin: desk.admin.to_owned(),
        origin: desk.origin.clone(),
    };
    Ok(desk.keepers.users.ask(order).await??)
}

/// Users, newest first.
///
/// # Errors
/// A failure of the server.
pub async fn list(desk: &Desk<'_>, limit: u64) -> Result<Vec<User>, AdminError> {
    Ok(desk.keepers.users.ask(ListUsers { limit }).await??)
}

/// Does `act` to the account with this id or e-mail address; what that reached.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn act(desk: &Desk<'_>, who: &str, act: AccountAct) -> Result<Reach, AdminError> {
    let user_id = find(desk, who).await?;
    let admin = desk.admin.to_owned();
    let order = ActOnAccount { user_id, act, admin, origin: desk.origin.clone() };
    desk.keepers.users.ask(order).await??.ok_or_else(|| unknown(who))
}

/// The id of the account with this id or e-mail address.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn find(desk: &Desk<'_>, who: &str) -> Result<Uuid, AdminError> {
    let whom = match who.parse() {
        Ok(id) => FindUser::Id(id),
        Err(_) => FindUser::Email(who.to_owned()),
    };
    let user = desk.keepers.users.ask(whom).await??;
    user.map(|user| user.id).ok_or_else(|| unknown(who))
}

fn unknown(who: &str) -> AdminError {
    AdminError::missing(Kind::User, who)
}

fn check(new: &NewUser) -> Result<(), AdminError> {
    let email = new.email.trim();
    let shaped = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !shaped || email.len() > 254 || email.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(AdminError::Invalid(format!("'{email}' is not an e-mail address")));
    }
    if new.password.chars().count() < MIN_PASSWORD || new.password.len() > MAX_PASSWORD {
        return Err(AdminError::Invalid(format!(
            "the password must have {MIN_PASSWORD} characters or more, and at most {MAX_PASSWORD} bytes"
        )));
    }
    if !matches!(new.role.as_str(), "user" | "admin") {
        return Err(AdminError::Invalid(format!("role '{}' is neither user nor admin", new.role)));
    }
    Ok(())
}
