//! OAuth clients. The id is a string because a CIMD client's id is an URL.

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
                    .table("clients")
                    .col(string("id").primary_key())
                    .col(string("name"))
                    .col(json_binary("redirect_uris"))
                    .col(json_binary("grant_types"))
                    .col(json_binary("response_types"))
                    .col(string("token_endpoint_auth_method"))
                    .col(var_binary_null("secret_hash", 32))
                    .col(string_null("scope"))
                    .col(string_null("default_resource"))
                    .col(string("application_type"))
                    .col(boolean("agent"))
                    .col(string_null("agent_description"))
                    .col(string("status"))
                    .col(string("source"))
                    .col(json_binary("metadata"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await?;
        let by_age = Index::create()
            .name("clients_by_creation")
            .table("clients")
            .col("created_at")
            .to_owned();
        manager.create_index(by_age).await
    }
}
