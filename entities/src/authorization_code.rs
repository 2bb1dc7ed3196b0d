//! Authorization codes, by keyed hash.

use chrono::{DateTime, Utc};
use protocol::authorize::AuthorizationRequest;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, IntoActiveModel as _, QueryOrder as _, QuerySelect as _};
use serde::Serialize;

use crate::store::Travels;
use crate::store::rows::{Given, Hex, Id, padded};
use crate::{IDS_PER_STATEMENT, StoreError, Strings, may_still_work, mentions_in};

/// A row of `authorization_codes`.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
pub struct Model {
    /// Keyed hash of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code_hash: Vec<u8>,
    /// The client the code was issued to.
    pub client_id: String,
    /// The user who agreed.
    pub user_id: Uuid,
    /// What the user agreed to: the request, scopes narrowed to the ticked ones.
    #[sea_orm(column_type = "JsonBinary")]
    pub request: Json,
    /// When the user signed in.
    pub auth_time: DateTime<Utc>,
    /// How the user signed in.
    #[sea_orm(column_type = "JsonBinary")]
    pub amr: Strings,
    /// When the code is too old.
    pub expires_at: DateTime<Utc>,
    /// When it was redeemed, if it was.
    pub redeemed_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The family that came of it.
    pub family_id: Option<Uuid>,
    /// The access token that came of it.
    pub jti: Option<Uuid>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("authorization_code::Model")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// What the user agreed to.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn request(&self) -> Result<AuthorizationRequest, StoreError> {
        serde_json::from_value(self.request.clone())
            .map_err(|error| StoreError::damaged("authorization_codes", error))
    }
}

/// A code on its way into the table.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// Keyed hash of the code.
    pub code_hash: [u8; 32],
    /// The user who agreed.
    pub user_id: Uuid,
    /// What the user agreed to.
    pub request: AuthorizationRequest,
    /// When the user signed in.
    pub auth_time: DateTime<Utc>,
    /// How.
    pub amr: Vec<String>,
    /// When the code is too old.
    pub expires_at: DateTime<Utc>,
}

/// Adds a code.
///
/// # Errors
/// When the store fails.
pub async fn insert<C: ConnectionTrait>(db: &C, new: NewCode) -> Result<(), StoreError> {
    let request = serde_json::to_value(&new.request)
        .map_err(|error| StoreError::damaged("authorization_codes", error))?;
    let row = Model {
        code_hash: new.code_hash.to_vec(),
        client_id: new.request.client_id,
        user_id: new.user_id,
        request,
        auth_time: new.auth_time,
        amr: Strings(new.amr),
        expires_at: new.expires_at,
        redeemed_at: None,
        revoked_at: None,
        family_id: None,
        jti: None,
    };
    Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The codes with these hashes, whatever their state, held against change until the
/// transaction ends; unknown ones are left out. Rows are locked in the order of their
/// hashes, so that two batches with the same codes queue up.
///
/// # Errors
/// When the store fails.
pub async fn hold_all<C: ConnectionTrait>(
    db: &C,
    hashes: Vec<Vec<u8>>,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::CodeHash.is_in(padded(hashes)))
        .order_by_asc(Column::CodeHash)
        .lock_exclusive()
        .all(db)
        .await?)
}

/// A code that is claimed, and what will come of it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Keyed hash of the code.
    pub code_hash: Vec<u8>,
    /// The family, if the client gets refresh tokens.
    pub family_id: Option<Uuid>,
    /// The access token.
    pub jti: Uuid,
}

/// A claim on its way into the statement.
#[derive(Serialize)]
struct Row<'a> {
    claimed: Hex<'a>,
    family: Option<Id>,
    token: Id,
}

static REDEEM: Given = Given::new(
    &[("claimed", Travels::Bytes), ("family", Travels::Uuid), ("token", Travels::Uuid)],
    |rows| {
        format!(
            "WITH given AS ({rows}) UPDATE authorization_codes \
             SET redeemed_at = $2, family_id = given.family, jti = given.token \
             FROM given WHERE code_hash = given.claimed \
             AND redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > $2 \
             RETURNING code_hash"
        )
    },
);

/// Claims codes for one token response each, in one statement; the hashes of those that
/// were claimed. Of any number of simultaneous claims of a code, on any number of
/// replicas, exactly one succeeds.
///
/// # Errors
/// When the store fails; none is claimed then.
pub async fn redeem_all<C: ConnectionTrait>(
    db: &C,
    claims: &[Claim],
    now: DateTime<Utc>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let rows: Vec<Row<'_>> = claims
        .iter()
        .map(|claim| Row {
            claimed: Hex(&claim.code_hash),
            family: claim.family_id.map(Id),
            token: Id(claim.jti),
        })
        .collect();
    let claimed = REDEEM.returning(db, &rows, [now.into()]).await?;
    claimed.iter().map(|row| Ok(row.try_get("", "code_hash")?)).collect()
}

/// Whose codes are meant.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// A user's, for whichever client.
    User(Uuid),
    /// A client's, for whichever user.
    Client(&'a str),
    /// A user's for one client, as far as they are for this resource.
    UserAtClient(Uuid, &'a str, Uuid),
    /// Whoever's for this resource.
    Resource(Uuid),
}

impl Holder<'_> {
    fn condition(self) -> Condition {
        match self {
            Holder::User(user_id) => Condition::all().add(Column::UserId.eq(user_id)),
            Holder::Client(client_id) => Condition::all().add(Column::ClientId.eq(client_id)),
            Holder::UserAtClient(user_id, client_id, resource_id) => Holder::User(user_id)
                .condition()
                .add(Column::ClientId.eq(client_id))
                .add(mentions_in(Column::Request, "resource_ids", resource_id)),
            Holder::Resource(resource_id) => {
                Condition::all().add(mentions_in(Column::Request, "resource_ids", resource_id))
            }
        }
    }
}

/// Revokes the codes of `holder` that could still be redeemed; how many there were.
/// Rows are locked in the order of their hashes, as redemptions do it.
///
/// # Errors
/// When the store fails.
pub async fn revoke_pending<C: ConnectionTrait>(
    db: &C,
    holder: Holder<'_>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let pending = holder
        .condition()
        .add(Column::RedeemedAt.is_null())
        .add(Column::RevokedAt.is_null())
        .add(may_still_work(Column::ExpiresAt, now));
    let held: Vec<Vec<u8>> = Entity::find()
        .select_only()
        .column(Column::CodeHash)
        .filter(pending)
        .order_by_asc(Column::CodeHash)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    let mut revoked = 0;
    for some in held.chunks(IDS_PER_STATEMENT) {
        let done = Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(now))
            .filter(Column::CodeHash.is_in(some.to_vec()))
            .filter(Column::RedeemedAt.is_null())
            .filter(Column::RevokedAt.is_null())
            .exec(db)
            .await?;
        revoked += done.rows_affected;
    }
    Ok(revoked)
}
