//! The laws while everything happens at once: many exchange and refresh at two replicas, others
//! take away what that rests on. Nothing that is taken away here is given back, so in the end,
//! when all is quiet, whatever an act reaches has to be inactive, whether it was there before
//! the act or came about during it; and everything else has to work.

use std::sync::Mutex;

use futures::future::join_all;
use reqwest::Method;

use super::gates::Ask;
use super::laws::is_as_the_model_has_it;
use super::model::{Consent, Family, Hop, Model, Status, Token};
use super::scopes::{Dice, Scopes};
use super::world::World;
use super::{RULES, server_with};
use crate::kit::client::claims;
use crate::kit::{Answer, Server, on_both_databases};

/// Worlds, one after the other on the same two servers.
const WORLDS: u64 = 3;
/// Tasks that ask for tokens, and how often each does.
const TAKERS: u64 = 6;
const TAKES: usize = 30;

/// What is taken away, for good.
#[derive(Debug, Clone, Copy)]
enum Act {
    Consent(usize, usize, usize),
    Disable(usize),
    LogOut(usize),
    Suspend(usize),
    RevokeClient(usize),
    Issuance,
    Resource(usize),
    Refresh(usize),
}

/// What was acknowledged.
#[derive(Debug, Clone, Copy)]
struct Done {
    act: Act,
    /// The token it was about.
    number: usize,
    /// How many tokens were there before.
    known: usize,
}

/// What all tasks share. Nobody waits for an answer with it locked.
struct Ground<'a> {
    servers: [&'a Server; 2],
    world: World,
    model: Mutex<Model>,
    done: Mutex<Vec<Done>>,
}

/// What became of a request for a token: the token, or that there is none.
fn came_of(answer: &Answer) -> Option<String> {
    match answer.status {
        200 => Some(answer.member("access_token")),
        400 | 401 | 403 | 503 => None,
        _ => panic!("the server failed: {answer:?}"),
    }
}

