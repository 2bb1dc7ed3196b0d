//! A history as it happens: each step is done on the server and in the model, told in a
//! sentence, and looked at.

use super::gates::{Ask, NOT_COVERED};
use super::model::{Bounds, Client, Code, Consent, Family, Model, Status, Token};
use super::scopes::Scopes;
use super::steps::{AccountAct, Step, Which};
use super::tally::Tally;
use super::world::World;
use crate::kit::{Answer, Server};

/// What a law is broken by, in words.
pub(super) type Held<T = ()> = Result<T, String>;

const ACCESS_LIFE: i64 = 900;
const CODE_LIFE: i64 = 60;
const GRACE: i64 = 30;
const REFRESH_LIFE: i64 = 7 * 86_400;
const FAMILY_LIFE: i64 = 90 * 86_400;

pub(super) struct Story<'a> {
    pub(super) server: &'a Server,
    pub(super) world: World,
    pub(super) model: Model,
    /// What happened, a sentence for each step.
    pub(super) told: Vec<String>,
    pub(super) tally: Tally,
    /// The step that is being done.
    pub(super) at: usize,
}

/// What a token endpoint did.
pub(super) fn issued(answer: &Answer) -> Held<bool> {
    match answer.status {
        200 => Ok(true),
        400 | 401 | 403 => Ok(false),
        _ => Err(format!("the server failed: {answer:?}")),
    }
}

