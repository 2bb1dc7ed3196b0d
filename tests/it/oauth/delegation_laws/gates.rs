//! What contract 04 says comes of an exchange, and what contract 01 says comes of the other
//! grants, worked out from the model.

use super::model::{Bounds, Hop, Link, Model, Token};
use super::scopes::Scopes;

/// An exchange as it is asked for, by numbers of the model.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) acting: usize,
    pub(super) subject: usize,
    pub(super) actor: Option<usize>,
    /// None when it is not named.
    pub(super) target: Option<usize>,
    pub(super) asked: Option<Scopes>,
}

/// What has to come of an exchange that is allowed.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) scopes: Scopes,
    pub(super) target: usize,
    pub(super) consent: Option<usize>,
    /// The link that gives it, if one does.
    pub(super) link: Option<usize>,
    /// There is a link, which does not give it.
    pub(super) around_a_link: bool,
    pub(super) chain: Vec<Hop>,
    pub(super) ends: i64,
    pub(super) bounds: Bounds,
}

/// Lifetime of exchanged tokens, `token_exchange.token_expiry`.
const LIFETIME: i64 = 3600;

/// A code that is refused for this is spent.
pub(super) const NOT_COVERED: &str = "consent does not cover it any more";

/// What somebody's word gives.
struct Granted {
    bounds: Bounds,
    consent: Option<usize>,
    link: Option<usize>,
}

type Verdict<T> = Result<T, &'static str>;

impl Model {
    /// What comes of an exchange, or why nothing does.
    pub(super) fn exchange(&self, ask: &Ask) -> Verdict<Due> {
        let acting = &self.clients[ask.acting];
        if !self.is_active(ask.acting) {
            return Err("the client is not active");
        }
        if !acting.confidential {
            return Err("the client may not exchange");
        }
        let subject = &self.tokens[ask.subject];
        if !self.is_good(subject) {
            return Err("the subject token is not active");
        }
        let target = self.target(ask, subject)?;
        let actor = ask.actor.map(|at| self.actor(ask, subject, &self.tokens[at])).transpose()?;
        let catalog = self.resources[target].catalog;
        if ask.asked.is_some_and(|asked| !asked.within(catalog)) {
            return Err("the target's catalog does not have it");
        }
        let ends = (self.now + LIFETIME).min(self.ends_behind(subject));
        if ends <= self.now {
            return Err("the sign-in is over");
        }
        let way = |granted: Granted| {
            let Granted { mut bounds, consent, link } = granted;
            let name = self.resources[target].name;
            bounds.push((format!("the catalog of {name}"), catalog));
            if let Some(ceiling) = acting.ceiling {
                bounds.push((format!("the ceiling of {}", acting.name), ceiling));
            }
            let bound = bounds.iter().fold(Scopes::ALL, |all, (_, one)| all.and(*one));
            let scopes = ask.asked.unwrap_or(bound);
            if scopes.is_empty() || !scopes.within(bound) {
                return Err("somebody does not allow all of it");
            }
            let chain = self.grown(ask, subject, actor, link.is_some());
            if chain.len() > self.rules.max_chain_depth {
                return Err("the chain is too long");
            }
            let around_a_link = false;
            Ok(Due { scopes, target, consent, link, around_a_link, chain, ends, bounds })
        };
        // A link is tried first, and what it does not give may be had without it.
        let by_link = self.link_into(ask.acting, subject, target).map(|link| {
            let name = self.resources[self.links[link].source].name;
            let worth = self.links[link].worth(subject.scopes);
            let bounds = vec![(format!("the link from {name}"), worth)];
            way(Granted { bounds, consent: None, link: Some(link) })
        });
        match by_link {
            Some(Ok(due)) => Ok(due),
            tried => {
                let due = way(self.direct(ask, subject, target)?)?;
                Ok(Due { around_a_link: tried.is_some(), ..due })
            }
        }
    }

    /// Without one it is the client's own token, for the one resource that is for.
    fn target(&self, ask: &Ask, subject: &Token) -> Verdict<usize> {
        if let Some(target) = ask.target {
            let there = self.resources[target].there;
            return if there { Ok(target) } else { Err("there is no such resource") };
        }
        match &*subject.resources {
            [own] if subject.client == ask.acting && self.rules.allow_self_exchange => Ok(*own),
            _ => Err("no resource is named"),
        }
    }

    /// The actor token is the client's own, or was sent to a resource that it acts as.
    fn actor(&self, ask: &Ask, subject: &Token, actor: &Token) -> Verdict<usize> {
        if !self.is_good(actor) {
            return Err("the actor token is not active");
        }
        let was_sent_to = subject.resources.iter().any(|at| {
            actor.resources.contains(at) && self.resources[*at].runtime.contains(&ask.acting)
        });
        if actor.client != ask.acting && !was_sent_to {
            return Err("the actor token is another client's");
        }
        Ok(actor.client)
    }