impl Ground<'_> {
    /// Everybody lets everybody in everywhere, and everybody has signed in everywhere.
    async fn prepare(servers: [&Server; 2], seed: u64) -> Ground<'_> {
        let (world, model) = World::set(servers[0], seed, RULES[0]).await;
        let (model, done) = (Mutex::new(model), Mutex::default());
        let ground = Ground { servers, world, model, done };
        let (slugs, uris, catalog, ids) = ground.names();
        for slug in &slugs {
            for id in &ids[..4] {
                servers[0].runtime_client(slug, id).await;
            }
        }
        for resource in &mut ground.model.lock().unwrap().resources {
            resource.runtime = (0..4).collect();
        }
        for person in 0..3 {
            for client in 0..4 {
                let asked = ground.model.lock().unwrap().under_ceiling(client, catalog);
                let all: Vec<&str> = uris.iter().map(String::as_str).collect();
                if asked.is_empty() {
                    continue;
                }
                let who = (person, client);
                let code = ground.world.agree(servers[0], who, &all, asked, asked).await;
                let answer = ground.world.redeem(servers[0], client, &code).await;
                ground.take_in_sign_in(who, asked, &answer);
            }
        }
        // The other replica hears of the new resources within a second.
        let known = || {
            let resources = servers[1].services.keepers.catalog.resources();
            let last = resources.by_slug(&slugs[3]);
            last.is_some_and(|last| last.policy.is_runtime_client(&ids[3]))
        };
        for _ in 0..400 {
            if known() {
                break;
            }
            servers[1].wait(1);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(known(), "the replica never heard of {slugs:?}");
        ground.model.lock().unwrap().now = servers[0].services.environment.now().timestamp();
        ground
    }

    fn names(&self) -> (Vec<String>, Vec<String>, Scopes, Vec<String>) {
        let model = self.model.lock().unwrap();
        let slugs = model.resources.iter().map(|resource| resource.slug.clone()).collect();
        let uris = model.resources.iter().map(|resource| resource.uri.clone()).collect();
        let ids = model.clients.iter().map(|client| client.id.clone()).collect();
        (slugs, uris, model.catalog(&[0, 1, 2, 3]), ids)
    }

    fn take_in_sign_in(&self, (person, client): (usize, usize), scopes: Scopes, answer: &Answer) {
        let mut model = self.model.lock().unwrap();
        for about in 0..4 {
            let scopes = scopes.and(model.resources[about].catalog);
            model.consents.insert((person, client, about), Consent { scopes, live: true });
        }
        let now = model.now;
        let family = answer.json()["refresh_token"].as_str().map(|refresh| {
            model.families.push(Family {
                step: 0,
                person,
                client,
                resources: (0..4).collect(),
                scopes,
                refresh: vec![refresh.to_owned()],
                rotated: now,
                ends: i64::MAX,
                ends_for_good: i64::MAX,
                revoked: false,
            });
            model.families.len() - 1
        });
        let access = answer.member("access_token");
        let number = model.tokens.len();
        let token = Token { person: Some(person), family, ..seen(&model, number, client, access) };
        model.tokens.push(token);
    }

    /// One task asks for tokens.
    async fn take(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        for _ in 0..TAKES {
            let server = self.servers[dice.throw(2)];
            match dice.throw(10) {
                0..2 => self.refresh(server, &mut dice).await,
                _ => self.exchange(server, &mut dice).await,
            }
        }
    }

    async fn refresh(&self, server: &Server, dice: &mut Dice) {
        let (number, client, refresh) = {
            let model = self.model.lock().unwrap();
            let number = dice.throw(model.families.len());
            let family = &model.families[number];
            (number, family.client, family.refresh.last().unwrap().clone())
        };
        let answer = self.world.clients[client].refresh(server, &refresh).await;
        let mut model = self.model.lock().unwrap();
        // Two that refreshed at once got the same successor; the slower one may have been too
        // slow, which is reuse.
        if answer.status == 400 && answer.member("error") == "invalid_grant" {
            model.end_family(number);
        }
        let Some(access) = came_of(&answer) else { return };
        let successor = answer.member("refresh_token");
        let dead = model.families[number].revoked;
        let family = &mut model.families[number];
        if !family.refresh.contains(&successor) {
            family.refresh.push(successor);
        }
        let (person, at) = (Some(family.person), model.tokens.len());
        let token = Token {
            person,
            family: Some(number),
            revoked: dead,
            ..seen(&model, at, client, access)
        };
        model.tokens.push(token);
    }

    async fn exchange(&self, server: &Server, dice: &mut Dice) {
        let (ask, subject, uri, bounds, consent) = {
            let model = self.model.lock().unwrap();
            let newest = model.tokens.len().min(12);
            let back = if dice.percent(60) { newest } else { model.tokens.len() };
            let subject = model.tokens.len() - 1 - dice.throw(back);
            let (acting, target) = (dice.throw(4), dice.throw(4));
            let ask = Ask { acting, subject, actor: None, target: Some(target), asked: None };
            let (token, resource) = (&model.tokens[subject], &model.resources[target]);
            // What it could have at most when it was asked for: nothing grows here.
            let mut bounds = vec![
                ("the subject token".to_owned(), token.scopes),
                ("the catalog".to_owned(), resource.catalog),
            ];
            bounds.extend(model.clients[acting].ceiling.map(|it| ("the ceiling".to_owned(), it)));
            let agreed = token.person.map(|person| {
                let agreed = model.consents.get(&(person, token.client, target));
                ("consent".to_owned(), agreed.map_or(Scopes::NONE, |consent| consent.scopes))
            });
            bounds.extend(agreed);
            let consent = token.person.map(|_| token.client);
            (ask, token.clone(), resource.uri.clone(), bounds, consent)
        };
        let tokens = (subject.access.as_str(), None);
        let answer = self.world.exchange(server, ask.acting, tokens, Some(&uri), None).await;
        let Some(access) = came_of(&answer) else { return };
        let mut model = self.model.lock().unwrap();
        let token = Token {
            person: subject.person,
            parent: Some(ask.subject),
            consent,
            bounds,
            ..seen(&model, model.tokens.len(), ask.acting, access)
        };
        for (who, bound) in &token.bounds {
            assert!(token.scopes.within(*bound), "law 1: {who} allows {bound}: {token:#?}");
        }
        model.tokens.push(token);
    }

    /// One task takes away; everything that was acknowledged, and that it reached what was there.
    async fn take_away(&self, acts: &[Act], seed: u64) {
        let mut dice = Dice::new(seed);
        for act in acts {
            tokio::time::sleep(std::time::Duration::from_millis(dice.throw(60) as u64)).await;
            let server = self.servers[dice.throw(2)];
            let known = self.model.lock().unwrap().tokens.len();
            let Some(number) = self.perform(server, *act, known, &mut dice).await else { continue };
            let done = Done { act: *act, number, known };
            self.done.lock().unwrap().push(done);
            let reached = {
                let mut model = self.model.lock().unwrap();
                apply(&mut model, done);
                let over: Vec<Token> = model.tokens[..known].to_vec();
                over.into_iter().filter(|token| !model.is_good(token)).collect::<Vec<Token>>()
            };
            for token in reached.iter().rev().take(8) {
                let form = [("token", token.access.as_str())];
                let guard = &self.world.guard;
                let answer = guard.post(self.servers[dice.throw(2)], "/oauth/introspect", &form);
                let active = answer.await.json()["active"].clone();
                assert_eq!(active, false, "law 2, right after {act:?}: {token:#?}");
            }
        }
    }

    /// Has it done, again if the server could not; which token or grant it was about.
    async fn perform(
        &self,
        server: &Server,
        act: Act,
        known: usize,
        dice: &mut Dice,
    ) -> Option<usize> {
        let number = match act {
            Act::Issuance => dice.throw(known),
            _ => 0,
        };
        let order = self.ordered(server, act, number).await;
        for _ in 0..20 {
            let answer = match &order {
                Order::Operator(method, path) => {
                    self.world.order(server, method.clone(), path, None).await
                }
                Order::Client(client, token) => {
                    let form = [("token", token.as_str())];
                    self.world.clients[*client].post(server, "/oauth/revoke", &form).await
                }
            };
            match answer.status {
                200 | 204 => return Some(number),
                // A client that is off gives nothing back, and what is gone cannot be taken away.
                401 | 404 => return None,
                503 => {}
                _ => panic!("{act:?}: {answer:?}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{act:?} was never done");
    }

    async fn ordered(&self, server: &Server, act: Act, number: usize) -> Order {
        let (slugs, _, _, ids) = self.names();
        let (person, resource_ids, jti, family) = {
            let model = self.model.lock().unwrap();
            let people: Vec<_> = model.people.iter().map(|person| person.id).collect();
            let resources: Vec<_> = model.resources.iter().map(|resource| resource.id).collect();
            let family = match act {
                Act::Refresh(at) => model.families.get(at % model.families.len()),
                _ => None,
            };
            let family = family.map(|it| (it.client, it.refresh.last().unwrap().clone()));
            (people, resources, model.tokens[number].jti, family)
        };
        let user = |at: usize, act: &str| format!("/admin/users/{}/{act}", person[at]);
        let client = |at: usize, act: &str| format!("/admin/clients/{}/{act}", ids[at]);
        let (method, path) = match act {
            Act::Consent(who, with, about) => {
                let (who, about) = (person[who], resource_ids[about]);
                let grant = self.world.grant(server, who, &ids[with], about).await;
                let id = grant.map(|grant| grant["id"].as_str().unwrap_or_default().to_owned());
                let id = id.unwrap_or_else(|| uuid::Uuid::nil().to_string());
                (Method::DELETE, format!("/admin/grants/consent/{id}"))
            }
            Act::Disable(at) => (Method::PATCH, user(at, "disable")),
            Act::LogOut(at) => (Method::PATCH, user(at, "force-logout")),
            Act::Suspend(at) => (Method::PATCH, client(at, "suspend")),
            Act::RevokeClient(at) => (Method::PATCH, client(at, "revoke")),
            Act::Issuance => (Method::DELETE, format!("/admin/issuances/{jti}")),
            Act::Resource(at) => {
                (Method::DELETE, format!("/admin/resources/{}?cascade=true", slugs[at]))
            }
            Act::Refresh(_) => {
                let (client, refresh) = family.expect("there are families");
                return Order::Client(client, refresh);
            }
        };
        Order::Operator(method, path)
    }
}

enum Order {
    Operator(Method, String),
    Client(usize, String),
}

/// A token that was just handed out, as far as it says itself.
fn seen(model: &Model, step: usize, client: usize, access: String) -> Token {
    let said = claims(&access);
    let text = |member: &str| said[member].as_str().unwrap_or_default().to_owned();
    let hop = |hop: &serde_json::Value| Hop {
        sub: hop["sub"].as_str().unwrap_or_default().to_owned(),
        agent: hop["actor_type"] == "agent",
    };
    let hops = std::iter::successors(said.get("act"), |hop| hop.get("act"));
    let mut chain: Vec<_> = hops.map(hop).collect();
    chain.reverse();
    let audience = said["aud"].as_array().into_iter().flatten().filter_map(|uri| uri.as_str());
    let number = |uri: &str| model.resources.iter().position(|resource| resource.uri == uri);
    Token {
        step,
        jti: text("jti").parse().unwrap(),
        sub: text("sub"),
        person: None,
        client,
        resources: audience.filter_map(number).collect(),
        scopes: Scopes::of(text("scope").split_whitespace()),
        ends: said["exp"].as_i64().unwrap(),
        family: None,
        parent: None,
        consent: None,
        link: None,
        chain,
        bounds: Vec::new(),
        revoked: false,
        access,
    }
}

/// What an act does to the model, as it is when it is looked at.
fn apply(model: &mut Model, done: Done) {
    match done.act {
        Act::Consent(person, client, about) => {
            model.revoke_consent((person, client, about), done.known);
        }
        Act::Disable(person) => {
            model.end_person(person);
            model.people[person].enabled = false;
        }
        Act::LogOut(person) => {
            model.end_person(person);
        }
        Act::Suspend(client) => model.clients[client].status = Status::Suspended,
        Act::RevokeClient(client) => {
            model.revoke_client(client);
        }
        Act::Issuance => {
            model.end_token(done.number);
        }
        Act::Resource(about) => {
            model.delete_resource(about);
        }
        Act::Refresh(at) => {
            let at = at % model.families.len();
            model.end_family(at);
        }
    }
}

/// Tokens that may work or not: a client got them in exchange for another's while a person took
/// consent with it back, which would not have stood in the way a moment later.
fn undecided(model: &Model, done: &[Done]) -> Vec<bool> {
    let mut either = vec![false; model.tokens.len()];
    for (at, token) in model.tokens.iter().enumerate() {
        let meanwhile = |done: &Done| match done.act {
            Act::Consent(person, client, about) => {
                token.step >= done.known
                    && token.parent.is_some()
                    && token.person == Some(person)
                    && token.client == client
                    && token.resources.contains(&about)
            }
            _ => false,
        };
        let came_of_one = token.parent.is_some_and(|parent| either[parent]);
        either[at] = !token.revoked && (came_of_one || done.iter().any(meanwhile));
    }
    either
}

/// Two lists of what is taken away; enough is left to go on with.
fn acts(dice: &mut Dice) -> [Vec<Act>; 2] {
    let mut lists = [Vec::new(), Vec::new()];
    let (person, client, resource) = (dice.throw(3), dice.throw(4), dice.throw(4));
    let (other, next) = ((person + 1) % 3, (client + 1) % 4);
    let big = [
        Act::LogOut(person),
        Act::Disable(other),
        Act::Suspend(client),
        Act::RevokeClient(next),
        Act::Resource(resource),
    ];
    let first = dice.throw(5);
    for (list, turn) in lists.iter_mut().zip([0, 1]) {
        for _ in 0..4 {
            list.push(Act::Consent(dice.throw(3), dice.throw(4), dice.throw(4)));
            list.push(Act::Issuance);
        }
        list.push(Act::Refresh(dice.throw(8)));
        // Two of the big ones in all, late, so that small ones have something to reach.
        list.push(big[(first + turn) % 5]);
    }
    lists
}

on_both_databases! {
    async fn nothing_that_was_taken_away_works_whoever_was_faster(backend: Backend) {
        let server = server_with(backend, RULES[0]).await;
        let replica = server.replica().await;
        let (mut worked, mut over) = (0, 0);
        for seed in 1..=WORLDS {
            let ground = Ground::prepare([&server, &replica], seed).await;
            let before = ground.model.lock().unwrap().tokens.len();
            let lists = acts(&mut Dice::new(seed));
            let takers = join_all((0..TAKERS).map(|task| ground.take((seed << 8) | task)));
            let others = lists.iter().zip(1..).map(|(list, task)| ground.take_away(list, (seed << 16) | task));
            tokio::join!(takers, join_all(others));

            let (mut model, done) =
                (ground.model.into_inner().unwrap(), ground.done.into_inner().unwrap());
            done.iter().for_each(|done| apply(&mut model, *done));
            let dead: Vec<bool> = model.families.iter().map(|family| family.revoked).collect();
            model.end_tokens(|token| token.family.is_some_and(|family| dead[family]));
            for server in [&server, &replica] {
                let either = undecided(&model, &done);
                let sure = model.tokens.iter().filter(|token| !either[token.step]);
                let look = |token| is_as_the_model_has_it(server, &ground.world, &model, token);
                for held in join_all(sure.map(look)).await {
                    held.unwrap_or_else(|what| panic!("seed {seed}, {done:?}: {what}"));
                }
            }
            let good = model.tokens[before..].iter().filter(|token| model.is_good(token)).count();
            worked += good;
            over += model.tokens.len() - before - good;
        }
        assert!(worked > 20 && over > 20, "nothing was at stake: {worked} work, {over} are over");
        replica.stop().await;
        server.stop().await;
    }
}
