//! Issuances are looked for by person and by family only where they have one. The token of a
//! machine has neither, so it need not be entered into those indexes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in
            [("issuances_by_user", "user_id"), ("issuances_by_family", "family_id")]
        {
            let whole = Index::drop().name(name).table("issuances").to_owned();
            manager.drop_index(whole).await?;
            let partial = Index::create()
                .name(name)
                .table("issuances")
                .col(column)
                .and_where(Expr::col(column).is_not_null())
                .to_owned();
            manager.create_index(partial).await?;
        }
        Ok(())
    }
}
