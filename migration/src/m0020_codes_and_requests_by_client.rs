//! Indexes by client: whether a client is used at all is asked for many of them.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in [
            ("authorization_codes_by_client", "authorization_codes"),
            ("authorization_requests_by_client", "authorization_requests"),
        ] {
            let by_client = Index::create().name(name).table(table).col("client_id").to_owned();
            manager.create_index(by_client).await?;
        }
        Ok(())
    }
}
