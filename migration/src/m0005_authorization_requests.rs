//! Authorization requests that wait for a person to sign in and decide.

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
                    .table("authorization_requests")
                    .col(pk_uuid("id"))
                    .col(var_binary("browser_hash", 32))
                    .col(string("client_id"))
                    .col(json_binary("request"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("decided_at"))
                    .to_owned(),
            )
            .await?;
        let by_expiry = Index::create()
            .name("authorization_requests_by_expiry")
            .table("authorization_requests")
            .col("expires_at")
            .to_owned();
        manager.create_index(by_expiry).await
    }
}
