//! Refresh families: one row per sign-in, whatever number of times it is refreshed.

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
                    .table("families")
                    .col(pk_uuid("id"))
                    .col(big_integer("generation"))
                    .col(string("client_id"))
                    .col(uuid("user_id"))
                    .col(text("scopes"))
                    .col(json_binary("resource_ids"))
                    .col(string_null("jkt"))
                    .col(timestamp_with_time_zone("auth_time"))
                    .col(json_binary("amr"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("rotated_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone("absolute_expires_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .col(string_null("revoked_reason"))
                    .to_owned(),
            )
            .await?;
        for (name, column) in [
            ("families_by_user", "user_id"),
            ("families_by_client", "client_id"),
            ("families_by_expiry", "expires_at"),
        ] {
            let index = Index::create().name(name).table("families").col(column).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
