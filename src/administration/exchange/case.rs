//! What a described exchange would present: the names it was described with, looked up, and what
//! was left out, filled in.

use std::sync::Arc;

use chrono::DateTime;
use protocol::admin::{Area, Right};
use protocol::authorize::{MAX_RESOURCES, implied_resource};
use protocol::client::Client;
use protocol::exchange::{ActChain, Actor, ActorType, Principal, Subject};
use protocol::grant::resource_scopes;
use protocol::resource::{MAX_URI_LENGTH, MintResource, Resources};
use protocol::scope::{MAX_SCOPES, MAX_STORED_SCOPES, ScopeSet, is_scope_token};
use protocol::text;
use uuid::Uuid;

use super::{DpopCase, ExchangeQuestion, ProofKey};
use crate::administration::user::UserStatus;
use crate::administration::{AdminError, Desk, Kind, client, user};

/// Longest act chain that the setting allows.
const MAX_DEPTH: u32 = 10;
/// The subject token's key, as far as a dry run needs one.
const ITS_KEY: &str = "the key of the subject token";
/// Any other.
const OTHER_KEY: &str = "another key";
/// The name of a hop of which nothing is known. No client and no user has it.
const UNKNOWN_HOP: &str = "";

/// Whom the subject token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// A machine.
    Nobody,
    /// A user who was not named.
    Anybody,
    /// This user.
    Known {
        /// Their id.
        id: Uuid,
        /// Whether an operator switched them off.
        disabled: bool,
    },
}

/// An exchange as the endpoint would see it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) acting: Arc<Client>,
    pub(super) subject_client: Arc<Client>,
    pub(super) actor_client: Option<Arc<Client>>,
    pub(super) person: Person,
    pub(super) named: Option<&'a MintResource>,
    pub(super) subject: Subject,
    pub(super) actor: Option<Actor>,
    pub(super) requested: Option<ScopeSet>,
    pub(super) proof: Option<&'static str>,
}

impl<'a> Case<'a> {
    pub(super) async fn read(
        desk: &Desk<'_>,
        resources: &'a Resources,
        question: ExchangeQuestion,
    ) -> Result<Case<'a>, AdminError> {
        check_lengths(&question)?;
        may_name(desk, &question)?;
        let subject_client = client::load(desk, &question.subject_client).await?;
        let acting = client::load(desk, &question.acting_client).await?;
        let actor_client = match &question.actor_client {
            Some(id) => Some(client::load(desk, id).await?),
            None => None,
        };
        let named = question.resource.as_deref().map(|name| named(resources, name)).transpose()?;
        let sources = sources(resources, &subject_client, &question)?;
        let person = person(desk, &question).await?;
        let requested = scopes("scopes", &question.scopes, MAX_SCOPES)?;
        let subject = subject(&subject_client, &sources, person, &question)?;
        let actor = actor_client.as_deref().map(|client| Actor {
            client_id: client.id.clone(),
            resource_ids: subject.resource_ids.clone(),
            actor_type: ActorType::of(client),
            jkt: None,
        });
        let proof = match question.dpop.proof {
            ProofKey::None => None,
            ProofKey::SameKey => Some(ITS_KEY),
            ProofKey::OtherKey => Some(OTHER_KEY),
        };
        let asked_for_any = !requested.is_empty();
        let requested = resource_scopes(&requested);
        if asked_for_any && requested.is_none() {
            return Err(AdminError::invalid("scopes: an exchange gives no offline_access"));
        }
        Ok(Case {
            acting,
            subject_client,
            actor_client,
            person,
            named,
            subject,
            actor,
            requested,
            proof,
        })
    }
}

/// Whoever names somebody learns whether they are there, and what they agreed to: that is for who
/// may look at users anyway. Asked before anything is looked up, so that the refusal is the same
/// about everybody.
fn may_name(desk: &Desk<'_>, question: &ExchangeQuestion) -> Result<(), AdminError> {
    let right = Right::read(Area::Users);
    match question.user {
        Some(_) if !desk.powers.rights.contains(right) => Err(AdminError::Lacks(right)),
        _ => Ok(()),
    }
}

/// A name longer than anything has is not looked for.
fn check_lengths(question: &ExchangeQuestion) -> Result<(), AdminError> {
    let ExchangeQuestion { subject_client, acting_client, actor_client, resource, user, .. } =
        question;
    let named = [
        ("subject_client", Some(subject_client)),
        ("acting_client", Some(acting_client)),
        ("actor_client", actor_client.as_ref()),
        ("resource", resource.as_ref()),
        ("user", user.as_ref()),
    ];
    let sources = question.source.iter().map(|source| ("source", Some(source)));
    let too_long =
        |(_, name): &(&str, Option<&String>)| name.is_some_and(|name| name.len() > MAX_URI_LENGTH);
    match named.into_iter().chain(sources).find(too_long) {
        Some((member, _)) => {
            Err(AdminError::Invalid(format!("{member}: longer than {MAX_URI_LENGTH} bytes")))
        }
        None => Ok(()),
    }
}

