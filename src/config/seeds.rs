//! Rows an operator wants to exist from the first boot: resources and broker providers.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::suggest;
use super::types::{Refusal, SettingValue};

/// A resource to create when no row has its slug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSeed {
    /// The operator's name for it.
    pub slug: String,
    /// Its RFC 8707 identifier, which becomes `aud`.
    pub uri: String,
    /// Other identifiers that mean it too.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whether its scopes appear in the server's metadata.
    #[serde(default)]
    pub discoverable: bool,
    /// Whether the server signs its tokens or an upstream provider does.
    pub backend_kind: BackendKind,
    /// What people read.
    pub display_name: String,
    /// Its scope catalog.
    #[serde(default)]
    pub scopes: Vec<ScopeSeed>,
    /// Who may do what with it.
    #[serde(default)]
    pub policy: SeedPolicy,
}

/// Whose tokens a resource takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendKind {
    /// Ours.
    Mint,
    /// An upstream provider's.
    Broker,
}

/// One scope of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeSeed {
    /// Its name on the wire.
    pub name: String,
    /// What it allows, for the consent page.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether a request without `scope` gets it.
    #[serde(default)]
    pub default: bool,
}

/// Who may do what with a resource. Empty lists are nobody, save for exchange, where empty is any
/// client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeedPolicy {
    /// Who may exchange for it.
    pub exchange: ExchangePolicy,
    /// Who may act as it.
    pub runtime: RuntimePolicy,
    /// Where users may return to after connecting an account for it.
    pub connect: Option<ConnectPolicy>,
    /// Whether its tokens have to be bound to a key.
    pub dpop: DpopPolicy,
}

/// Whether tokens for this resource have to be bound to a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DpopPolicy {
    /// Nobody gets a bearer token for it.
    pub required: bool,
}

/// Who may exchange a token for this resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExchangePolicy {
    /// Client IDs.
    pub allowed_client_ids: Vec<String>,
}

/// Who may act as this resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuntimePolicy {
    /// Client IDs.
    pub client_ids: Vec<String>,
}

/// Where users may return to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectPolicy {
    /// URLs, compared byte for byte.
    pub allowed_return_urls: Vec<String>,
}

/// A broker provider to create when no row has its slug.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BrokerProviderSeed {
    /// The operator's name for it.
    pub slug: String,
    /// What people read.
    pub display_name: String,
    /// `oauth`, `api_key` or `service_account`.
    pub protocol: String,
    /// What the protocol needs. May hold secrets, so it is never printed.
    pub config_data: ProviderData,
}

/// Protocol-shaped members of a provider, never printed.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ProviderData(pub serde_json::Map<String, Value>);

impl fmt::Debug for ProviderData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderData(***)")
    }
}

/// The members an object may have; those with members of their own name them.
type Members = &'static [(&'static str, Inside)];

#[derive(Debug, Clone, Copy)]
enum Inside {
    Anything,
    Object(Members),
    ListOf(Members),
}

const RESOURCE: Members = &[
    ("slug", Inside::Anything),
    ("uri", Inside::Anything),
    ("aliases", Inside::Anything),
    ("discoverable", Inside::Anything),
    ("backend_kind", Inside::Anything),
    ("display_name", Inside::Anything),
    ("scopes", Inside::ListOf(SCOPE)),
    ("policy", Inside::Object(POLICY)),
];

const SCOPE: Members =
    &[("name", Inside::Anything), ("description", Inside::Anything), ("default", Inside::Anything)];

const POLICY: Members = &[
    ("exchange", Inside::Object(&[("allowed_client_ids", Inside::Anything)])),
    ("runtime", Inside::Object(&[("client_ids", Inside::Anything)])),
    ("connect", Inside::Object(&[("allowed_return_urls", Inside::Anything)])),
    ("dpop", Inside::Object(&[("required", Inside::Anything)])),
];

