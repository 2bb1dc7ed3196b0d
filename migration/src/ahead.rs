//! A database that another version of the program has migrated.
//!
//! While a fleet goes from version N to N+1, and when it goes back, servers of N start on a
//! database that N+1 has migrated. They may: changes expand first. What they do not know they
//! leave alone.

use sea_orm_migration::MigratorTrait as _;
use sea_orm_migration::sea_orm::{DatabaseTransaction, DbErr};

use crate::Migrator;

/// What the name of a migration that contracts has after its number.
const CONTRACTS: &str = "contract_";

/// How the schema of a database stands to what this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// It is what this program makes of it.
    Current,
    /// A newer version has added these, which this one can do without.
    Ahead(Vec<String>),
    /// This program cannot run on it, for this reason.
    Unusable(String),
}

/// Applies the migrations that are missing. A database that is ahead, or that cannot be used, is
/// left as it is.
///
/// # Errors
/// Whatever the database says.
pub async fn bring_up_to_date(transaction: &DatabaseTransaction) -> Result<Schema, DbErr> {
    let applied = Migrator::get_migration_models(transaction).await?;
    let applied: Vec<String> = applied.into_iter().map(|row| row.version).collect();
    let known = Migrator::migrations();
    let known: Vec<&str> = known.iter().map(|migration| migration.name()).collect();
    let schema = compare(&known, &applied);
    if schema == Schema::Current {
        Migrator::up(transaction, None).await?;
    }
    Ok(schema)
}

/// `known` is in order.
fn compare(known: &[&str], applied: &[String]) -> Schema {
    let unknown = applied.iter().filter(|name| !known.contains(&name.as_str()));
    let unknown: Vec<String> = unknown.cloned().collect();
    if unknown.is_empty() {
        return Schema::Current;
    }
    let names = unknown.join(", ");
    let missing = known.iter().filter(|name| applied.iter().all(|it| it != *name));
    let missing: Vec<&str> = missing.copied().collect();
    let newest = known.last().copied().unwrap_or_default();
    if !missing.is_empty() || unknown.iter().any(|name| name.as_str() < newest) {
        let missing = if missing.is_empty() { "nothing" } else { &missing.join(", ") };
        return Schema::Unusable(format!(
            "it was migrated by a version that is neither before nor after this one: it has {names}, \
             which this version does not know, and lacks {missing}"
        ));
    }
    let contracts =
        |name: &&String| name.split_once('_').is_some_and(|(_, what)| what.starts_with(CONTRACTS));
    if let Some(name) = unknown.iter().find(contracts) {
        return Schema::Unusable(format!(
            "a newer version has taken away what this one needs ({name})"
        ));
    }
    Schema::Ahead(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["m0001_clients", "m0002_resources"];

    fn with(applied: &[&str]) -> Schema {
        compare(&KNOWN, &applied.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    fn refused(applied: &[&str], because: &str) {
        let Schema::Unusable(reason) = with(applied) else { panic!("{applied:?} is used") };
        assert!(reason.contains(because), "{reason}");
    }

    #[test]
    fn an_empty_or_older_database_is_brought_up_to_date() {
        assert_eq!(with(&[]), Schema::Current);
        assert_eq!(with(&KNOWN[..1]), Schema::Current);
        assert_eq!(with(&KNOWN), Schema::Current);
    }

    #[test]
    fn what_a_newer_version_has_added_is_left_alone() {
        let ahead = [&KNOWN[..], &["m0003_contracts_of_employment"]].concat();
        assert_eq!(with(&ahead), Schema::Ahead(vec!["m0003_contracts_of_employment".to_owned()]));
    }

    #[test]
    fn what_a_newer_version_has_taken_away_is_missed() {
        refused(
            &[&KNOWN[..], &["m0003_more", "m0004_contract_more"]].concat(),
            "m0004_contract_more",
        );
    }

    #[test]
    fn another_branch_is_not_ahead() {
        refused(&["m0001_clients", "m0003_more"], "lacks m0002_resources");
        refused(&["m0001_clients", "m0001_other", "m0002_resources"], "m0001_other");
    }

    #[test]
    fn the_migrations_are_in_the_order_of_their_names() {
        let known = Migrator::migrations();
        let names: Vec<&str> = known.iter().map(|migration| migration.name()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
