//! Failed proofs of who somebody is, by keyed hash of whose and from where. A row counts
//! until it expires; one that has reached the configured number is a lockout until then.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("attempts")
                    .col(var_binary("identity", 32).primary_key())
                    .col(small_integer("kind"))
                    .col(integer("failures"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .to_owned(),
            )
            .await?;
        let by_expiry = Index::create()
            .name("attempts_by_expiry")
            .table("attempts")
            .col("expires_at")
            .to_owned();
        manager.create_index(by_expiry).await
    }
}
