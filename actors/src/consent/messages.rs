//! What can be asked of the consent keeper.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::cascade::Reach;
use entities::consent_grant::Model as ConsentGrant;
use entities::{Page, StoreError};
use protocol::OAuthError;
use protocol::agreement::Wanted;
use protocol::authorize::AuthorizationRequest;
use protocol::client::Client;
use protocol::grant::authorization_code;
use protocol::resource::Resources;
use protocol::scope::ScopeSet;
use protocol::secret::{AuthorizationCode, BrowserToken};
use uuid::Uuid;

use crate::audit::Origin;
use crate::runtime::{Ask, Fault};
use crate::users::SignedIn;

/// "Keep this request until somebody has decided about it."
#[derive(Debug)]
pub struct OpenRequest {
    /// The validated request.
    pub request: AuthorizationRequest,
    /// The browser that brought it; no other may decide.
    pub browser: BrowserToken,
    /// Where that is; see [`protocol::client_address::network_of`].
    pub network: Option<IpAddr>,
}

/// Where there are too many requests. Those that are kept already are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Too many came from this network.
    Network,
    /// Too many wait in all.
    Server,
}

impl Ask for OpenRequest {
    /// The reference the pages carry.
    type Reply = Result<Uuid, OpenError>;
}

/// Why a request was not kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// The client was removed since it was looked up.
    #[error("the client was removed")]
    ClientGone,
    /// There are too many.
    #[error("too many requests wait")]
    Crowded(Crowded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for OpenError {
    fn fault(&self) -> Option<String> {
        match self {
            OpenError::Store(error) => error.fault(),
            OpenError::ClientGone | OpenError::Crowded(_) => None,
        }
    }
}

/// A request that can still be decided.
#[derive(Debug, Clone)]
pub struct PendingRequest {
    /// The request.
    pub request: AuthorizationRequest,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// "What does this reference stand for, in this browser?"
#[derive(Debug)]
pub struct FindRequest {
    /// The reference.
    pub id: Uuid,
    /// The browser that asks.
    pub browser: BrowserToken,
}

impl Ask for FindRequest {
    /// `None` when it is unknown, another browser's, decided, or too old.
    type Reply = Result<Option<PendingRequest>, StoreError>;
}

/// What the person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, to these scopes.
    Approve(Vec<String>),
    /// Nobody was asked: live consent grants cover the whole request. That is checked
    /// once more, in the transaction.
    Covered,
    /// No.
    Deny,
}

/// "This person decided about this request."
#[derive(Debug)]
pub struct Decide {
    /// The request's reference.
    pub id: Uuid,
    /// The browser the decision came from.
    pub browser: BrowserToken,
    /// Who decided.
    pub person: SignedIn,
    /// What.
    pub decision: Decision,
    /// The resources as they are now.
    pub resources: Arc<Resources>,
    /// The request behind it.
    pub origin: Origin,
}

/// A decision that is committed.
#[derive(Debug)]
pub enum Decided {
    /// Approved: the code to hand out.
    Approved(AuthorizationCode),
    /// Denied, or approved without a single scope.
    Refused(OAuthError),
    /// The form was forged or is out of date; nothing was decided.
    Invalid(OAuthError),
    /// Consent does not cover the request (any more); nothing was decided.
    NotCovered,
    /// The person is signed in no more, or not recently enough for the request; nothing
    /// was decided.
    SignInFirst,
    /// There is no such request to decide (any more).
    Gone,
}

impl Ask for Decide {
    type Reply = Result<Decided, StoreError>;
}

/// "This person decided about what a ticket asks for."
#[derive(Debug)]
pub struct Agree {
    /// What it asks for.
    pub wanted: Wanted,
    /// Who decided.
    pub person: SignedIn,
    /// The scopes that were ticked; none when the answer was no.
    pub ticked: Option<Vec<String>>,
    /// The request behind it.
    pub origin: Origin,
}

/// What came of it.
#[derive(Debug)]
pub enum Agreed {
    /// The person agrees to these, beside everything agreed to before.
    Given(ScopeSet),
    /// The answer was no, or nothing was ticked. What was agreed to before stays.
    Denied,
    /// The form was forged; nothing was decided.
    Invalid(OAuthError),
    /// The ticket asks somebody else; nothing was decided.
    OtherPerson,
    /// The person is signed in no more; nothing was decided.
    SignInFirst,
    /// The client is off or gone, the resource is gone, or it has none of the scopes that
    /// the client may have; nothing was decided.
    Gone,
}

impl Ask for Agree {
    type Reply = Result<Agreed, StoreError>;
}

/// "What has this person agreed to for this client?"
#[derive(Debug)]
pub struct FindGrants {
    /// The person.
    pub user_id: Uuid,
    /// The client.
    pub client_id: String,
}

impl Ask for FindGrants {
    /// Resource ids with the scopes agreed to.
    type Reply = Result<Vec<(Uuid, ScopeSet)>, StoreError>;
}

/// "What has this person agreed to, for whomever?"
#[derive(Debug, Clone, Copy)]
pub struct ListGrants {
    /// The person.
    pub user_id: Uuid,
    /// Which part.
    pub page: Page,
}

impl Ask for ListGrants {
    /// The consent grants with the names of their clients, those taken back included, the
    /// latest first; and how many there are in all.
    type Reply = Result<(Vec<(ConsentGrant, Option<String>)>, u64), StoreError>;
}

/// "This code was presented: redeem it, and record the access token."
#[derive(Debug, Clone)]
pub struct Redeem {
    /// The token request.
    pub request: authorization_code::Request,
    /// The authenticated client.
    pub client: Arc<Client>,
    /// The resources as they are now.
    pub resources: Arc<Resources>,
    /// The key of the DPoP proof, if there was one.
    pub proof: Option<String>,
    /// The request behind it.
    pub origin: Origin,
}

/// A redemption that is committed.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// The user.
    pub user_id: Uuid,
    /// Scopes of the access token.
    pub scopes: ScopeSet,
    /// Audience of the access token.
    pub audience: Vec<String>,
    /// When the user signed in.
    pub auth_time: DateTime<Utc>,
    /// How.
    pub amr: Vec<String>,
    /// The access token's `jti`.
    pub jti: Uuid,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// The family born with it, for clients registered for refresh tokens.
    pub family: Option<Uuid>,
}

impl Ask for Redeem {
    type Reply = Result<Result<Redeemed, OAuthError>, StoreError>;
}

/// "Take this consent back, with everything that rests on it."
#[derive(Debug)]
pub struct RevokeGrant {
    /// The consent grant.
    pub id: Uuid,
    /// Who orders it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RevokeGrant {
    /// `None` when there is no such live grant.
    type Reply = Result<Option<Reach>, StoreError>;
}
