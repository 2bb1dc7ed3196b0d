//! The secrets that relieve the root secret in what a fleet makes and recognises by itself.

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
                    .table("ring_secrets")
                    .col(big_integer("number").primary_key())
                    .col(blob("sealed"))
                    .col(timestamp_with_time_zone("signs_from"))
                    .col(boolean("drops_earlier"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await
    }
}