    /// The link that the client is the gateway of, from the resource the token is for alone.
    fn link_into(&self, acting: usize, subject: &Token, target: usize) -> Option<usize> {
        let [source] = *subject.resources else { return None };
        let is_source = self.resources[source].runtime.contains(&acting);
        let is_let_in = self.resources[target].listed.contains(&acting);
        let joins = |link: &Link| link.there && link.source == source && link.target == target;
        self.links.iter().position(joins).filter(|_| is_source || is_let_in)
    }

    fn direct(&self, ask: &Ask, subject: &Token, target: usize) -> Verdict<Granted> {
        let own = subject.client == ask.acting;
        let resource = &self.resources[target];
        let listed = resource.listed.contains(&ask.acting);
        if !resource.listed.is_empty() && !listed {
            return Err("the operator does not let the client in");
        }
        if !own && !listed && !resource.runtime.contains(&ask.acting) {
            return Err("the operator does not let the client exchange for others");
        }
        let mut bounds = vec![(format!("the subject token #{}", subject.step), subject.scopes)];
        let Some(person) = subject.person.filter(|_| !own || !self.rules.allow_self_exchange)
        else {
            return Ok(Granted { bounds, consent: None, link: None });
        };
        let agreed = self.live_consent(person, subject.client, target).ok_or("no consent")?;
        let (who, with) = (self.people[person].name, self.clients[subject.client].name);
        bounds.push((format!("{who}'s consent with {with} about {}", resource.name), agreed));
        Ok(Granted { bounds, consent: Some(subject.client), link: None })
    }

    /// Who asks comes last, after the agent it is the gateway for and after whose actor token
    /// it presents; each once in a row.
    fn grown(&self, ask: &Ask, subject: &Token, actor: Option<usize>, by_link: bool) -> Vec<Hop> {
        let hop = |client: usize| {
            let client = &self.clients[client];
            Hop { sub: client.id.clone(), agent: client.agent }
        };
        let mut chain = subject.chain.clone();
        let own = subject.client == ask.acting;
        let behind = [(by_link && !own).then_some(subject.client), actor];
        for client in behind.into_iter().flatten() {
            let is_last = chain.last().is_some_and(|last| last.sub == self.clients[client].id);
            if !is_last && (client != ask.acting || Some(client) != actor) {
                chain.push(hop(client));
            }
        }
        if !own || actor.is_some() {
            chain.push(hop(ask.acting));
        }
        chain
    }

    /// When what this token was issued for ends: its sign-in, or itself.
    fn ends_behind(&self, subject: &Token) -> i64 {
        let family = subject.family.map(|at| &self.families[at]);
        family.map_or(subject.ends, |family| family.ends.min(family.ends_for_good))
    }

    /// What a client gets for itself.
    pub(super) fn own(
        &self,
        client: usize,
        resource: Option<usize>,
        asked: Option<Scopes>,
    ) -> Verdict<Scopes> {
        let ceiling = self.clients[client].ceiling.unwrap_or(Scopes::NONE);
        if !self.is_active(client) || !self.clients[client].confidential {
            return Err("the client gets nothing for itself");
        }
        let scopes = match resource.map(|at| &self.resources[at]) {
            Some(resource) if !resource.there => return Err("there is no such resource"),
            Some(resource) => asked.unwrap_or(resource.defaults).and(resource.catalog),
            None => asked.unwrap_or(ceiling),
        };
        let scopes = scopes.and(ceiling);
        if scopes.is_empty() { Err("nothing is left") } else { Ok(scopes) }
    }

    /// What a code is worth now.
    pub(super) fn redeemed(&self, at: usize) -> Verdict<Scopes> {
        let code = &self.codes[at];
        let person = &self.people[code.person];
        if !self.is_active(code.client) {
            return Err("the client is not active");
        }
        if code.dead || code.ends <= self.now || !person.there || !person.enabled {
            return Err("the code is over");
        }
        let there = code.resources.iter().all(|at| self.resources[*at].there);
        let covered = code.resources.iter().all(|about| {
            let share = code.scopes.and(self.resources[*about].catalog);
            let agreed = self.live_consent(code.person, code.client, *about);
            agreed.is_some_and(|agreed| share.within(agreed))
        });
        let left = self.left(code.client, code.scopes, &code.resources)?;
        if there && covered { Ok(left) } else { Err(NOT_COVERED) }
    }

    /// What a family gives now.
    pub(super) fn refreshed(&self, at: usize) -> Verdict<Scopes> {
        let family = &self.families[at];
        self.left(family.client, family.scopes, &family.resources)
    }

    fn left(&self, client: usize, scopes: Scopes, resources: &[usize]) -> Verdict<Scopes> {
        let left = self.under_ceiling(client, scopes).and(self.catalog(resources));
        if left.is_empty() { Err("nothing is left under the ceiling") } else { Ok(left) }
    }
}
