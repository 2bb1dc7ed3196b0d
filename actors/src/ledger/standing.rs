//! Whether those behind a token are in good standing, in the transaction that writes it down.
//!
//! They are held until it ends: whoever suspends, revokes or deletes one of them, or takes a
//! consent or a link back, waits, and then sees the tokens that were written down, to revoke
//! them. So is the resource a token is for, for whoever deletes it. Clients come first, then
//! resources, users, consent, links and tokens, each in the one order in which everybody holds
//! them (`docs/decisions/0012-one-order-of-locks.md`).

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use entities::issuance::{self, Origin};
use entities::parties::{self, Parties};
use entities::{DatabaseTransaction, StoreError, consent_grant, fronting_link, user};
use protocol::exchange::FrontingLink;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::Issue;
use super::exchange::{Exchange, Presented};

/// What the tokens of one batch rest on, as far as it stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    parties: Parties,
    users: HashSet<Uuid>,
    tokens: HashMap<Uuid, Origin>,
    consent: HashMap<(Uuid, String, Uuid), ScopeSet>,
    links: HashMap<Uuid, FrontingLink>,
}

/// Why a client's own token is not written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// The proof of possession that it is issued for was spent before.
    Proof,
    /// The client is suspended, revoked or gone.
    Client,
    /// The resource it is for is gone.
    Resource,
}

impl Standing {
    /// One query for each kind there is, however many tokens.
    pub(super) async fn of(
        transaction: &DatabaseTransaction,
        issues: &[Issue],
        exchanges: &[Exchange],
    ) -> Result<Standing, StoreError> {
        let clients = issues.iter().map(|issue| &issue.issuance.client_id);
        let clients =
            each_once(clients.chain(exchanges.iter().flat_map(Exchange::parties)).cloned());
        let resources = issues.iter().flat_map(|issue| issue.issuance.resource_ids.iter().copied());
        let targets = each_once(exchanges.iter().flat_map(Exchange::targets));
        let resources = each_once(resources.chain(targets.iter().copied()));
        let users = each_once(exchanges.iter().flat_map(Exchange::users));
        let parties = parties::hold(transaction, clients, resources).await?;
        let mut standing = Standing { parties, ..Standing::default() };
        if !users.is_empty() {
            let subjects =
                each_once(exchanges.iter().map(|it| it.subject.claims.client_id.clone()));
            standing.users.extend(user::hold_all_enabled(transaction, users.clone()).await?);
            standing.consent = consent(transaction, users, subjects, targets).await?;
        }
        let links = each_once(exchanges.iter().flat_map(Exchange::links));
        let links = fronting_link::hold_all(transaction, links).await?;
        standing.links.extend(links.into_iter().map(|link| (link.id, link)));
        let tokens = each_once(exchanges.iter().flat_map(Exchange::tokens));
        let tokens = issuance::hold_unrevoked(transaction, tokens).await?;
        standing.tokens.extend(tokens.into_iter().map(|token| (token.jti, token)));
        Ok(standing)
    }

    /// What stands in the way of this token, if anything.
    pub(super) fn objection(&self, Issue { issuance, .. }: &Issue) -> Option<Withdrawn> {
        if !self.is_active(&issuance.client_id) {
            return Some(Withdrawn::Client);
        }
        let is_there = self.parties.has_all(&issuance.resource_ids);
        (!is_there).then_some(Withdrawn::Resource)
    }

    /// Whether the client is active.
    pub(super) fn is_active(&self, client: &str) -> bool {
        self.parties.clients.contains(client)
    }

    /// Whether the resource is there.
    pub(super) fn has_resource(&self, id: Uuid) -> bool {
        self.parties.resources.contains(&id)
    }

    /// What stands behind the token, if it is good: not revoked, its client active, its user
    /// enabled.
    pub(super) fn good(&self, presented: &Presented) -> Option<&Origin> {
        let token = self.tokens.get(&presented.claims.jti)?;
        let of_a_user = token.user_id.is_none_or(|user| self.users.contains(&user));
        (of_a_user && self.is_active(&token.client_id)).then_some(token)
    }

    /// What the user has agreed to about the resource with the client.
    pub(super) fn agreed(&self, user: Uuid, client: &str, resource: Uuid) -> Option<&ScopeSet> {
        self.consent.get(&(user, client.to_owned(), resource))
    }

    /// The link, if it is there.
    pub(super) fn link(&self, id: Uuid) -> Option<&FrontingLink> {
        self.links.get(&id)
    }
}

async fn consent(
    transaction: &DatabaseTransaction,
    users: Vec<Uuid>,
    clients: Vec<String>,
    resources: Vec<Uuid>,
) -> Result<HashMap<(Uuid, String, Uuid), ScopeSet>, StoreError> {
    let held = consent_grant::hold_live_among(transaction, users, clients, resources).await?;
    // Others are in the same transaction: a row that cannot be read is worth nothing to whoever
    // needs it, and stops nobody else.
    let scopes_of = |grant: consent_grant::Model| match grant.scopes() {
        Ok(scopes) => Some(((grant.user_id, grant.client_id, grant.resource_id), scopes)),
        Err(error) => {
            tracing::error!(grant = %grant.id, %error, "a consent grant cannot be read");
            None
        }
    };
    Ok(held.into_iter().filter_map(scopes_of).collect())
}

fn each_once<T: Hash + Eq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.collect::<HashSet<T>>().into_iter().collect()
}
