//! Deleting what has expired, a little at a time.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{LockBehavior, LockType, Order, Query};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait, QueryFilter as _};

use crate::{
    StoreError, admin_key, attempt, audit_event, authorization_code, authorization_request, budget,
    consent_grant, family, issuance, replay, session,
};

/// A table whose rows expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiring {
    /// Browser sessions.
    Sessions,
    /// Authorization requests nobody decided.
    AuthorizationRequests,
    /// Authorization codes, redeemed or not.
    AuthorizationCodes,
    /// Refresh families.
    Families,
    /// Issuances.
    Issuances,
    /// Failed sign-ins and client authentications.
    Attempts,
    /// Budgets that are full again.
    Budgets,
    /// The audit log. Its rows have no end of their own: what counts is their age.
    AuditEvents,
    /// Uses that are too old to be made again.
    Replay,
    /// Minted admin keys.
    AdminKeys,
    /// What people agreed to and took back. What they did not take back has no end.
    ConsentGrants,
}

impl Expiring {
    /// All of them. Those come first that requests write and read all the time and that are
    /// of use for minutes only.
    pub const ALL: [Expiring; 11] = [
        Expiring::Replay,
        Expiring::Attempts,
        Expiring::Budgets,
        Expiring::AuthorizationRequests,
        Expiring::AuthorizationCodes,
        Expiring::Sessions,
        Expiring::Families,
        Expiring::Issuances,
        Expiring::AuditEvents,
        Expiring::AdminKeys,
        Expiring::ConsentGrants,
    ];

    /// The table's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Expiring::Sessions => "sessions",
            Expiring::AuthorizationRequests => "authorization_requests",
            Expiring::AuthorizationCodes => "authorization_codes",
            Expiring::Families => "families",
            Expiring::Issuances => "issuances",
            Expiring::Attempts => "attempts",
            Expiring::Budgets => "budgets",
            Expiring::AuditEvents => "audit_events",
            Expiring::Replay => "replay",
            Expiring::AdminKeys => "admin_keys",
            Expiring::ConsentGrants => "consent_grants",
        }
    }

    /// Deletes up to `limit` rows that expired before `before`; how many there were.
    /// One short statement, so that nobody waits long for its locks.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep<C: ConnectionTrait>(
        self,
        db: &C,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<u64, StoreError> {
        match self {
            Expiring::Sessions => {
                use session::{Column, Entity};
                delete::<Entity, C>(db, Column::IdHash, Column::ExpiresAt, before, limit).await
            }
            Expiring::AuthorizationRequests => {
                use authorization_request::{Column, Entity};
                delete::<Entity, C>(db, Column::Id, Column::ExpiresAt, before, limit).await
            }
            Expiring::AuthorizationCodes => {
                use authorization_code::{Column, Entity};
                delete::<Entity, C>(db, Column::CodeHash, Column::ExpiresAt, before, limit).await
            }
            Expiring::Families => {
                use family::{Column, Entity};
                delete::<Entity, C>(db, Column::Id, Column::ExpiresAt, before, limit).await
            }
            Expiring::Issuances => {
                use issuance::{Column, Entity};
                delete::<Entity, C>(db, Column::Jti, Column::ExpiresAt, before, limit).await
            }
            Expiring::Attempts => {
                use attempt::{Column, Entity};
                delete::<Entity, C>(db, Column::Identity, Column::ExpiresAt, before, limit).await
            }
            Expiring::Budgets => budget::sweep(db, before, limit).await,
            Expiring::AuditEvents => {
                use audit_event::{Column, Entity};
                delete::<Entity, C>(db, Column::Id, Column::CreatedAt, before, limit).await
            }
            Expiring::Replay => {
                use replay::{Column, Entity};
                delete::<Entity, C>(db, Column::Key, Column::ExpiresAt, before, limit).await
            }
            Expiring::AdminKeys => {
                use admin_key::{Column, Entity};
                delete::<Entity, C>(db, Column::Id, Column::ExpiresAt, before, limit).await
            }
            Expiring::ConsentGrants => {
                use consent_grant::{Column, Entity};
                delete::<Entity, C>(db, Column::Id, Column::RevokedAt, before, limit).await
            }
        }
    }
}

/// The oldest first. A row that somebody holds is left for the next time: who waits for nobody
/// is in no circle of those who wait for each other, whatever order they take their rows in.
///
/// The end is looked at again when the row is held: whoever agrees anew to what they took back
/// gives the same row no end, and may do so between the look and the deletion.
async fn delete<E: EntityTrait, C: ConnectionTrait>(
    db: &C,
    key: E::Column,
    ends_at: E::Column,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let expired = Query::select()
        .column(key)
        .from(E::default())
        .and_where(ends_at.lt(before))
        .order_by(ends_at, Order::Asc)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned();
    let swept = E::delete_many()
        .filter(key.in_subquery(expired))
        .filter(ends_at.lt(before))
        .exec(db)
        .await?;
    Ok(swept.rows_affected)
}
