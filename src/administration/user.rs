//! Accounts of people: making, looking at, changing, switching off and deleting them.

use actors::audit::Event;
use actors::passwords::Hash;
use actors::users::{AccountAct, ActOnAccount, CreateUser, FindUser, ListUsers, ReplaceUser};
use chrono::{DateTime, Utc};
use entities::cascade::Reach;
use entities::user::{Filter, Model as User, canonical_email};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::input::{MAX_LIMIT, page, text};
use super::redraft::until_made;
use super::{AdminError, Change, Desk, Kind, Revoked};

/// Shortest password, in characters (NIST SP 800-63B §5.1.1.1).
const MIN_PASSWORD: usize = 8;
/// Longest password, in bytes.
const MAX_PASSWORD: usize = 1024;
/// Longest name, in characters.
const MAX_NAME: usize = 200;

/// A password on its way to being hashed. Does not print.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Password(Zeroizing<String>);

impl From<String> for Password {
    fn from(password: String) -> Password {
        Password(password.into())
    }
}

impl From<Zeroizing<String>> for Password {
    fn from(password: Zeroizing<String>) -> Password {
        Password(password)
    }
}

impl From<Password> for String {
    fn from(password: Password) -> String {
        password.0.to_string()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What an operator says about a new user.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// E-mail address, the sign-in name.
    pub email: String,
    /// Name; the address when none is given.
    pub name: Option<String>,
    /// Password: at least 8 characters.
    #[schema(value_type = String, format = Password)]
    pub password: Password,
    /// `user`, as long as nothing is said, or `admin`.
    pub role: String,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewUser(…)")
    }
}

/// What is to change about a user.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserPatch {
    /// E-mail address, the sign-in name.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub email: Change<String>,
    /// Name; `null` is the address.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub name: Change<String>,
    /// Password; `null` takes it away, and sign-in with it.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub password: Change<Password>,
    /// `user` or `admin`.
    #[serde(skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub role: Change<String>,
}

impl std::fmt::Debug for UserPatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserPatch(…)")
    }
}

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// They may.
    Active,
    /// They may not.
    Disabled,
}

impl UserStatus {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            UserStatus::Active => "active",
            UserStatus::Disabled => "disabled",
        }
    }
}

/// Which users are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub struct UserQuery {
    /// Only the one with this e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Only those with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub status: Option<UserStatus>,
    /// Only those with this role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How many, 100 unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// How many to skip before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// A user as operators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// The user's id: `sub` in tokens.
    pub id: Uuid,
    /// E-mail address, the sign-in name.
    pub email: String,
    /// Name.
    pub name: String,
    /// `user` or `admin`.
    pub role: String,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Whether they can sign in here with a password.
    pub has_password: bool,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<&User> for UserView {
    fn from(user: &User) -> UserView {
        let disabled = user.disabled_at.is_some();
        UserView {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role.clone(),
            status: if disabled { UserStatus::Disabled } else { UserStatus::Active },
            has_password: user.password_hash.is_some(),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Users, and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserList {
    /// The part that was asked for.
    pub users: Vec<UserView>,
    /// How many meet the filter.
    pub total: u64,
}

/// What became of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountChange {
    /// Whether the person may sign in now.
    pub status: UserStatus,
    /// What ended with it.
    pub revoked: Revoked,
}

/// Makes an account.
///
/// # Errors
/// [`AdminError::Invalid`], [`AdminError::Conflict`] when the address is taken, or a
/// failure of the server.
pub async fn create(desk: &Desk<'_>, new: NewUser) -> Result<User, AdminError> {
    let email = checked_email(&new.email)?;
    let name = checked_name(new.name, &email)?;
    let role = if new.role.is_empty() { "user".to_owned() } else { checked_role(new.role)? };
    check_password(&new.password)?;
    let password_hash = desk.keepers.passwords.ask(Hash(new.password.0)).await??;
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = CreateUser { name, email, password_hash, role, admin, origin };
    Ok(desk.keepers.users.ask(order).await??)
}

/// Users, newest first.
///
/// # Errors
/// [`AdminError::Invalid`], or a failure of the server.
pub async fn list(desk: &Desk<'_>, query: UserQuery) -> Result<UserList, AdminError> {
    let page = page(query.limit, query.offset, MAX_LIMIT)?;
    let filter = Filter {
        email: query.email.as_deref().map(canonical_email),
        disabled: query.status.map(|status| status == UserStatus::Disabled),
        role: query.role,
    };
    let (users, total) = desk.keepers.users.ask(ListUsers { filter, page }).await??;
    Ok(UserList { users: users.iter().map(UserView::from).collect(), total })
}

/// The account with this id or e-mail address.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn get(desk: &Desk<'_>, who: &str) -> Result<UserView, AdminError> {
    Ok(UserView::from(&load(desk, who).await?))
}

/// Changes the account with this id or e-mail address. Another password ends every
/// session of the person; what clients were given stays: [`AccountAct::ForceLogout`]
/// takes that too.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::Invalid`], [`AdminError::Conflict`] when the
/// address is taken, or a failure of the server.
pub async fn patch(
    desk: &Desk<'_>,
    who: &str,
    mut patch: UserPatch,
) -> Result<UserView, AdminError> {
    // Hashed once, whatever number of attempts it takes.
    let password_hash = match std::mem::take(&mut patch.password) {
        Change::Keep => None,
        Change::Clear => Some(None),
        Change::Set(password) => {
            check_password(&password)?;
            Some(Some(desk.keepers.passwords.ask(Hash(password.0)).await??))
        }
    };
    let user_id = load(desk, who).await?.id;
    let made = until_made(async || {
        let before = load(desk, &user_id.to_string()).await?;
        let mut after = patched(before.clone(), patch.clone())?;
        if let Some(hash) = &password_hash {
            after.password_hash.clone_from(hash);
        }
        let fields = differences(&before, &after);
        if fields.is_empty() {
            return Ok(Ok(before));
        }
        let event = Event::new("user.updated", desk.origin)
            .by(desk.admin)
            .with("user", before.id)
            .with("fields", fields.join(","));
        Ok(desk.keepers.users.ask(ReplaceUser { before, after, event }).await?)
    });
    Ok(UserView::from(&made.await?))
}

/// Deletes the account with this id or e-mail address, and ends everything that stands
/// for the person; what that reached.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn delete(desk: &Desk<'_>, who: &str) -> Result<Reach, AdminError> {
    let user_id = find(desk, who).await?;
    order(desk, user_id, AccountAct::Delete).await?.ok_or_else(|| unknown(who))
}

