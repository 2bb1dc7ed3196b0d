//! Indexes by the end of a row: what has ended is looked for every minute, and hardly any has.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table, end) in [
            ("admin_keys_by_end", "admin_keys", "expires_at"),
            ("consent_grants_by_end", "consent_grants", "revoked_at"),
        ] {
            let by_end = Index::create().name(name).table(table).col(end).to_owned();
            manager.create_index(by_end).await?;
        }
        Ok(())
    }
}
