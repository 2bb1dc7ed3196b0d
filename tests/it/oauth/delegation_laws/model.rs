//! What contract 02 says of a small world: which tokens there are, what they came of, what ends
//! them. Nothing here asks the server or its code.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::scopes::Scopes;

/// Who has a say in the scopes of a token, and what they allow.
pub(super) type Bounds = Vec<(String, Scopes)>;

/// What the operator has switched on (`token_exchange.*`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) max_chain_depth: usize,
    pub(super) allow_self_exchange: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) id: Uuid,
    pub(super) enabled: bool,
    pub(super) there: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Suspended,
    Revoked,
    Deleted,
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) ceiling: Option<Scopes>,
    pub(super) agent: bool,
    /// Has the grants `client_credentials` and token exchange.
    pub(super) confidential: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) name: &'static str,
    pub(super) slug: String,
    pub(super) uri: String,
    pub(super) id: Uuid,
    pub(super) catalog: Scopes,
    pub(super) defaults: Scopes,
    pub(super) there: bool,
    /// `policy.exchange.allowed_client_ids`, by number.
    pub(super) listed: Vec<usize>,
    /// `policy.runtime.client_ids`, by number.
    pub(super) runtime: Vec<usize>,
}

/// What a person has agreed to with a client about a resource.
#[derive(Debug, Clone)]
pub(super) struct Consent {
    pub(super) scopes: Scopes,
    pub(super) live: bool,
}

/// For each scope of the source, what it is worth at the target.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) id: Uuid,
    pub(super) source: usize,
    pub(super) target: usize,
    pub(super) map: Vec<(Scopes, Scopes)>,
    pub(super) there: bool,
}

impl Link {
    pub(super) fn worth(&self, held: Scopes) -> Scopes {
        let given = self.map.iter().filter(|(scope, _)| scope.within(held));
        given.fold(Scopes::NONE, |all, (_, worth)| all.or(*worth))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) step: usize,
    pub(super) code: String,
    pub(super) person: usize,
    pub(super) client: usize,
    pub(super) resources: Vec<usize>,
    pub(super) scopes: Scopes,
    pub(super) ends: i64,
    /// It was redeemed, for this token if for any.
    pub(super) spent: Option<Option<usize>>,
    pub(super) dead: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) step: usize,
    pub(super) person: usize,
    pub(super) client: usize,
    pub(super) resources: Vec<usize>,
    pub(super) scopes: Scopes,
    /// Every refresh token of it, the tip last.
    pub(super) refresh: Vec<String>,
    pub(super) rotated: i64,
    pub(super) ends: i64,
    pub(super) ends_for_good: i64,
    pub(super) revoked: bool,
}

/// Who acts, as in `act`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) sub: String,
    pub(super) agent: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    /// The step that gave it: its name in a history.
    pub(super) step: usize,
    pub(super) access: String,
    pub(super) jti: Uuid,
    pub(super) sub: String,
    pub(super) person: Option<usize>,
    pub(super) client: usize,
    pub(super) resources: Vec<usize>,
    pub(super) scopes: Scopes,
    pub(super) ends: i64,
    pub(super) family: Option<usize>,
    pub(super) parent: Option<usize>,
    /// The client that the person had agreed with, if the exchange rests on that.
    pub(super) consent: Option<usize>,
    pub(super) link: Option<usize>,
    /// Who acted, oldest first.
    pub(super) chain: Vec<Hop>,
    /// Everything that had a say in its scopes, as that was when it was issued.
    pub(super) bounds: Bounds,
    pub(super) revoked: bool,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) rules: Rules,
    pub(super) now: i64,
    pub(super) people: Vec<Person>,
    pub(super) clients: Vec<Client>,
    pub(super) resources: Vec<Resource>,
    /// By person, client and resource.
    pub(super) consents: BTreeMap<(usize, usize, usize), Consent>,
    pub(super) links: Vec<Link>,
    pub(super) codes: Vec<Code>,
    pub(super) families: Vec<Family>,
    pub(super) tokens: Vec<Token>,
}

impl Model {
    pub(super) fn is_active(&self, client: usize) -> bool {
        self.clients[client].status == Status::Active
    }

