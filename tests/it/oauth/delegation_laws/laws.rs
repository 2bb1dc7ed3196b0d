//! The three laws, looked at on the server after each step.

use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Hop, Model, Status, Token};
use super::scopes::Scopes;
use super::steps::Step;
use super::story::{Held, Story};
use super::world::World;
use crate::kit::client::claims;
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Server, TokenClient};

/// Most names in `agent_chain`.
const NAMES: usize = 8;

/// An error unless it is so.
macro_rules! has_to_hold {
    ($law:expr, $($said:tt)+) => {
        if !$law {
            return Err(format!($($said)+));
        }
    };
}

/// `act` as a chain has it, outermost the one that acts now.
fn act(chain: &[Hop]) -> Value {
    chain.iter().fold(Value::Null, |inner, hop| {
        let kind = if hop.agent { "agent" } else { "service" };
        let mut outer = json!({ "sub": hop.sub, "actor_type": kind });
        if !inner.is_null() {
            outer["act"] = inner;
        }
        outer
    })
}

/// `agent_chain` in the token.
fn names(chain: &[Hop]) -> Value {
    everybody(&chain[chain.len().saturating_sub(NAMES)..])
}

/// `agent_chain` in the row.
fn everybody(chain: &[Hop]) -> Value {
    json!(chain.iter().map(|hop| &hop.sub).collect::<Vec<_>>())
}

/// Whether a token, or what introspection says of one, is what the model has.
fn is_described(model: &Model, token: &Token, said: &Value) -> Held {
    let scopes = Scopes::of(said["scope"].as_str().unwrap_or_default().split_whitespace());
    for (who, bound) in &token.bounds {
        has_to_hold!(scopes.within(*bound), "law 1: it has {scopes}, and {who} allows {bound}");
    }
    has_to_hold!(scopes == token.scopes, "it has {scopes} instead of {}", token.scopes);
    let audience: Vec<&str> = token.resources.iter().map(|at| &*model.resources[*at].uri).collect();
    let audience = if audience.is_empty() { vec![ISSUER] } else { audience };
    let (mut chain, mut flat) = (act(&token.chain), names(&token.chain));
    if token.chain.is_empty() {
        (chain, flat) = (Value::Null, Value::Null);
    }
    let client = &model.clients[token.client];
    for (member, due) in [
        ("sub", json!(token.sub)),
        ("client_id", json!(client.id)),
        ("aud", json!(audience)),
        ("exp", json!(token.ends)),
        ("act", chain),
        ("agent_chain", flat),
        ("agent_id", if client.agent { json!(client.id) } else { Value::Null }),
    ] {
        has_to_hold!(said[member] == due, "{member} is {} instead of {due}", said[member]);
    }
    Ok(())
}

/// Asks everybody who may know about a token whether it is active; law 2, and that nothing dies
/// that no act reached.
pub(super) async fn is_as_the_model_has_it(
    server: &Server,
    world: &World,
    model: &Model,
    token: &Token,
) -> Held {
    let due = model.is_good(token);
    let mut askers: Vec<&TokenClient> = Vec::new();
    let is_there = |at: &usize| model.resources[*at].there;
    askers.extend(token.resources.iter().any(is_there).then_some(&world.guard));
    // A public client has nothing to introspect with.
    let may_ask = model.is_active(token.client) && model.clients[token.client].confidential;
    let owner = may_ask && (askers.is_empty() || token.step.is_multiple_of(3));
    askers.extend(owner.then(|| &world.clients[token.client]));
    for asker in askers {
        let form = [("token", token.access.as_str())];
        let answer = asker.post(server, "/oauth/introspect", &form).await;
        has_to_hold!(answer.status == 200, "introspection answers {answer:?}");
        let said = answer.json();
        match (said["active"] == true, due) {
            (true, false) => {
                return Err(format!("law 2: the token of #{} is active, and over", token.step));
            }
            (false, true) => {
                let who = if asker.id == world.guard.id { "the guard" } else { "its client" };
                let step = token.step;
                return Err(format!("the token of #{step} is not active for {who}: {token:?}"));
            }
            (true, true) => is_described(model, token, &said)
                .map_err(|what| format!("introspection of #{}: {what}", token.step))?,
            (false, false) => has_to_hold!(
                said == json!({ "active": false }),
                "too much is said about an inactive token: {said}"
            ),
        }
    }
    Ok(())
}

/// Law 3: from the rows, as operators see them, a token leads to a person's consent or to a
/// client that an operator made; what acted on the way is in its chain, and no step on the way
/// gives more than the one before.
pub(super) async fn walks_home(
    server: &Server,
    world: &World,
    model: &Model,
    number: usize,
) -> Held {
    let mut at = number;
    let mut view = row(server, world, model, at).await?;
    while let Some(parent) = view["parent_jti"].as_str() {
        let token = &model.tokens[at];
        let known = token.parent.ok_or("law 3: it was exchanged from nothing")?;
        let jti = parent.parse::<Uuid>().map_err(|error| format!("law 3: {error}"))?;
        has_to_hold!(jti == model.tokens[known].jti, "law 3: it is another token's child");
        let above = row(server, world, model, known).await?;
        let (held, given) = (scopes_of(&above), scopes_of(&view));
        if view["via_link"].is_null() {
            has_to_hold!(given.within(held), "law 1: #{} had {held}", model.tokens[known].step);
        }
        (at, view) = (known, above);
    }
    let token = &model.tokens[at];
    has_to_hold!(token.parent.is_none(), "law 3: the walk ends at #{}", token.step);
    match token.person {
        Some(person) => {
            let grant = view["grant_type"].as_str().unwrap_or_default();
            let signed_in = ["authorization_code", "refresh_token"].contains(&grant);
            has_to_hold!(signed_in, "law 3: a person's token was had by {grant}");
            has_agreed(server, world, model, token, person).await
        }
        None => {
            let grant = &view["grant_type"];
            has_to_hold!(grant == "client_credentials", "law 3: a machine's was had by {grant}");
            let client = &model.clients[token.client];
            if client.status == Status::Deleted {
                return Ok(());
            }
            let client = world.look(server, &format!("/admin/clients/{}", client.id)).await;
            has_to_hold!(
                client["registration_source"] == "admin",
                "law 3: nobody granted it: {client}"
            );
            Ok(())
        }
    }
}

