//! The JWKS document with the agents beside the keys (`agents.enable_jwks_listing`).
//!
//! RFC 7517 §5 has readers ignore members they do not know, so verifiers read the same keys
//! with and without the list.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use protocol::client::Client;
use protocol::jose::{KeyRing, entity_tag};
use serde_json::{Value, json};

use crate::app::Services;

/// Longest list, in bytes: resource servers read no more than 64 KiB.
const MAX_LIST: usize = 48 * 1024;

/// The document as text, made when the keys or the agents change and not before.
#[derive(Default)]
pub struct JwksDocument(ArcSwapOption<Made>);

/// A document, and what it was made of.
pub(crate) struct Made {
    ring: Arc<KeyRing>,
    agents: Arc<Vec<Client>>,
    text: String,
    etag: String,
}

impl Made {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }
}

impl JwksDocument {
    pub(crate) fn current(&self, services: &Services, ring: &Arc<KeyRing>) -> Arc<Made> {
        let agents = services.keepers.catalog.agents();
        let still_true =
            |made: &Arc<Made>| Arc::ptr_eq(&made.ring, ring) && Arc::ptr_eq(&made.agents, &agents);
        if let Some(made) = self.0.load_full().filter(still_true) {
            return made;
        }
        let text = render(ring.jwks(), &agents);
        let etag = entity_tag(&text);
        let made = Arc::new(Made { ring: Arc::clone(ring), agents, text, etag });
        self.0.store(Some(Arc::clone(&made)));
        made
    }
}

impl fmt::Debug for JwksDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwksDocument")
    }
}

/// The keys with as many of the agents as fit.
fn render(jwks: &str, agents: &[Client]) -> String {
    let mut length = 0;
    let fitting = agents.iter().map(listed).take_while(|agent| {
        length += agent.to_string().len() + 1;
        length <= MAX_LIST
    });
    let Ok(Value::Object(mut document)) = serde_json::from_str(jwks) else {
        return jwks.to_owned();
    };
    document.insert("agents".to_owned(), fitting.collect());
    Value::Object(document).to_string()
}

/// An agent as it is listed: `agent_id` is that of its tokens, and `registration_source` says
/// whether an operator stands behind the rest.
fn listed(agent: &Client) -> Value {
    let mut listed = json!({
        "agent_id": agent.id,
        "client_name": agent.name,
        "registration_source": agent.source.as_str(),
    });
    if let Some(description) = &agent.agent_description {
        listed["agent_description"] = json!(description);
    }
    listed
}
