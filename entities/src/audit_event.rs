//! The audit log: append only.

use std::fmt;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};
use serde::Serialize;

use crate::store::Travels;
use crate::store::rows::{Given, Id, Moment, insert_into};
use crate::{Page, StoreError};

/// A row of `audit_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// UUIDv7: sorts by time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What happened, for example `token.issued`.
    pub action: String,
    /// Who did it: a user's id, a client's id or an admin identity.
    pub actor_id: Option<String>,
    /// The client it concerns.
    pub client_id: Option<String>,
    /// Address of the peer that asked for it.
    pub ip: Option<String>,
    /// `key=value key=value`.
    pub detail: String,
    /// Correlation id of the request.
    pub trace_id: Option<String>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// No relations: queries join by hand where they must.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// `key=value key=value`, greppable. A value that could be taken for something else
/// (a space, a quote, an equals sign, a control character) is written as a JSON string.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail(String);

impl Detail {
    /// No detail yet.
    #[must_use]
    pub fn new() -> Detail {
        Detail::default()
    }

    /// Adds one pair. `key` is a word of ours; `value` may come from anybody.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Detail {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        let value = value.to_string();
        self.0.push_str(key);
        self.0.push('=');
        let plain = !value.is_empty()
            && value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'));
        if plain {
            self.0.push_str(&value);
        } else {
            self.0.push_str(&Json::String(value).to_string());
        }
        self
    }

    /// The text of the column.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    fn shortened(&self) -> &str {
        let longest = MAX_DETAIL.min(self.0.len());
        let cut = (0..=longest).rev().find(|at| self.0.is_char_boundary(*at)).unwrap_or(0);
        &self.0[..cut]
    }
}

/// Longest detail that is kept, in bytes: audit rows must not be sized by an attacker.
const MAX_DETAIL: usize = 4 * 1024;

/// Something to be written down.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// UUIDv7.
    pub id: Uuid,
    /// What happened.
    pub action: &'static str,
    /// Who did it.
    pub actor_id: Option<String>,
    /// The client it concerns.
    pub client_id: Option<String>,
    /// Address of the peer.
    pub ip: Option<String>,
    /// More about it.
    pub detail: Detail,
    /// Correlation id of the request.
    pub trace_id: Option<String>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

const COLUMNS: &[(&str, Travels)] = &[
    ("id", Travels::Uuid),
    ("action", Travels::Text),
    ("actor_id", Travels::Text),
    ("client_id", Travels::Text),
    ("ip", Travels::Text),
    ("detail", Travels::Text),
    ("trace_id", Travels::Text),
    ("created_at", Travels::Moment),
];
static APPEND: Given = Given::new(COLUMNS, |rows| insert_into("audit_events", COLUMNS, rows));

/// A new row on its way into the table.
#[derive(Serialize)]
struct Row<'a> {
    id: Id,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    created_at: Moment,
}

impl<'a> From<&'a NewEvent> for Row<'a> {
    fn from(new: &'a NewEvent) -> Row<'a> {
        Row {
            id: Id(new.id),
            action: new.action,
            actor_id: new.actor_id.as_deref(),
            client_id: new.client_id.as_deref(),
            ip: new.ip.as_deref(),
            detail: new.detail.shortened(),
            trace_id: new.trace_id.as_deref(),
            created_at: Moment(new.created_at),
        }
    }
}

/// Appends events in one statement.
///
/// # Errors
/// When the store fails; none is appended then.
pub async fn append<C: ConnectionTrait>(db: &C, new: Vec<NewEvent>) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = new.iter().map(Row::from).collect();
    APPEND.execute(db, &rows).await
}

/// The newest events, newest first.
///
/// # Errors
/// When the store fails.
pub async fn newest<C: ConnectionTrait>(db: &C, limit: u64) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await?)
}

/// Which events are meant; every member that is there narrows it down.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What happened.
    pub action: Option<String>,
    /// Who did it. The id of a minted admin key means it and all that were narrowed from it,
    /// whatever their labels.
    pub actor_id: Option<String>,
    /// The client it concerns.
    pub client_id: Option<String>,
    /// Then or later.
    pub since: Option<DateTime<Utc>>,
    /// Earlier.
    pub until: Option<DateTime<Utc>>,
}

/// Events, newest first, and how many there are in all.
///
/// # Errors
/// When the store fails.
pub async fn list<C: ConnectionTrait>(
    db: &C,
    filter: Filter,
    page: Page,
) -> Result<(Vec<Model>, u64), StoreError> {
    let which = Condition::all()
        .add_option(filter.action.map(|action| Column::Action.eq(action)))
        .add_option(filter.actor_id.map(by))
        .add_option(filter.client_id.map(|id| Column::ClientId.eq(id)))
        .add_option(filter.since.map(|since| Column::CreatedAt.gte(since)))
        .add_option(filter.until.map(|until| Column::CreatedAt.lt(until)));
    let total = Entity::find().filter(which.clone()).count(db).await?;
    let events = Entity::find()
        .filter(which)
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .all(db)
        .await?;
    Ok((events, total))
}

/// Who acted under this id. The identities of a minted admin key are
/// `admin:key:<name>[/<label>…]:<id>`, and nobody else's is of that form.
fn by(actor_id: String) -> Condition {
    let minted = actor_id.parse().ok().map(|id: Uuid| format!("admin:key:%:{id}"));
    Condition::any()
        .add(Column::ActorId.eq(actor_id))
        .add_option(minted.map(|pattern| Column::ActorId.like(pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_stay_plain_and_others_cannot_forge_a_pair() {
        let detail = Detail::new().with("family", "f-1").with("reason", "x actor=root\n");
        assert_eq!(detail.as_str(), r#"family=f-1 reason="x actor=root\n""#);
    }

    #[test]
    fn a_detail_of_any_length_is_cut_between_two_characters() {
        for before in 0..5 {
            let detail = Detail::new().with(&"k".repeat(before), "é".repeat(5 * 1024));
            let kept = detail.shortened();
            assert!((MAX_DETAIL - 1..=MAX_DETAIL).contains(&kept.len()), "{}", kept.len());
            assert!(detail.as_str().starts_with(kept) && kept.ends_with('é'));
        }
        let fits = Detail::new().with("k", "x".repeat(MAX_DETAIL - 2));
        assert_eq!(fits.shortened(), fits.as_str());
    }

    #[test]
    fn an_empty_value_is_visible() {
        assert_eq!(Detail::new().with("scopes", "").as_str(), r#"scopes="""#);
    }
}