/// Does `act` to the account with this id or e-mail address.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn act(desk: &Desk<'_>, who: &str, act: AccountAct) -> Result<AccountChange, AdminError> {
    let user = load(desk, who).await?;
    let reach = order(desk, user.id, act).await?.ok_or_else(|| unknown(who))?;
    let status = match act {
        AccountAct::Disable => UserStatus::Disabled,
        AccountAct::Enable => UserStatus::Active,
        AccountAct::ForceLogout | AccountAct::Delete => UserView::from(&user).status,
    };
    Ok(AccountChange { status, revoked: reach.into() })
}

/// Has the keeper do `act`; what that reached, or nothing where there is no such account any
/// more.
async fn order(
    desk: &Desk<'_>,
    user_id: Uuid,
    act: AccountAct,
) -> Result<Option<Reach>, AdminError> {
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    Ok(desk.keepers.users.ask(ActOnAccount { user_id, act, admin, origin }).await??)
}

/// The id of the account with this id or e-mail address.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn find(desk: &Desk<'_>, who: &str) -> Result<Uuid, AdminError> {
    Ok(load(desk, who).await?.id)
}

async fn load(desk: &Desk<'_>, who: &str) -> Result<User, AdminError> {
    let whom = match who.parse() {
        Ok(id) => FindUser::Id(id),
        Err(_) => FindUser::Email(who.to_owned()),
    };
    let user = desk.keepers.users.ask(whom).await??;
    user.ok_or_else(|| unknown(who))
}

fn unknown(who: &str) -> AdminError {
    AdminError::missing(Kind::User, who)
}

fn patched(mut user: User, patch: UserPatch) -> Result<User, AdminError> {
    if let Some(email) = patch.email.value("email")? {
        user.email = checked_email(&email)?;
    }
    if let Some(name) = patch.name.text() {
        user.name = checked_name(name, &user.email)?;
    }
    if let Some(role) = patch.role.value("role")? {
        user.role = checked_role(role)?;
    }
    Ok(user)
}

/// The names of the members that differ.
fn differences(before: &User, after: &User) -> Vec<&'static str> {
    [
        ("email", before.email != after.email),
        ("name", before.name != after.name),
        ("password", before.password_hash != after.password_hash),
        ("role", before.role != after.role),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

/// The address in its canonical form.
fn checked_email(given: &str) -> Result<String, AdminError> {
    let email = canonical_email(given);
    let shaped = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !shaped || email.len() > 254 || email.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let shown = protocol::text::visible(&email, 100);
        return Err(AdminError::Invalid(format!("email: '{shown}' is not an e-mail address")));
    }
    Ok(email)
}

fn checked_name(given: Option<String>, email: &str) -> Result<String, AdminError> {
    let given = given.filter(|name| !name.is_empty());
    given.map_or_else(|| Ok(email.to_owned()), |name| text("name", &name, MAX_NAME))
}

fn checked_role(role: String) -> Result<String, AdminError> {
    if matches!(role.as_str(), "user" | "admin") {
        return Ok(role);
    }
    let shown = protocol::text::visible(&role, 64);
    Err(AdminError::Invalid(format!("role: '{shown}' is neither user nor admin")))
}

fn check_password(password: &Password) -> Result<(), AdminError> {
    if password.0.chars().count() < MIN_PASSWORD || password.0.len() > MAX_PASSWORD {
        return Err(AdminError::Invalid(format!(
            "password must have {MIN_PASSWORD} characters or more, and at most {MAX_PASSWORD} bytes"
        )));
    }
    Ok(())
}
