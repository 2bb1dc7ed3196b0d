//! Through whose hands a token went that was exchanged, oldest first; and an index by the link
//! that allowed it: whoever takes a link back takes back what was issued by way of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter()
            .table("issuances")
            .add_column(json_binary_null("agent_chain"))
            .to_owned();
        manager.alter_table(add).await?;
        let by_link = Index::create()
            .name("issuances_by_link")
            .table("issuances")
            .col("via_link")
            .and_where(Expr::col("via_link").is_not_null())
            .to_owned();
        manager.create_index(by_link).await
    }
}
