//! Which installation the database belongs to: a fingerprint of the root secret, so
//! that a server with another one does not work against rows it cannot read.

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
                    .table("installation")
                    .col(integer("id").primary_key())
                    .col(var_binary("root_fingerprint", 32))
                    .to_owned(),
            )
            .await
    }
}
