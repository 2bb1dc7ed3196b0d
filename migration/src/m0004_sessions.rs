//! Browser sessions. The key is a keyed hash of the cookie, never the cookie.

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
                    .table("sessions")
                    .col(var_binary("id_hash", 32).primary_key())
                    .col(uuid("user_id"))
                    .col(timestamp_with_time_zone("auth_time"))
                    .col(json_binary("amr"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .to_owned(),
            )
            .await?;
        let by_user =
            Index::create().name("sessions_by_user").table("sessions").col("user_id").to_owned();
        manager.create_index(by_user).await?;
        let by_expiry = Index::create()
            .name("sessions_by_expiry")
            .table("sessions")
            .col("expires_at")
            .to_owned();
        manager.create_index(by_expiry).await
    }
}