fn named<'a>(resources: &'a Resources, name: &str) -> Result<&'a MintResource, AdminError> {
    let by_id = || resources.by_id(name.parse().ok()?);
    let found = resources.by_uri(name).or_else(|| resources.by_slug(name)).or_else(by_id);
    found.ok_or_else(|| AdminError::missing(Kind::Resource, name))
}

/// The resources the subject token is for.
fn sources<'a>(
    resources: &'a Resources,
    client: &Client,
    question: &ExchangeQuestion,
) -> Result<Vec<&'a MintResource>, AdminError> {
    if question.source.len() > MAX_RESOURCES {
        return Err(AdminError::Invalid(format!("source: at most {MAX_RESOURCES}")));
    }
    let mut sources: Vec<&MintResource> = Vec::new();
    for name in &question.source {
        let source = named(resources, name)?;
        if sources.iter().all(|known| known.id != source.id) {
            sources.push(source);
        }
    }
    if sources.is_empty() && !question.machine {
        let implied = implied_resource(client, resources);
        sources.push(implied.map_err(|_| {
            let id = text::visible(&client.id, 200);
            AdminError::Invalid(format!(
                "source: say which resource the subject token is for; the client {id} has no default resource, and there is not exactly one"
            ))
        })?);
    }
    Ok(sources)
}

async fn person(desk: &Desk<'_>, question: &ExchangeQuestion) -> Result<Person, AdminError> {
    match (&question.user, question.machine) {
        (None, true) => Ok(Person::Nobody),
        (None, false) => Ok(Person::Anybody),
        (Some(who), false) => {
            let user = user::get(desk, who).await?;
            Ok(Person::Known { id: user.id, disabled: user.status == UserStatus::Disabled })
        }
        (Some(_), true) => {
            Err(AdminError::invalid("user: behind a machine's token there is none; leave one out"))
        }
    }
}

fn scopes(member: &str, given: &[String], most: usize) -> Result<ScopeSet, AdminError> {
    if given.len() > most {
        return Err(AdminError::Invalid(format!("{member}: at most {most} scopes")));
    }
    if let Some(wrong) = given.iter().find(|scope| !is_scope_token(scope)) {
        let shown = text::visible(wrong, 64);
        return Err(AdminError::Invalid(format!("{member}: '{shown}' is not a scope")));
    }
    Ok(given.iter().map(String::as_str).collect())
}

/// The subject token.
fn subject(
    client: &Client,
    sources: &[&MintResource],
    person: Person,
    question: &ExchangeQuestion,
) -> Result<Subject, AdminError> {
    if question.depth > MAX_DEPTH {
        return Err(AdminError::Invalid(format!("depth: at most {MAX_DEPTH}")));
    }
    let scopes = match &question.subject_scopes {
        Some(given) => scopes("subject_scopes", given, MAX_STORED_SCOPES)?,
        None => most_scopes(client, sources, person),
    };
    let DpopCase { subject_bound, .. } = question.dpop;
    let (sub, principal) = match person {
        Person::Nobody => (client.id.clone(), Principal::Machine),
        // Somebody, whom nobody asks for by this id.
        Person::Anybody => (String::new(), Principal::User(Uuid::nil())),
        Person::Known { id, .. } => (id.to_string(), Principal::User(id)),
    };
    Ok(Subject {
        jti: Uuid::nil(),
        sub,
        principal,
        client_id: client.id.clone(),
        client_type: ActorType::of(client),
        ceiling: client.ceiling.clone(),
        resource_ids: sources.iter().map(|source| source.id).collect(),
        scopes,
        jkt: subject_bound.then(|| ITS_KEY.to_owned()),
        act: chain_behind(client, question.depth),
        ends_at: DateTime::UNIX_EPOCH,
    })
}

/// All that a token of this client for these resources can carry. A machine has what it is
/// registered for, and nothing when it is registered for nothing.
fn most_scopes(client: &Client, sources: &[&MintResource], person: Person) -> ScopeSet {
    let catalog =
        sources.iter().fold(ScopeSet::empty(), |all, source| all.union(&source.catalog()));
    match (person, &client.ceiling) {
        (Person::Nobody, None) => ScopeSet::empty(),
        (Person::Nobody, Some(ceiling)) if sources.is_empty() => ceiling.clone(),
        (_, ceiling) => catalog.under(ceiling.as_ref()),
    }
}

/// A chain of so many hops, the outermost of which is this client.
fn chain_behind(client: &Client, depth: u32) -> Option<ActChain> {
    let before = (1..depth)
        .fold(None, |chain, _| Some(ActChain::grown(chain, UNKNOWN_HOP, ActorType::Service)));
    (depth > 0).then(|| ActChain::grown(before, &client.id, ActorType::of(client)))
}

/// The hops that are known, which are the outer ones.
pub(super) fn known_hops(chain: &ActChain) -> Option<ActChain> {
    let known: Vec<&ActChain> = chain.hops().take_while(|hop| hop.sub != UNKNOWN_HOP).collect();
    let grown = |inner, hop: &&ActChain| Some(ActChain::grown(inner, &hop.sub, hop.actor_type));
    known.iter().rev().fold(None, grown)
}
