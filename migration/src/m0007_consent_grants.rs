//! Consent grants: one row per (user, client, resource).

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
                    .table("consent_grants")
                    .col(pk_uuid("id"))
                    .col(uuid("user_id"))
                    .col(string("client_id"))
                    .col(uuid("resource_id"))
                    .col(text("scopes"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .to_owned(),
            )
            .await?;
        let one_per_triple = Index::create()
            .name("consent_grants_user_client_resource")
            .table("consent_grants")
            .col("user_id")
            .col("client_id")
            .col("resource_id")
            .unique()
            .to_owned();
        manager.create_index(one_per_triple).await?;
        let by_client = Index::create()
            .name("consent_grants_by_client")
            .table("consent_grants")
            .col("client_id")
            .to_owned();
        manager.create_index(by_client).await
    }
}