    /// Whether introspection has to call this token active now.
    pub(super) fn is_good(&self, token: &Token) -> bool {
        !token.revoked
            && token.ends > self.now
            && self.is_active(token.client)
            && token.person.is_none_or(|person| {
                let person = &self.people[person];
                person.there && person.enabled
            })
    }

    /// The tokens that this one was exchanged from, the nearest first.
    pub(super) fn ancestors(&self, token: usize) -> Vec<usize> {
        let parent = |at: &usize| self.tokens[*at].parent;
        std::iter::successors(self.tokens[token].parent, parent).collect()
    }

    /// The catalogs of these resources together.
    pub(super) fn catalog(&self, resources: &[usize]) -> Scopes {
        resources.iter().fold(Scopes::NONE, |all, one| all.or(self.resources[*one].catalog))
    }

    /// What a client may have of these scopes as it is now.
    pub(super) fn under_ceiling(&self, client: usize, scopes: Scopes) -> Scopes {
        self.clients[client].ceiling.map_or(scopes, |ceiling| ceiling.and(scopes))
    }

    pub(super) fn live_consent(
        &self,
        person: usize,
        client: usize,
        resource: usize,
    ) -> Option<Scopes> {
        let consent = self.consents.get(&(person, client, resource))?;
        consent.live.then_some(consent.scopes)
    }

    /// Revokes the tokens that are meant, with everything exchanged from them at any depth, and
    /// how many worked until now.
    pub(super) fn end_tokens(&mut self, meant: impl Fn(&Token) -> bool) -> usize {
        let mut reached = 0;
        // A token comes after the one it was exchanged from.
        let mut fallen = vec![false; self.tokens.len()];
        for at in 0..self.tokens.len() {
            let token = &self.tokens[at];
            fallen[at] = meant(token) || token.parent.is_some_and(|parent| fallen[parent]);
            if fallen[at] {
                reached += usize::from(self.is_good(token));
                self.tokens[at].revoked = true;
            }
        }
        reached
    }

    /// Revokes the families that are meant with their access tokens, and these access tokens.
    pub(super) fn end(
        &mut self,
        families: impl Fn(&Family) -> bool,
        tokens: impl Fn(&Token) -> bool,
    ) -> usize {
        let mut fallen = Vec::with_capacity(self.families.len());
        for family in &mut self.families {
            let falls = !family.revoked && families(family);
            family.revoked |= falls;
            fallen.push(falls);
        }
        self.end_tokens(|token| tokens(token) || token.family.is_some_and(|family| fallen[family]))
    }

    pub(super) fn end_codes(&mut self, meant: impl Fn(&Code) -> bool) {
        for code in &mut self.codes {
            code.dead |= meant(code);
        }
    }

    /// The consent that tokens rest on which were exchanged for something else and work.
    pub(super) fn rested_on(&self) -> Vec<(usize, usize, usize)> {
        let consent = |token: &Token| {
            let parent = &self.tokens[token.parent?];
            let (about, client) = (*token.resources.first()?, token.consent?);
            let elsewhere = !parent.resources.contains(&about) && client != token.client;
            Some((token.person?, client, about)).filter(|_| elsewhere)
        };
        self.tokens.iter().filter(|token| self.is_good(token)).filter_map(consent).collect()
    }

    /// The ends of the links by way of which tokens came that work.
    pub(super) fn links_in_use(&self) -> Vec<(usize, usize)> {
        let good = self.tokens.iter().filter(|token| self.is_good(token));
        let links = good.filter_map(|token| self.links.get(token.link?));
        links.filter(|link| link.there).map(|link| (link.source, link.target)).collect()
    }

    /// "consent grant revoked". What the client got in exchange for others' tokens rests on
    /// other consent, and it can get that again: what of it came after step `until` stays.
    pub(super) fn revoke_consent(
        &mut self,
        (person, client, about): (usize, usize, usize),
        until: usize,
    ) -> usize {
        if let Some(consent) = self.consents.get_mut(&(person, client, about)) {
            consent.live = false;
        }
        self.end_codes(|code| {
            code.person == person && code.client == client && code.resources.contains(&about)
        });
        self.end(
            |family| {
                family.person == person
                    && family.client == client
                    && family.resources.contains(&about)
            },
            |token| {
                token.person == Some(person)
                    && (token.consent == Some(client)
                        || token.client == client && (token.parent.is_none() || token.step < until))
                    && token.resources.contains(&about)
            },
        )
    }