const PROVIDER: Members = &[
    ("slug", Inside::Anything),
    ("display_name", Inside::Anything),
    ("protocol", Inside::Anything),
    ("config_data", Inside::Anything),
];

impl SettingValue for Vec<ResourceSeed> {
    fn kind() -> String {
        "list of resources".to_owned()
    }

    fn form() -> String {
        "a list of resources {slug, uri, aliases?, discoverable?, backend_kind, display_name, scopes, \
         policy?}, in a variable as JSON"
            .to_owned()
    }

    fn parse(value: &Value) -> Result<Self, Vec<Refusal>> {
        entries(value, RESOURCE)
    }

    fn show(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl SettingValue for Vec<BrokerProviderSeed> {
    /// Inline client secrets may stand in it.
    const SECRET: bool = true;

    fn kind() -> String {
        "list of providers".to_owned()
    }

    fn form() -> String {
        "a list of providers {slug, display_name, protocol, config_data}, in a variable as JSON"
            .to_owned()
    }

    fn parse(value: &Value) -> Result<Self, Vec<Refusal>> {
        // The reasons a parser gives may quote the text, and here the text may hold a secret.
        entries(value, PROVIDER)
            .map_err(|refusals| refusals.into_iter().map(without_reason).collect())
    }

    fn show(&self) -> Value {
        let shown = self.iter().map(|provider| {
            serde_json::json!({
                "slug": provider.slug,
                "display_name": provider.display_name,
                "protocol": provider.protocol,
                "config_data": super::types::MASK,
            })
        });
        shown.collect()
    }
}

fn without_reason(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Value { inside, .. } => Refusal::Value { inside, shown: None, why: String::new() },
        unknown @ Refusal::UnknownMember { .. } => unknown,
    }
}

/// Reads a list of objects, from YAML or from the JSON text of a variable.
fn entries<T: DeserializeOwned>(value: &Value, members: Members) -> Result<Vec<T>, Vec<Refusal>> {
    let refused = |inside: String, shown: &Value, why: String| Refusal::Value {
        inside,
        shown: Some(shown.clone()),
        why,
    };
    let list = match value {
        Value::String(text) if text.is_empty() => return Ok(Vec::new()),
        Value::String(text) => serde_json::from_str(text).map_err(|error| {
            vec![refused(String::new(), value, format!("it is not JSON ({error})"))]
        })?,
        other => other.clone(),
    };
    let Value::Array(items) = &list else {
        return Err(vec![refused(String::new(), &list, "it is not a list".to_owned())]);
    };
    let mut parsed = Vec::new();
    let mut refusals = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let inside = format!("[{index}]");
        let before = refusals.len();
        unknown_members(item, members, &inside, &mut refusals);
        match T::deserialize(item) {
            Ok(entry) => parsed.push(entry),
            // A misspelled member is missing under its right name too: said once is enough.
            Err(error) if refusals.len() == before => {
                refusals.push(refused(inside, item, error.to_string()));
            }
            Err(_) => {}
        }
    }
    if refusals.is_empty() { Ok(parsed) } else { Err(refusals) }
}

/// Finds members nobody knows, at any depth, with their full position.
fn unknown_members(value: &Value, members: Members, at: &str, found: &mut Vec<Refusal>) {
    let Value::Object(object) = value else { return };
    for (name, inner) in object {
        let inside = format!("{at}.{name}");
        match members.iter().find(|(known, _)| known == name).map(|(_, inside)| *inside) {
            None => {
                let nearest = suggest::nearest(name, members.iter().map(|(known, _)| *known));
                found.push(Refusal::UnknownMember {
                    inside,
                    suggestion: nearest.map(str::to_owned),
                });
            }
            Some(Inside::Anything) => {}
            Some(Inside::Object(members)) => unknown_members(inner, members, &inside, found),
            Some(Inside::ListOf(members)) => {
                for (index, item) in inner.as_array().into_iter().flatten().enumerate() {
                    unknown_members(item, members, &format!("{inside}[{index}]"), found);
                }
            }
        }
    }
}
