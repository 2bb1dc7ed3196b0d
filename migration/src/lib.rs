//! The schema, one small file per change, for SQLite and PostgreSQL alike.
//!
//! A migration that has been released is never edited. Changes expand first (a
//! nullable column, a new table) and contract one release later, so that version
//! N and N+1 can run side by side on one database. A migration that contracts says so in
//! its name (`m0032_contract_…`): version N, which does not know it, does not start after it.
//!
//! There is no m0014: the number was never used. Databases know a migration by its whole
//! name, so the gap stays.

#![expect(
    elided_lifetimes_in_paths,
    reason = "async-trait needs the very signature of the trait, which elides it"
)]

use sea_orm_migration::prelude::*;

pub use ahead::{Schema, bring_up_to_date};
pub use sea_orm_migration::MigratorTrait;

mod ahead;
mod m0001_clients;
mod m0002_resources;
mod m0003_users;
mod m0004_sessions;
mod m0005_authorization_requests;
mod m0006_authorization_codes;
mod m0007_consent_grants;
mod m0008_families;
mod m0009_issuances;
mod m0010_audit_events;
mod m0011_catalog_version;
mod m0012_installation;
mod m0013_replay;
mod m0015_attempts;
mod m0016_budgets;
mod m0017_issuance_lineage;
mod m0018_audit_indexes;
mod m0019_settings;
mod m0020_codes_and_requests_by_client;
mod m0021_admin_keys;
mod m0022_revocation_version;
mod m0023_ended_rows;
mod m0024_issuance_indexes;
mod m0025_attempts_by_subject;
mod m0026_fronting_links;
mod m0027_issuance_chain;
mod m0028_keys_in_the_database;
mod m0030_sweep_turns;
mod m0031_ring_secrets;

/// Applies the migrations in order and remembers which were applied.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_clients::Migration),
            Box::new(m0002_resources::Migration),
            Box::new(m0003_users::Migration),
            Box::new(m0004_sessions::Migration),
            Box::new(m0005_authorization_requests::Migration),
            Box::new(m0006_authorization_codes::Migration),
            Box::new(m0007_consent_grants::Migration),
            Box::new(m0008_families::Migration),
            Box::new(m0009_issuances::Migration),
            Box::new(m0010_audit_events::Migration),
            Box::new(m0011_catalog_version::Migration),
            Box::new(m0012_installation::Migration),
            Box::new(m0013_replay::Migration),
            Box::new(m0015_attempts::Migration),
            Box::new(m0016_budgets::Migration),
            Box::new(m0017_issuance_lineage::Migration),
            Box::new(m0018_audit_indexes::Migration),
            Box::new(m0019_settings::Migration),
            Box::new(m0020_codes_and_requests_by_client::Migration),
            Box::new(m0021_admin_keys::Migration),
            Box::new(m0022_revocation_version::Migration),
            Box::new(m0023_ended_rows::Migration),
            Box::new(m0024_issuance_indexes::Migration),
            Box::new(m0025_attempts_by_subject::Migration),
            Box::new(m0026_fronting_links::Migration),
            Box::new(m0027_issuance_chain::Migration),
            Box::new(m0028_keys_in_the_database::Migration),
            Box::new(m0030_sweep_turns::Migration),
            Box::new(m0031_ring_secrets::Migration),
        ]
    }
}