    /// "user disabled", "user force-logout", and all tokens of a user revoked.
    pub(super) fn end_person(&mut self, person: usize) -> usize {
        self.end_codes(|code| code.person == person);
        self.end(|family| family.person == person, |token| token.person == Some(person))
    }

    /// "user deleted"
    pub(super) fn delete_person(&mut self, person: usize) -> usize {
        let reached = self.end_person(person);
        self.people[person].there = false;
        self.consents.retain(|(who, _, _), _| *who != person);
        reached
    }

    /// "client revoked"
    pub(super) fn revoke_client(&mut self, client: usize) -> usize {
        self.end_codes(|code| code.client == client);
        let reached = self.end(|family| family.client == client, |token| token.client == client);
        self.clients[client].status = Status::Revoked;
        reached
    }

    /// "agent killed"
    pub(super) fn kill(&mut self, client: usize) -> usize {
        let id = self.clients[client].id.clone();
        self.end_codes(|code| code.client == client);
        let acts = |token: &Token| token.chain.iter().any(|hop| hop.sub == id);
        let reached = self
            .end(|family| family.client == client, |token| token.client == client || acts(token));
        if self.clients[client].status == Status::Active {
            self.clients[client].status = Status::Suspended;
        }
        reached
    }

    /// "client deleted": as revoked, what people agreed to is forgotten, and it acts as no
    /// resource any more.
    pub(super) fn delete_client(&mut self, client: usize) -> usize {
        let reached = self.revoke_client(client);
        self.clients[client].status = Status::Deleted;
        self.consents.retain(|(_, with, _), _| *with != client);
        for resource in &mut self.resources {
            resource.runtime.retain(|listed| *listed != client);
        }
        reached
    }

    /// "family reuse", a refresh token given back, and a code that came twice.
    pub(super) fn end_family(&mut self, family: usize) -> usize {
        let was_revoked = std::mem::replace(&mut self.families[family].revoked, true);
        if was_revoked { 0 } else { self.end_tokens(|token| token.family == Some(family)) }
    }

    /// "issuance revoked"
    pub(super) fn end_token(&mut self, at: usize) -> usize {
        let jti = self.tokens[at].jti;
        self.end_tokens(|token| token.jti == jti)
    }

    /// "resource deleted", and with it the links that join it to others.
    pub(super) fn delete_resource(&mut self, at: usize) -> usize {
        self.resources[at].there = false;
        self.end_codes(|code| code.resources.contains(&at));
        self.consents.retain(|(_, _, about), _| *about != at);
        let mut reached = 0;
        for link in 0..self.links.len() {
            let Link { source, target, there, .. } = self.links[link];
            if there && (source == at || target == at) {
                reached += self.change_link(link, None);
            }
        }
        reached
            + self
                .end(|family| family.resources.contains(&at), |token| token.resources.contains(&at))
    }

    /// A link is deleted, or narrowed: what it would not give any more ends.
    pub(super) fn change_link(&mut self, at: usize, map: Option<Vec<(Scopes, Scopes)>>) -> usize {
        let link = &mut self.links[at];
        link.there = map.is_some();
        link.map = map.unwrap_or_default();
        let link = self.links[at].clone();
        let given: Vec<Scopes> = self
            .tokens
            .iter()
            .map(|token| token.parent.map_or(Scopes::NONE, |at| link.worth(self.tokens[at].scopes)))
            .collect();
        let is_over: Vec<Uuid> = self
            .tokens
            .iter()
            .zip(given)
            .filter(|(token, given)| token.link == Some(at) && !token.scopes.within(*given))
            .map(|(token, _)| token.jti)
            .collect();
        self.end_tokens(|token| is_over.contains(&token.jti))
    }
}
