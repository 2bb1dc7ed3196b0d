//! What an exchange is decided by, beside what is presented. The ledger and the dry run for
//! operators gather it here, so that both go by the same.

use protocol::client::Client;
use protocol::exchange::{Denial, Facts, FrontingLink, Rules, Subject, implied_target};
use protocol::resource::MintResource;
use uuid::Uuid;

use crate::catalog::Registered;

/// What the operator has registered and set, as far as it concerns one exchange.
#[derive(Debug)]
pub struct Basis<'a> {
    /// The resources the subject token is for and that there are still.
    pub sources: Vec<&'a MintResource>,
    /// The resource the new token is for.
    pub target: &'a MintResource,
    /// The links between them.
    pub links: Vec<&'a FrontingLink>,
    names_target: bool,
    rules: Rules,
}

impl<'a> Basis<'a> {
    /// What there is about the exchange of a token for `resource_ids`.
    ///
    /// # Errors
    /// The gate's refusal, when no target is named and the token is not for exactly one resource.
    pub fn gather(
        rules: Rules,
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
            rules,
            sources,
            target,
        })
    }

    /// What the subject token is for, as a word.
    #[must_use]
    pub fn source(&self) -> &'a str {
        match &*self.sources {
            [] => "none",
            [source] => &source.slug,
            _ => "several",
        }
    }

    /// The facts of the exchange of `subject` by `acting`, without anything else presented, asked
    /// for or agreed to.
    #[must_use]
    pub fn facts<'f>(&'f self, acting: &'f Client, subject: &'f Subject) -> Facts<'f> {
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
