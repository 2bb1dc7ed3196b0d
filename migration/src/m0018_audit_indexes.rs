//! What operators ask the audit log for: an action, who did it, which client it concerns;
//! each over some time.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in [
            ("audit_events_by_action", "action"),
            ("audit_events_by_actor", "actor_id"),
            ("audit_events_by_client", "client_id"),
        ] {
            let index = Index::create()
                .name(name)
                .table("audit_events")
                .col(column)
                .col("created_at")
                .to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
