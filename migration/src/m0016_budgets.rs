//! What has been spent of budgets that all replicas share, by keyed hash of whose budget
//! it is. `full_at` is when nothing of it is spent any more, in microseconds since 1970:
//! a number, because both databases can add to one.

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
                    .table("budgets")
                    .col(var_binary("identity", 32).primary_key())
                    .col(big_integer("full_at"))
                    .to_owned(),
            )
            .await?;
        let by_end =
            Index::create().name("budgets_by_end").table("budgets").col("full_at").to_owned();
        manager.create_index(by_end).await
    }
}