impl Story<'_> {
    /// Does a step and looks at what it could have touched.
    pub(super) async fn step(&mut self, at: usize, step: &Step) -> Held {
        self.at = at;
        self.model.now = self.server.services.environment.now().timestamp();
        let before = self.told.len();
        let acted = self.act(step).await;
        if let Some(sentence) = self.told.get_mut(before) {
            sentence.insert_str(0, &format!("#{at}: "));
        }
        acted?;
        self.look_at_what_was_touched(step, self.told.len() > before).await
    }

    pub(super) fn tell(&mut self, sentence: impl Into<String>) {
        self.told.push(sentence.into());
    }

    async fn act(&mut self, step: &Step) -> Held {
        match *step {
            Step::Agree { person, client, ref resources, asked, approved, at_once } => {
                self.agree((person, client), resources, asked, approved, at_once).await
            }
            Step::Redeem { step } => {
                let code = self.model.codes.iter().rposition(|code| code.step <= step);
                match code {
                    Some(code) => self.redeem(code).await,
                    None => Ok(()),
                }
            }
            Step::Own { client, resource, asked } => self.own(client, resource, asked).await,
            Step::Refresh { step, back, by } => self.refresh(step, back, by).await,
            Step::Exchange { subject, acting, target, asked, actor } => {
                let Some(subject) = self.which(subject) else { return Ok(()) };
                let acting = acting.unwrap_or(self.model.tokens[subject].client);
                let actor = actor.and_then(|actor| self.which(actor));
                self.exchange(Ask { acting, subject, actor, target, asked }).await
            }
            Step::Wait { seconds } => {
                self.server.wait(seconds);
                self.model.now += i64::try_from(seconds).unwrap();
                self.tell(format!("{seconds} seconds pass"));
                Ok(())
            }
            Step::Account { person, act } => {
                let off = self.model.people.iter().position(|who| who.there && !who.enabled);
                let off = off.filter(|_| act == AccountAct::Switch);
                self.account(off.unwrap_or(person), act).await
            }
            Step::RevokeConsent { which } => self.revoke_consent(which).await,
            Step::Switch { client } => {
                let is_off = |client: &Client| client.status == Status::Suspended;
                let off = self.model.clients.iter().position(is_off);
                self.switch(off.unwrap_or(client)).await
            }
            Step::RevokeClient { client } => self.revoke_client(client).await,
            Step::Kill { client } => self.kill(client).await,
            Step::DeleteClient { client } => self.delete_client(client).await,
            Step::EndToken { token, by_operator } => self.end_token(token, by_operator).await,
            Step::GiveBack { step } => self.give_back(step).await,
            Step::Enlist { list, resource, client, add } => {
                self.enlist(list, resource, client, add).await
            }
            Step::Ceiling { client, scopes } => self.ceiling(client, scopes).await,
            Step::DeleteResource { resource } => self.delete_resource(resource).await,
            Step::Link { source, target, ref map } => {
                self.link(source, target, map.as_deref()).await
            }
        }
    }

    /// The token that is meant, by number.
    pub(super) fn which(&self, which: Which) -> Option<usize> {
        let meant =
            |token: &Token| token.step <= which.step && (!which.works || self.model.is_good(token));
        self.model.tokens.iter().rposition(meant)
    }

    async fn agree(
        &mut self,
        (person, client): (usize, usize),
        resources: &[usize],
        asked: Scopes,
        approved: Scopes,
        at_once: bool,
    ) -> Held {
        let model = &self.model;
        let who = &model.people[person];
        if !who.there || !who.enabled || !model.is_active(client) {
            return Ok(());
        }
        // What could not be asked for, and resources about which nothing would be said.
        let there: Vec<usize> =
            resources.iter().copied().filter(|at| model.resources[*at].there).collect();
        let asked = model.under_ceiling(client, asked).and(model.catalog(&there));
        let approved = approved.and(asked);
        let about = |at: &usize| !model.resources[*at].catalog.and(approved).is_empty();
        let resources: Vec<usize> = there.into_iter().filter(about).collect();
        let asked = asked.and(model.catalog(&resources));
        if resources.is_empty() {
            return Ok(());
        }
        let uris: Vec<&str> = resources.iter().map(|at| &*model.resources[*at].uri).collect();
        let code = self.world.agree(self.server, (person, client), &uris, asked, approved).await;
        for about in &resources {
            let share = approved.and(self.model.resources[*about].catalog);
            let kept = self.model.live_consent(person, client, *about);
            let scopes = share.or(kept.unwrap_or(Scopes::NONE).without(asked));
            self.model.consents.insert((person, client, *about), Consent { scopes, live: true });
        }
        let names: Vec<&str> = resources.iter().map(|at| self.model.resources[*at].name).collect();
        let (who, with) = (self.model.people[person].name, self.model.clients[client].name);
        self.tell(format!(
            "{who} signs in at {with}, which asks for {asked} at {}, and agrees to {approved}",
            names.join(" and ")
        ));
        let (step, ends) = (self.at, self.model.now + CODE_LIFE);
        let (spent, dead) = (None, false);
        let scopes = approved;
        self.model.codes.push(Code {
            step,
            code,
            person,
            client,
            resources,
            scopes,
            ends,
            spent,
            dead,
        });
        let code = self.model.codes.len() - 1;
        if at_once { self.redeem(code).await } else { Ok(()) }
    }

    async fn redeem(&mut self, at: usize) -> Held {
        let code = self.model.codes[at].clone();
        if code.spent.is_some() && code.ends <= self.model.now {
            return Ok(());
        }
        let answer = self.world.redeem(self.server, code.client, &code.code).await;
        let with = self.model.clients[code.client].name;
        let begun = format!("{with} redeems the code of #{}", code.step);
        if let Some(came_of_it) = code.spent {
            if let Some(token) = came_of_it.filter(|_| self.model.is_active(code.client)) {
                let reached = match self.model.tokens[token].family {
                    Some(family) => self.model.end_family(family),
                    None => self.model.end_token(token),
                };
                self.tally.reached("code redeemed twice", reached);
            }
            let again = format!("{begun} a second time");
            return self.as_due(&again, &answer, Err("that is reuse")).map(drop);
        }
        let due = self.model.redeemed(at);
        if due == Err(NOT_COVERED) {
            self.model.codes[at].spent = Some(None);
        }
        let Some(answer) = self.as_due(&begun, &answer, due.map(drop))? else { return Ok(()) };
        let scopes = due.expect("it was due");
        let refresh = answer.json()["refresh_token"].as_str().map(str::to_owned);
        let family = refresh.map(|refresh| {
            self.model.families.push(Family {
                step: self.at,
                person: code.person,
                client: code.client,
                resources: code.resources.clone(),
                scopes: code.scopes,
                refresh: vec![refresh],
                rotated: self.model.now,
                ends: self.model.now + REFRESH_LIFE,
                ends_for_good: self.model.now + FAMILY_LIFE,
                revoked: false,
            });
            self.model.families.len() - 1
        });
        let bounds = self.agreed(code.person, code.client, &code.resources);
        let token = Token {
            person: Some(code.person),
            sub: self.model.people[code.person].id.to_string(),
            resources: code.resources,
            scopes,
            family,
            bounds,
            ends: self.model.now + ACCESS_LIFE,
            ..self.blank(code.client)
        };
        let number = self.learn(answer, token).await?;
        self.model.codes[at].spent = Some(Some(number));
        Ok(())
    }

    /// What a person has agreed to with a client about these resources together.
    fn agreed(&self, person: usize, client: usize, resources: &[usize]) -> Bounds {
        let each = resources.iter().filter_map(|at| self.model.live_consent(person, client, *at));
        vec![("the user's consent".to_owned(), each.fold(Scopes::NONE, Scopes::or))]
    }

    /// A token about which nothing is known but whose it is.
    fn blank(&self, client: usize) -> Token {
        Token {
            step: self.at,
            access: String::new(),
            jti: uuid::Uuid::nil(),
            sub: self.model.clients[client].id.clone(),
            person: None,
            client,
            resources: Vec::new(),
            scopes: Scopes::NONE,
            ends: 0,
            family: None,
            parent: None,
            consent: None,
            link: None,
            chain: Vec::new(),
            bounds: Vec::new(),
            revoked: false,
        }
    }

    /// Compares what the server did with what was due, and tells it; the answer, if it issued.
    fn as_due<'a>(
        &mut self,
        begun: &str,
        answer: &'a Answer,
        due: Result<(), &'static str>,
    ) -> Held<Option<&'a Answer>> {
        let issued = issued(answer)?;
        self.tell(format!("{begun}: {}", if issued { "issued" } else { "refused" }));
        match (issued, due) {
            (true, Ok(())) => Ok(Some(answer)),
            (false, Err(_)) => Ok(None),
            (true, Err(why)) => Err(format!("a token was issued, and {why}")),
            (false, Ok(())) => Err(format!("nothing stands in the way, but: {}", answer.text)),
        }
    }

    async fn own(&mut self, client: usize, resource: Option<usize>, asked: Option<Scopes>) -> Held {
        let due = self.model.own(client, resource, asked);
        let target = resource.map(|at| self.model.resources[at].uri.clone());
        let answer = self.world.own(self.server, client, target.as_deref(), asked).await;
        let name = self.model.clients[client].name;
        let of = resource.map_or("the server", |at| self.model.resources[at].name);
        let begun = format!("{name} asks for {} at {of} for itself", in_words(asked));
        let Some(answer) = self.as_due(&begun, &answer, due.map(drop))? else { return Ok(()) };
        let scopes = due.expect("it was due");
        let ceiling = self.model.clients[client].ceiling.unwrap_or(Scopes::NONE);
        let token = Token {
            resources: resource.into_iter().collect(),
            scopes,
            ends: self.model.now + 3600,
            bounds: vec![("its ceiling".to_owned(), ceiling)],
            ..self.blank(client)
        };
        self.learn(answer, token).await.map(drop)
    }

    async fn refresh(&mut self, step: usize, back: usize, by: Option<usize>) -> Held {
        let found = self.model.families.iter().rposition(|family| family.step <= step);
        let Some(at) = found else { return Ok(()) };
        let family = self.model.families[at].clone();
        let by = by.unwrap_or(family.client);
        let back = back.min(family.refresh.len() - 1);
        let presented = &family.refresh[family.refresh.len() - 1 - back];
        let answer = self.world.clients[by].refresh(self.server, presented).await;
        let name = self.model.clients[by].name;
        let begun = format!(
            "{name} uses the refresh token of #{} that was the tip {back} rotations ago",
            family.step
        );
        let now = self.model.now;
        if !self.model.is_active(by) || family.revoked || family.ends <= now {
            return self.as_due(&begun, &answer, Err("it is over")).map(drop);
        }
        let late = now - family.rotated > GRACE;
        if by != family.client || back > 1 || (back == 1 && late) {
            let reached = self.model.end_family(at);
            self.tally.reached("family reuse", reached);
            return self.as_due(&begun, &answer, Err("that is reuse")).map(drop);
        }
        let due = self.model.refreshed(at);
        let Some(answer) = self.as_due(&begun, &answer, due.map(drop))? else { return Ok(()) };
        let successor = answer.member("refresh_token");
        if back == 1 && Some(&successor) != family.refresh.last() {
            return Err("the family has forked".to_owned());
        }
        if back == 0 {
            let family = &mut self.model.families[at];
            family.refresh.push(successor);
            family.rotated = now;
            family.ends = (now + REFRESH_LIFE).min(family.ends_for_good);
        }
        let token = Token {
            person: Some(family.person),
            sub: self.model.people[family.person].id.to_string(),
            resources: family.resources,
            scopes: due.expect("it was due"),
            family: Some(at),
            bounds: vec![("the sign-in".to_owned(), family.scopes)],
            ends: now + ACCESS_LIFE,
            ..self.blank(family.client)
        };
        self.learn(answer, token).await.map(drop)
    }

    async fn exchange(&mut self, ask: Ask) -> Held {
        let due = self.model.exchange(&ask);
        let model = &self.model;
        let (subject, actor) = (&model.tokens[ask.subject], ask.actor.map(|at| &model.tokens[at]));
        let target = ask.target.map(|at| &model.resources[at]);
        let uri = target.map(|resource| resource.uri.clone());
        let tokens = (&*subject.access, actor.map(|actor| &*actor.access));
        let answer =
            self.world.exchange(self.server, ask.acting, tokens, uri.as_deref(), ask.asked).await;
        let begun = format!(
            "{} exchanges the token of #{}{} for {} at {}",
            model.clients[ask.acting].name,
            subject.step,
            actor
                .map_or(String::new(), |actor| format!(" with the actor token of #{}", actor.step)),
            in_words(ask.asked),
            target.map_or("no resource", |resource| resource.name),
        );
        let (person, sub) = (subject.person, subject.sub.clone());
        self.tally.exchanges += 1;
        let issued = self.as_due(&begun, &answer, due.as_ref().map(drop).map_err(|why| *why))?;
        let (Some(answer), Ok(due)) = (issued, due) else { return Ok(()) };
        let (link, depth) = (due.link, due.chain.len());
        self.tally.around_a_link += usize::from(due.around_a_link);
        let token = Token {
            person,
            sub,
            resources: vec![due.target],
            scopes: due.scopes,
            parent: Some(ask.subject),
            consent: due.consent,
            link,
            chain: due.chain,
            bounds: due.bounds,
            ends: due.ends,
            ..self.blank(ask.acting)
        };
        let number = self.learn(answer, token).await?;
        let generations = self.model.ancestors(number).len();
        self.tally.exchanged(link.is_some(), depth, generations);
        Ok(())
    }
}

fn in_words(asked: Option<Scopes>) -> String {
    asked.map_or("whatever it gets".to_owned(), |asked| asked.to_string())
}
