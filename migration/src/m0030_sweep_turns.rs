//! The last turn at sweeping of each replica, so that each of them can say how sweeping goes.

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
                    .table("sweep_turns")
                    .col(string_len("replica", 200).primary_key())
                    .col(timestamp_with_time_zone("began_at"))
                    .col(timestamp_with_time_zone("ended_at"))
                    .col(big_integer("took_ms"))
                    .col(json_binary("swept"))
                    .col(boolean("finished"))
                    .col(text_null("error"))
                    .to_owned(),
            )
            .await
    }
}
