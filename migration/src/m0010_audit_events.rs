//! The audit log. Append only, never edited.

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
                    .table("audit_events")
                    .col(pk_uuid("id"))
                    .col(string("action"))
                    .col(string_null("actor_id"))
                    .col(string_null("client_id"))
                    .col(string_null("ip"))
                    .col(text("detail"))
                    .col(string_null("trace_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        let by_time = Index::create()
            .name("audit_events_by_time")
            .table("audit_events")
            .col("created_at")
            .to_owned();
        manager.create_index(by_time).await
    }
}
