//! Fronting links: which resource may reach which other one for the user.

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
                    .table("fronting_links")
                    .col(pk_uuid("id"))
                    .col(uuid("source_id"))
                    .col(uuid("target_id"))
                    .col(json_binary("scope_map"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await?;
        let one_per_pair = Index::create()
            .name("fronting_links_source_target")
            .table("fronting_links")
            .col("source_id")
            .col("target_id")
            .unique()
            .to_owned();
        manager.create_index(one_per_pair).await
    }
}
