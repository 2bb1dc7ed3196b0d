//! Signing keys and the secrets of the installation, for fleets that share a database and no
//! folder. What is secret in them is sealed with a key that is not in the database.

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
                    .table("key_schedule")
                    .col(integer("id").primary_key())
                    .col(big_integer("version"))
                    .to_owned(),
            )
            .await?;
        let first = Query::insert()
            .into_table("key_schedule")
            .columns(["id", "version"])
            .values_panic([1.into(), 0.into()])
            .to_owned();
        manager.execute(first).await?;
        manager
            .create_table(
                Table::create()
                    .table("signing_keys")
                    .col(text("kid").primary_key())
                    .col(big_integer("place"))
                    .col(text("alg"))
                    .col(text("state"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("changes_at"))
                    .col(big_integer_null("signs_for"))
                    .col(blob("private_key"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("server_secrets")
                    .col(text("name").primary_key())
                    .col(blob("sealed"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await
    }
}
