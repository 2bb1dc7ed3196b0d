//! Whether those behind a token are in good standing, in the transaction that writes it down.
//!
//! They are held until it ends: whoever suspends, revokes or deletes one of them, or takes a
//! consent or a link back, waits, and then sees the tokens that were written down, to revoke
//! them. So is the resource a token is for, for whoever deletes it. Clients come first, then
//! resources, users, consent, links and tokens, each in the one order in which everybody holds
//! them (`docs/decisions/0012-one-order-of-locks.md`).

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use entities::parties::{self, Parties};
use entities::{DatabaseTransaction, StoreError, consent_grant, fronting_link, issuance, user};
use protocol::exchange::FrontingLink;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::Issue;

/// What a token that is exchanged rests on, besides its client, its user and the token it is
/// exchanged from.
#[derive(Debug, Clone, Default)]
pub struct RestsOn {
    /// The client that the token it is exchanged from was issued to.
    pub subject_client: Option<String>,
    /// The token of who acts.
    pub actor: Option<ActorToken>,
    /// What the user has agreed to.
    pub consent: Option<Agreed>,
    /// The link between two resources that gives it.
    pub link: Option<Given>,
}

/// The token of who acts.
#[derive(Debug, Clone)]
pub struct ActorToken {
    /// Its `jti`.
    pub jti: Uuid,
    /// The client it was issued to.
    pub client_id: String,
}

/// What a user has agreed to, and what of it is needed.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// Who agreed.
    pub user_id: Uuid,
    /// With which client.
    pub client_id: String,
    /// About what.
    pub resource_id: Uuid,
    /// The scopes that are needed.
    pub scopes: ScopeSet,
}

/// What a link gives, and for what.
#[derive(Debug, Clone)]
pub struct Given {
    /// The link.
    pub link: Uuid,
    /// The scopes of the token that was sent to its source.
    pub held: ScopeSet,
    /// The scopes that are needed at its target.
    pub scopes: ScopeSet,
}

/// Those behind the tokens of one batch who are in good standing.
#[derive(Debug, Default)]
pub(super) struct Standing {
    parties: Parties,
    users: HashSet<Uuid>,
    tokens: HashSet<Uuid>,
    consent: HashMap<(Uuid, String, Uuid), ScopeSet>,
    links: HashMap<Uuid, FrontingLink>,
}

/// What a token cannot rest on any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// The proof of possession that it is issued for was spent before.
    Proof,
    /// The client is suspended, revoked or gone.
    Client,
    /// The resource it is for is gone.
    Resource,
    /// The user is disabled or gone.
    User,
    /// The token it is exchanged from was revoked, or that token's client is not active.
    Parent,
    /// The token of who acts was revoked, or that token's client is not active.
    Actor,
    /// The user has taken their consent back, or what is left of it is not enough.
    Consent,
    /// The link is gone, or what is left of it is not enough.
    Link,
}

impl Standing {
    /// One query for each kind there is, however many tokens.
    pub(super) async fn of(
        transaction: &DatabaseTransaction,
        tokens: &[Issue],
    ) -> Result<Standing, StoreError> {
        let exchanged = || tokens.iter().filter_map(|issue| issue.rests_on.as_deref());
        let actors = || exchanged().filter_map(|it| it.actor.as_ref());
        let own = tokens.iter().map(|issue| &issue.issuance.client_id);
        let clients = own
            .chain(exchanged().filter_map(|it| it.subject_client.as_ref()))
            .chain(actors().map(|actor| &actor.client_id));
        let clients = each_once(clients.cloned());
        let resources = tokens.iter().flat_map(|issue| &issue.issuance.resource_ids);
        let resources = each_once(resources.copied());
        let users = each_once(tokens.iter().filter_map(|issue| issue.issuance.user_id));
        let parents = tokens.iter().filter_map(|issue| issue.issuance.lineage.parent_jti);
        let behind = each_once(parents.chain(actors().map(|actor| actor.jti)));
        let agreed: Vec<&Agreed> = exchanged().filter_map(|it| it.consent.as_ref()).collect();
        let links = each_once(exchanged().filter_map(|it| it.link.as_ref().map(|it| it.link)));
        let parties = parties::hold(transaction, clients, resources).await?;
        let mut standing = Standing { parties, ..Standing::default() };
        if !users.is_empty() {
            standing.users.extend(user::hold_all_enabled(transaction, users).await?);
        }
        if !agreed.is_empty() {
            standing.consent = consent(transaction, &agreed).await?;
        }
        if !links.is_empty() {
            let held = fronting_link::hold_all(transaction, links).await?;
            standing.links.extend(held.into_iter().map(|link| (link.id, link)));
        }
        if !behind.is_empty() {
            standing.tokens.extend(issuance::hold_unrevoked(transaction, behind).await?);
        }
        Ok(standing)
    }

    /// What stands in the way of this token, if anything.
    pub(super) fn objection(&self, Issue { issuance, rests_on, .. }: &Issue) -> Option<Withdrawn> {
        if !self.parties.clients.contains(&issuance.client_id) {
            return Some(Withdrawn::Client);
        }
        if !self.parties.has_all(&issuance.resource_ids) {
            return Some(Withdrawn::Resource);
        }
        if issuance.user_id.is_some_and(|user| !self.users.contains(&user)) {
            return Some(Withdrawn::User);
        }
        let is_revoked = |jti: Uuid| !self.tokens.contains(&jti);
        if issuance.lineage.parent_jti.is_some_and(is_revoked) {
            return Some(Withdrawn::Parent);
        }
        self.objection_to(rests_on.as_deref()?)
    }

    fn objection_to(&self, rests_on: &RestsOn) -> Option<Withdrawn> {
        let RestsOn { subject_client, actor, consent, link } = rests_on;
        let is_off = |client: &String| !self.parties.clients.contains(client);
        if subject_client.as_ref().is_some_and(is_off) {
            return Some(Withdrawn::Parent);
        }
        let is_no_good =
            |actor: &ActorToken| is_off(&actor.client_id) || !self.tokens.contains(&actor.jti);
        if actor.as_ref().is_some_and(is_no_good) {
            return Some(Withdrawn::Actor);
        }
        let is_covered = |needed: &Agreed| {
            let of = (needed.user_id, needed.client_id.clone(), needed.resource_id);
            self.consent.get(&of).is_some_and(|agreed| needed.scopes.is_subset_of(agreed))
        };
        if consent.as_ref().is_some_and(|needed| !is_covered(needed)) {
            return Some(Withdrawn::Consent);
        }
        let is_given = |needed: &Given| {
            let link = self.links.get(&needed.link);
            link.is_some_and(|link| needed.scopes.is_subset_of(&link.worth(&needed.held)))
        };
        link.as_ref().is_some_and(|needed| !is_given(needed)).then_some(Withdrawn::Link)
    }
}

async fn consent(
    transaction: &DatabaseTransaction,
    agreed: &[&Agreed],
) -> Result<HashMap<(Uuid, String, Uuid), ScopeSet>, StoreError> {
    let users = each_once(agreed.iter().map(|it| it.user_id));
    let clients = each_once(agreed.iter().map(|it| it.client_id.clone()));
    let resources = each_once(agreed.iter().map(|it| it.resource_id));
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
