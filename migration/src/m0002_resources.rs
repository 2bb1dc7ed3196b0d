//! Resources: what tokens are issued for.

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
                    .table("resources")
                    .col(pk_uuid("id"))
                    .col(string_uniq("slug"))
                    .col(string_uniq("uri"))
                    .col(json_binary("aliases"))
                    .col(boolean("discoverable"))
                    .col(string("backend_kind"))
                    .col(string("display_name"))
                    .col(json_binary("scopes"))
                    .col(json_binary("policy"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await
    }
}
