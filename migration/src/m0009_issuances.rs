//! Issuances: one row per token handed out, keyed by the token's `jti`.

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
                    .table("issuances")
                    .col(pk_uuid("jti"))
                    .col(string("grant_type"))
                    .col(uuid_null("user_id"))
                    .col(string("client_id"))
                    .col(json_binary("resource_ids"))
                    .col(text("scopes"))
                    .col(uuid_null("family_id"))
                    .col(string_null("jkt"))
                    .col(timestamp_with_time_zone("issued_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .col(string_null("revoked_reason"))
                    .to_owned(),
            )
            .await?;
        for (name, column) in [
            ("issuances_by_user", "user_id"),
            ("issuances_by_client", "client_id"),
            ("issuances_by_family", "family_id"),
            ("issuances_by_expiry", "expires_at"),
        ] {
            let index = Index::create().name(name).table("issuances").col(column).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
