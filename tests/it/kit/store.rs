//! A store without a server: the queries themselves, on both databases.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::issuance::{Lineage, NewIssuance};
use entities::{Ids, Store, StoreError, StoreOptions, Strings, family, user};
use migration::{Schema, bring_up_to_date};
use protocol::authorize::{AuthorizationRequest, AuthorizePolicy, decide};
use protocol::client::{
    ApplicationType, AuthMethod, Client, ClientMetadataExtras, ClientStatus, GrantType,
    RegistrationSource,
};
use protocol::form::{AUTHORIZE_REPEATABLE, Parameters};
use protocol::redirect_uri::{PublicOrConfidential, RedirectUri};
use protocol::resource::{MintResource, ResourcePolicy, Resources, ScopeEntry};
use protocol::scope::ScopeSet;
use tempfile::TempDir;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{Backend, Pkce, postgres};

/// The store of a test, and where it is.
#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) store: Store,
    options: StoreOptions,
    _folder: Arc<TempDir>,
}

/// The time at which tests of the store begin, with milliseconds.
pub(crate) fn at(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_123).unwrap()
        + TimeDelta::milliseconds(milliseconds)
}

/// A fixed id.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

impl Rows {
    /// An empty database without a schema.
    pub(crate) async fn empty(backend: Backend) -> Rows {
        let folder = Arc::new(TempDir::new().unwrap());
        let options = match backend {
            Backend::Sqlite => {
                StoreOptions::Sqlite { path: folder.path().join("store.db"), wal: true }
            }
            Backend::Postgres => {
                postgres_options(postgres::fresh_database().await.as_str().to_owned())
            }
        };
        let store = Store::open(options.clone(), Handle::current()).await.unwrap();
        Rows { store, options, _folder: folder }
    }

    /// An empty database with the schema.
    pub(crate) async fn migrated(backend: Backend) -> Rows {
        let rows = Rows::empty(backend).await;
        rows.migrate().await.unwrap();
        rows
    }

    /// Another process's store on the same database.
    pub(crate) async fn again(&self) -> Rows {
        let store = Store::open(self.options.clone(), Handle::current()).await.unwrap();
        Rows { store, ..self.clone() }
    }

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let migrated = self.store.migrate(|transaction| {
            Box::pin(async move { Ok(bring_up_to_date(transaction).await?) })
        });
        assert_eq!(migrated.await?, Schema::Current);
        Ok(())
    }
}

/// How a test connects to PostgreSQL.
pub(crate) fn postgres_options(dsn: String) -> StoreOptions {
    StoreOptions::Postgres {
        dsn,
        max_connections: 4,
        min_connections: 1,
        max_lifetime: std::time::Duration::from_secs(60),
        max_idle: std::time::Duration::from_secs(60),
    }
}

/// A family at generation 1 that expires in 100 s, or 500 s at the latest.
pub(crate) fn new_family(number: u128) -> family::Model {
    family::Model {
        id: id(number),
        generation: 1,
        client_id: "app".to_owned(),
        user_id: id(1),
        scopes: "read write".to_owned(),
        resource_ids: Ids(vec![id(7), id(8)]),
        jkt: None,
        auth_time: at(-1),
        amr: Strings(vec!["pwd".to_owned()]),
        created_at: at(0),
        rotated_at: at(0),
        expires_at: at(100_000),
        absolute_expires_at: at(500_000),
        revoked_at: None,
        revoked_reason: None,
    }
}

/// Runs queries in one writing transaction of a [`Rows`].
macro_rules! in_transaction {
    ($rows:expr, $transaction:ident => $work:expr) => {
        $rows.store.write(move |$transaction| Box::pin(async move { $work.await })).await
    };
}

/// Runs queries that only read.
macro_rules! reading {
    ($rows:expr, $db:ident => $work:expr) => {
        $rows.store.read(move |$db| async move { $work.await }).await
    };
}

pub(crate) use {in_transaction, reading};

/// A client for `https://app.example/callback`.
pub(crate) fn new_client(id: &str) -> Client {
    let redirect = "https://app.example/callback";
    Client {
        id: id.to_owned(),
        name: "Ünïcode ☃ client".to_owned(),
        redirect_uris: vec![
            RedirectUri::parse_registration(redirect, PublicOrConfidential::Public).unwrap(),
        ],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        response_types: vec!["code".to_owned()],
        auth_method: AuthMethod::None,
        secret_hash: None,
        ceiling: Some(ScopeSet::parse("read write").unwrap()),
        default_resource: None,
        application_type: ApplicationType::Web,
        agent: false,
        agent_description: None,
        status: ClientStatus::Active,
        source: RegistrationSource::Dcr,
        metadata: ClientMetadataExtras {
            software_id: Some("quote \" and snowman ☃".to_owned()),
            contacts: vec!["a@b.example".to_owned()],
            ..ClientMetadataExtras::default()
        },
        created_at: at(0),
        updated_at: at(1),
    }
}

/// A resource named `slug`.
pub(crate) fn new_resource(number: u128, slug: &str) -> MintResource {
    MintResource {
        id: id(number),
        slug: slug.to_owned(),
        uri: format!("https://{slug}.example/mcp"),
        aliases: vec![format!("https://{slug}.example/")],
        display_name: slug.to_owned(),
        discoverable: true,
        scopes: vec![ScopeEntry {
            name: "read".to_owned(),
            description: Some("Reads".to_owned()),
            default: true,
        }],
        policy: ResourcePolicy::default(),
    }
}

/// What client `app` may ask for at resource 7.
pub(crate) fn new_request() -> AuthorizationRequest {
    let pkce = Pkce::new("store");
    let form = [
        ("client_id", "app"),
        ("response_type", "code"),
        ("code_challenge", &pkce.challenge),
        ("code_challenge_method", "S256"),
        ("state", "a \"state\" with ☃"),
    ];
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let form = Parameters::parse(form.as_bytes(), AUTHORIZE_REPEATABLE).unwrap();
    let resources = Resources::new(vec![new_resource(7, "mcp")]);
    decide(&form, &new_client("app"), &resources, &AuthorizePolicy::default()).unwrap()
}

/// A user without a password.
pub(crate) fn new_user(number: u128, email: &str) -> user::Model {
    user::Model {
        id: id(number),
        email: email.to_owned(),
        name: "Ada".to_owned(),
        password_hash: None,
        role: "user".to_owned(),
        disabled_at: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A token of user 1 at client `app` for these resources, of this family; expires in 100 s.
pub(crate) fn new_issuance(
    number: u128,
    family_id: Option<u128>,
    resources: &[u128],
) -> NewIssuance {
    NewIssuance {
        jti: id(number),
        grant_type: GrantType::AuthorizationCode,
        user_id: Some(id(1)),
        client_id: "app".to_owned(),
        resource_ids: resources.iter().map(|number| id(*number)).collect(),
        scopes: ScopeSet::parse("read write").unwrap(),
        family_id: family_id.map(id),
        jkt: None,
        issued_at: at(0),
        expires_at: at(100_000),
        lineage: Lineage::default(),
    }
}
