//! What was used and must not be used again, until it is too old to be used at all.

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
                    .table("replay")
                    .col(var_binary("key", 32).primary_key())
                    .col(timestamp_with_time_zone("expires_at"))
                    .to_owned(),
            )
            .await?;
        let by_expiry =
            Index::create().name("replay_by_expiry").table("replay").col("expires_at").to_owned();
        manager.create_index(by_expiry).await
    }
}