/// The person has, or had, agreed with the client about everything the token is for.
async fn has_agreed(
    server: &Server,
    world: &World,
    model: &Model,
    token: &Token,
    person: usize,
) -> Held {
    let (person, client) = (&model.people[person], &model.clients[token.client]);
    for about in &token.resources {
        let resource = &model.resources[*about];
        // What was agreed to is forgotten with any of the three.
        if !person.there || client.status == Status::Deleted || !resource.there {
            continue;
        }
        let grant = world.grant(server, person.id, &client.id, resource.id).await;
        let (who, name) = (person.name, resource.name);
        has_to_hold!(grant.is_some(), "law 3: {who} never agreed about {name}");
    }
    Ok(())
}

/// The row of a token, which has to say what the model has.
async fn row(server: &Server, world: &World, model: &Model, at: usize) -> Held<Value> {
    let token = &model.tokens[at];
    let view = world.look(server, &format!("/admin/issuances/{}", token.jti)).await;
    let resources: Vec<Uuid> = token.resources.iter().map(|at| model.resources[*at].id).collect();
    let jti = |at: usize| json!(model.tokens[at].jti);
    for (member, due) in [
        ("client_id", json!(model.clients[token.client].id)),
        ("subject_user_id", json!(token.person.map(|person| model.people[person].id))),
        ("resource_ids", json!(resources)),
        ("parent_jti", token.parent.map_or(Value::Null, jti)),
        ("consent_client_id", json!(token.consent.map(|client| &model.clients[client].id))),
        ("via_link", json!(token.link.map(|link| model.links[link].id))),
        ("agent_chain", everybody(&token.chain)),
    ] {
        has_to_hold!(view[member] == due, "row of #{}: {member} is not {due}: {view}", token.step);
    }
    has_to_hold!(scopes_of(&view) == token.scopes, "the row of #{}: {view}", token.step);
    Ok(view)
}

fn scopes_of(view: &Value) -> Scopes {
    let scopes = view["scopes"].as_array().into_iter().flatten();
    Scopes::of(scopes.map(|scope| scope.as_str().unwrap_or_default()))
}

impl Story<'_> {
    /// Takes a token in that the server issued; it has to be what the model expects.
    pub(super) async fn learn(&mut self, answer: &Answer, due: Token) -> Held<usize> {
        let access = answer.member("access_token");
        let said = claims(&access);
        if let Some(sentence) = self.told.last_mut() {
            sentence.push_str(&format!(" for {}", said["scope"].as_str().unwrap_or_default()));
        }
        is_described(&self.model, &due, &said)?;
        let jti = said["jti"].as_str().and_then(|jti| jti.parse().ok()).ok_or("it has no jti")?;
        self.model.tokens.push(Token { access, jti, ..due });
        let number = self.model.tokens.len() - 1;
        walks_home(self.server, &self.world, &self.model, number).await?;
        Ok(number)
    }

    /// Introspects what a step could have touched: after a token was asked for, that and what it
    /// came of; after anything else, all there is.
    pub(super) async fn look_at_what_was_touched(&mut self, step: &Step, acted: bool) -> Held {
        if !acted {
            return Ok(());
        }
        let asks = matches!(step, Step::Own { .. } | Step::Exchange { .. } | Step::Agree { .. });
        let numbers: Vec<usize> = if asks && !self.at.is_multiple_of(10) {
            let newest = self.model.tokens.len().checked_sub(1);
            let came_of = newest.map(|newest| self.model.ancestors(newest)).unwrap_or_default();
            newest.into_iter().chain(came_of).collect()
        } else {
            (0..self.model.tokens.len()).collect()
        };
        self.look_at(&numbers).await
    }

    async fn look_at(&mut self, numbers: &[usize]) -> Held {
        self.tally.looks += numbers.len();
        let look = |at: &usize| {
            let token = &self.model.tokens[*at];
            is_as_the_model_has_it(self.server, &self.world, &self.model, token)
        };
        for some in numbers.chunks(24) {
            for held in join_all(some.iter().map(look)).await {
                held?;
            }
        }
        Ok(())
    }

    /// Introspects every token there is, and walks every chain once more.
    pub(super) async fn look_at_everything(&mut self) -> Held {
        let all: Vec<usize> = (0..self.model.tokens.len()).collect();
        self.look_at(&all).await?;
        for number in all {
            walks_home(self.server, &self.world, &self.model, number).await?;
        }
        Ok(())
    }
}
