//! Authorization codes, by keyed hash. A redeemed code stays until it is swept, so
//! that a second use can be told from an unknown one and what it produced revoked.

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
                    .table("authorization_codes")
                    .col(var_binary("code_hash", 32).primary_key())
                    .col(string("client_id"))
                    .col(uuid("user_id"))
                    .col(json_binary("request"))
                    .col(timestamp_with_time_zone("auth_time"))
                    .col(json_binary("amr"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("redeemed_at"))
                    .col(timestamp_with_time_zone_null("revoked_at"))
                    .col(uuid_null("family_id"))
                    .col(uuid_null("jti"))
                    .to_owned(),
            )
            .await?;
        let by_expiry = Index::create()
            .name("authorization_codes_by_expiry")
            .table("authorization_codes")
            .col("expires_at")
            .to_owned();
        manager.create_index(by_expiry).await?;
        let by_user = Index::create()
            .name("authorization_codes_by_user")
            .table("authorization_codes")
            .col("user_id")
            .to_owned();
        manager.create_index(by_user).await
    }
}
