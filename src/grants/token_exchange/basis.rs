//! What an exchange is decided by, beside what is presented. The token endpoint and the dry run
//! for operators ([`crate::administration::exchange`]) gather it here, so that both go by the same.

use actors::Keepers;
use actors::catalog::Registered;
use actors::runtime::AskError;
use entities::StoreError;
use protocol::client::Client;
use protocol::exchange::{Denial, Facts, FrontingLink, Rules, Subject, implied_target};
use protocol::resource::MintResource;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use crate::config::TokenExchange;
use crate::flows::agreement;

/// What the operator has registered and set, as far as it concerns one exchange.
#[derive(Debug)]
pub(crate) struct Basis<'a> {
    /// The resources the subject token is for and that there are still.
    pub(crate) sources: Vec<&'a MintResource>,
    /// The resource the new token is for.
    pub(crate) target: &'a MintResource,
    names_target: bool,
    links: Vec<&'a FrontingLink>,
    rules: Rules,
}

impl<'a> Basis<'a> {
    /// What there is about the exchange of a token for `resource_ids`.
    ///
    /// # Errors
    /// The gate's refusal, when no target is named and the token is not for exactly one resource.
    pub(crate) fn gather(
        settings: &TokenExchange,
        registered: &'a Registered,
        resource_ids: &[Uuid],
        named: Option<&'a MintResource>,
    ) -> Result<Basis<'a>, Box<Denial>> {
        let resources = &registered.resources;
        let sources: Vec<&MintResource> =
            resource_ids.iter().filter_map(|id| resources.by_id(*id)).collect();
        let target = match named {
            Some(target) => target,
            None => implied_target(&sources)?,
        };
        Ok(Basis {
            names_target: named.is_some(),
            links: registered.links.between(resource_ids, target.id),
            rules: Rules {
                max_chain_depth: settings.max_chain_depth as usize,
                allow_self_exchange: settings.allow_self_exchange,
            },
            sources,
            target,
        })
    }

    /// The facts of the exchange of `subject` by `acting`, without anything else presented, asked
    /// for or agreed to.
    pub(crate) fn facts<'f>(&'f self, acting: &'f Client, subject: &'f Subject) -> Facts<'f> {
        Facts {
            acting,
            subject,
            actor: None,
            sources: &self.sources,
            target: self.target,
            names_target: self.names_target,
            requested: None,
            links: &self.links,
            consent: None,
            proof: None,
            rules: self.rules,
        }
    }
}

/// What the user has agreed to about the target with the subject token's client.
pub(crate) async fn agreed(
    keepers: &Keepers,
    subject: &Subject,
    target: Uuid,
) -> Result<Result<Option<ScopeSet>, StoreError>, AskError> {
    match subject.principal.user_id() {
        Some(user_id) => agreement::live(keepers, user_id, &subject.client_id, target).await,
        None => Ok(Ok(None)),
    }
}
