//! Where a token that was exchanged came from: the token before it, the client the user
//! had agreed with, and the link between two resources that allowed it. Revoking a token
//! reaches what came of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in
            [uuid_null("parent_jti"), string_null("consent_client_id"), string_null("via_link")]
        {
            let add = Table::alter().table("issuances").add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        let by_parent = Index::create()
            .name("issuances_by_parent")
            .table("issuances")
            .col("parent_jti")
            .and_where(Expr::col("parent_jti").is_not_null())
            .to_owned();
        manager.create_index(by_parent).await
    }
}
