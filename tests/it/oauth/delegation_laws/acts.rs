//! What operators and clients do to what was given: the acts of "What revocation reaches", and
//! changes of policy.

use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::model::{Link, Status};
use super::scopes::Scopes;
use super::steps::{AccountAct, List, Which};
use super::story::{Held, Story};
use crate::kit::Answer;

/// Whether an operator's order was carried out; `false` if it was refused.
fn done(answer: &Answer) -> Held<bool> {
    match answer.status {
        200 | 201 | 204 => Ok(true),
        404 | 409 => Ok(false),
        _ => Err(format!("the server failed: {answer:?}")),
    }
}

fn has_to_be(done: bool, due: bool) -> Held {
    match (done, due) {
        (true, false) => Err("it was done, and could not be".to_owned()),
        (false, true) => Err("it was refused, and nothing stood in the way".to_owned()),
        _ => Ok(()),
    }
}

/// The map as the admin surface reads it.
pub(super) fn scope_map(map: &[(Scopes, Scopes)]) -> Value {
    let entry = |(scope, worth): &(Scopes, Scopes)| (scope.to_string(), json!(worth.words()));
    Value::Object(map.iter().map(entry).collect::<Map<String, Value>>())
}

impl Story<'_> {
    async fn order(&self, method: Method, path: String, body: Option<Value>) -> Answer {
        self.world.order(self.server, method, &path, body).await
    }

    pub(super) async fn account(&mut self, at: usize, act: AccountAct) -> Held {
        let person = self.model.people[at].clone();
        let path = |act: &str| format!("/admin/users/{}/{act}", person.id);
        let (method, path, word) = match act {
            AccountAct::Switch if person.enabled => (Method::PATCH, path("disable"), "disables"),
            AccountAct::Switch => (Method::PATCH, path("enable"), "enables"),
            AccountAct::ForceLogout => (Method::PATCH, path("force-logout"), "logs out"),
            AccountAct::RevokeTokens => (Method::DELETE, path("tokens"), "revokes the tokens of"),
            AccountAct::Delete => {
                (Method::DELETE, format!("/admin/users/{}", person.id), "deletes")
            }
        };
        self.tell(format!("the operator {word} {}", person.name));
        let answer = self.order(method, path, None).await;
        has_to_be(done(&answer)?, person.there)?;
        let (what, reached) = match act {
            AccountAct::Switch if person.enabled => ("user disabled", self.model.end_person(at)),
            AccountAct::Switch => ("user enabled", 0),
            AccountAct::ForceLogout => ("user force-logout", self.model.end_person(at)),
            AccountAct::RevokeTokens => ("all tokens of a user revoked", self.model.end_person(at)),
            AccountAct::Delete => ("user deleted", self.model.delete_person(at)),
        };
        if act == AccountAct::Switch {
            self.model.people[at].enabled = !person.enabled;
        }
        self.tally.reached(what, reached);
        Ok(())
    }

    pub(super) async fn revoke_consent(&mut self, which: usize) -> Held {
        let live = self.model.consents.iter().filter(|(_, consent)| consent.live);
        let mut live: Vec<(usize, usize, usize)> = live.map(|(key, _)| *key).collect();
        // More likely one that another client's token rests on, and not the token it came of.
        let rested_on = self.model.rested_on();
        if !which.is_multiple_of(3) && rested_on.iter().any(|consent| live.contains(consent)) {
            live.retain(|consent| rested_on.contains(consent));
        }
        let Some((person, client, about)) = live.get(which % live.len().max(1)).copied() else {
            return Ok(());
        };
        let model = &self.model;
        let (who, with) = (&model.people[person], &model.clients[client]);
        let resource = &model.resources[about];
        let sentence = format!(
            "the operator takes {}'s consent with {} about {} back",
            who.name, with.name, resource.name
        );
        let grant = self.world.grant(self.server, who.id, &with.id, resource.id).await;
        let grant = grant.ok_or("the consent grant is not there")?;
        let id = grant["id"].as_str().unwrap_or_default();
        let answer = self.order(Method::DELETE, format!("/admin/grants/consent/{id}"), None).await;
        self.tell(sentence);
        has_to_be(done(&answer)?, true)?;
        let reached = self.model.revoke_consent((person, client, about), usize::MAX);
        self.tally.reached("consent grant revoked", reached);
        Ok(())
    }

    pub(super) async fn switch(&mut self, at: usize) -> Held {
        let client = self.model.clients[at].clone();
        let (act, word, becomes) = match client.status {
            Status::Suspended => ("reactivate", "reactivates", Status::Active),
            _ => ("suspend", "suspends", Status::Suspended),
        };
        let path = format!("/admin/clients/{}/{act}", client.id);
        let answer = self.order(Method::PATCH, path, None).await;
        self.tell(format!("the operator {word} {}", client.name));
        let may_be = matches!(client.status, Status::Active | Status::Suspended);
        has_to_be(done(&answer)?, may_be)?;
        if may_be {
            let good = |story: &Story<'_>| {
                story.model.tokens.iter().filter(|token| story.model.is_good(token)).count()
            };
            let before = good(self);
            self.model.clients[at].status = becomes;
            let reached = before.saturating_sub(good(self));
            self.tally.reached("client suspended", reached);
        }
        Ok(())
    }

    pub(super) async fn revoke_client(&mut self, at: usize) -> Held {
        let client = self.model.clients[at].clone();
        let path = format!("/admin/clients/{}/revoke", client.id);
        let answer = self.order(Method::PATCH, path, None).await;
        self.tell(format!("the operator revokes {}", client.name));
        has_to_be(done(&answer)?, client.status != Status::Deleted)?;
        if client.status != Status::Deleted {
            let reached = self.model.revoke_client(at);
            self.tally.reached("client revoked", reached);
        }
        Ok(())
    }

    pub(super) async fn kill(&mut self, at: usize) -> Held {
        let client = self.model.clients[at].clone();
        let path = format!("/admin/agents/{}/kill", client.id);
        let answer = self.order(Method::POST, path, None).await;
        self.tell(format!("the operator kills {}", client.name));
        if !client.agent && client.status != Status::Deleted {
            let refused = answer.status == 422;
            return if refused { Ok(()) } else { Err(format!("it is no agent: {answer:?}")) };
        }
        has_to_be(done(&answer)?, client.status != Status::Deleted)?;
        if client.status != Status::Deleted {
            let reached = self.model.kill(at);
            self.tally.reached("agent killed", reached);
        }
        Ok(())
    }

    pub(super) async fn delete_client(&mut self, at: usize) -> Held {
        let client = self.model.clients[at].clone();
        let path = format!("/admin/clients/{}?force=true", client.id);
        let answer = self.order(Method::DELETE, path, None).await;
        self.tell(format!("the operator deletes {}", client.name));
        has_to_be(done(&answer)?, client.status != Status::Deleted)?;
        let reached = self.model.delete_client(at);
        self.tally.reached("client deleted", reached);
        Ok(())
    }

    pub(super) async fn end_token(&mut self, which: Which, by_operator: bool) -> Held {
        let Some(at) = self.which(which) else { return Ok(()) };
        let token = self.model.tokens[at].clone();
        if by_operator {
            let path = format!("/admin/issuances/{}", token.jti);
            let answer = self.order(Method::DELETE, path, None).await;
            self.tell(format!("the operator revokes the token of #{}", token.step));
            has_to_be(done(&answer)?, true)?;
        } else {
            let client = &self.world.clients[token.client];
            let form = [("token", token.access.as_str())];
            let answer = client.post(self.server, "/oauth/revoke", &form).await;
            let name = self.model.clients[token.client].name;
            self.tell(format!("{name} gives the token of #{} back", token.step));
            let accepted = self.heard(&answer, token.client)?;
            // One that has expired is no token any more (RFC 7009 section 2.2).
            if !accepted || token.ends <= self.model.now {
                return Ok(());
            }
        }
        let reached = self.model.end_token(at);
        self.tally.reached("issuance revoked", reached);
        Ok(())
    }

    pub(super) async fn give_back(&mut self, step: usize) -> Held {
        let found = self.model.families.iter().rposition(|family| family.step <= step);
        let Some(at) = found else { return Ok(()) };
        let family = self.model.families[at].clone();
        let tip = family.refresh.last().cloned().unwrap_or_default();
        let form = [("token", tip.as_str())];
        let client = &self.world.clients[family.client];
        let answer = client.post(self.server, "/oauth/revoke", &form).await;
        let name = self.model.clients[family.client].name;
        self.tell(format!("{name} gives the refresh token of #{} back", family.step));
        if self.heard(&answer, family.client)? {
            let reached = self.model.end_family(at);
            self.tally.reached("refresh token given back", reached);
        }
        Ok(())
    }

    /// Whether revocation took the client for what it is.
    fn heard(&self, answer: &Answer, client: usize) -> Held<bool> {
        match (answer.status, self.model.is_active(client)) {
            (200, true) => Ok(true),
            (401, false) => Ok(false),
            _ => Err(format!("revocation answers {answer:?}")),
        }
    }

    pub(super) async fn enlist(
        &mut self,
        list: List,
        resource: usize,
        client: usize,
        add: bool,
    ) -> Held {
        let (about, who) = (&self.model.resources[resource], &self.model.clients[client]);
        let (kind, words) = match list {
            List::Exchange => ("exchange/allowed-clients", "the exchange list"),
            List::Runtime => ("runtime/client-ids", "the runtime clients"),
        };
        let path = format!("/admin/resources/{}/policy/{kind}", about.slug);
        let word = if add { "puts" } else { "takes" };
        let way = if add { "on" } else { "off" };
        let sentence = format!("the operator {word} {} {way} {words} of {}", who.name, about.name);
        let due = about.there && (who.status != Status::Deleted || !add);
        let body = add.then(|| json!({ "client_id": who.id }));
        let answer = match add {
            true => self.order(Method::POST, path, body).await,
            false => self.order(Method::DELETE, format!("{path}/{}", who.id), None).await,
        };
        self.tell(sentence);
        has_to_be(done(&answer)?, due)?;
        if due {
            let about = &mut self.model.resources[resource];
            let entries = match list {
                List::Exchange => &mut about.listed,
                List::Runtime => &mut about.runtime,
            };
            entries.retain(|listed| *listed != client);
            entries.extend(add.then_some(client));
        }
        Ok(())
    }

    pub(super) async fn ceiling(&mut self, at: usize, scopes: Scopes) -> Held {
        let client = &self.model.clients[at];
        let (path, there) =
            (format!("/admin/clients/{}", client.id), client.status != Status::Deleted);
        let sentence = format!("the operator sets the ceiling of {} to {scopes}", client.name);
        let body = json!({ "scope": scopes.to_string() });
        let answer = self.order(Method::PATCH, path, Some(body)).await;
        self.tell(sentence);
        has_to_be(done(&answer)?, there)?;
        if there {
            self.model.clients[at].ceiling = Some(scopes);
        }
        Ok(())
    }

    pub(super) async fn delete_resource(&mut self, at: usize) -> Held {
        let resource = self.model.resources[at].clone();
        let path = format!("/admin/resources/{}?cascade=true", resource.slug);
        let answer = self.order(Method::DELETE, path, None).await;
        self.tell(format!("the operator deletes {}", resource.name));
        has_to_be(done(&answer)?, resource.there)?;
        if resource.there {
            let reached = self.model.delete_resource(at);
            self.tally.reached("resource deleted", reached);
        }
        Ok(())
    }

    pub(super) async fn link(
        &mut self,
        source: usize,
        target: usize,
        map: Option<&[(Scopes, Scopes)]>,
    ) -> Held {
        // Rather an end to one that a token came by, if it is an end.
        let in_use = if map.is_none() { self.model.links_in_use() } else { Vec::new() };
        let (source, target) = match &*in_use {
            [] => (source, target),
            in_use => in_use[(source + target) % in_use.len()],
        };
        let (from, to) =
            (self.model.resources[source].clone(), self.model.resources[target].clone());
        if !from.there || !to.there {
            return Ok(());
        }
        // Only what the two resources have can be in a map.
        let known = |(scope, worth): &(Scopes, Scopes)| (*scope, worth.and(to.catalog));
        let is_told =
            |(scope, worth): &(Scopes, Scopes)| scope.within(from.catalog) && !worth.is_empty();
        let map: Option<Vec<(Scopes, Scopes)>> =
            map.map(|map| map.iter().map(known).filter(is_told).collect());
        let there = |link: &Link| link.there && link.source == source && link.target == target;
        let found = self.model.links.iter().position(there);
        let one = format!("/admin/fronting/{}/{}", from.slug, to.slug);
        let body = |map: &[(Scopes, Scopes)]| json!({ "scope_map": scope_map(map) });
        let between = format!("from {} to {}", from.name, to.name);
        match (found, map) {
            (None, None) => Ok(()),
            (_, Some(map)) if map.is_empty() => Ok(()),
            (None, Some(map)) => {
                let mut new = body(&map);
                new["source"] = json!(from.slug);
                new["target"] = json!(to.slug);
                let answer = self.order(Method::POST, "/admin/fronting".into(), Some(new)).await;
                self.tell(format!("the operator links {between}: {}", in_words(&map)));
                has_to_be(done(&answer)?, true)?;
                let view = self.world.look(self.server, &one).await;
                let id = view["id"].as_str().unwrap_or_default().parse::<Uuid>();
                let id = id.map_err(|error| format!("{view}: {error}"))?;
                self.model.links.push(Link { id, source, target, map, there: true });
                Ok(())
            }
            (Some(at), map) => {
                let (method, sent) = match &map {
                    Some(map) => (Method::PATCH, Some(body(map))),
                    None => (Method::DELETE, None),
                };
                let answer = self.order(method, one, sent).await;
                let now = map.as_ref().map_or("no more".to_owned(), |map| in_words(map));
                self.tell(format!("the link {between} gives {now}"));
                has_to_be(done(&answer)?, true)?;
                let reached = self.model.change_link(at, map);
                self.tally.reached("link deleted or narrowed", reached);
                Ok(())
            }
        }
    }
}

fn in_words(map: &[(Scopes, Scopes)]) -> String {
    let entry = |(scope, worth): &(Scopes, Scopes)| format!("{worth} for {scope}");
    map.iter().map(entry).collect::<Vec<_>>().join(", ")
}
