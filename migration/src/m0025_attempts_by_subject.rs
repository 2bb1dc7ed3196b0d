//! Whose and from where the attempts are, each as a keyed hash of its own: an operator who lifts a
//! lockout knows one of them and not the other. Rows of servers that do not know these columns
//! lack them, and expire within minutes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in ["subject", "place"] {
            let add =
                Table::alter().table("attempts").add_column(var_binary_null(column, 32)).to_owned();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}
