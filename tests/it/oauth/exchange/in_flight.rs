//! Tokens that are asked for at one replica while an act of contract 02 ("What revocation
//! reaches") happens at another: by exchange, by code, by refresh token and by machines. After the
//! act was acknowledged nothing that it reaches is active anywhere, what it does not reach works,
//! and whatever was handed out is in the ledger.
//!
//! Each line of the table is told three times: the act has changed its rows and is not committed
//! when the tokens are asked for; the tokens are written down and not committed when the act
//! comes; and all at once, at both replicas. On SQLite, which one process writes, there is one
//! server.

mod acts;
mod scene;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actors::audit::Origin;
use actors::consent::Decided;
use authserver::administration::resource;
use futures::future::join_all;
use tokio::sync::oneshot;

use self::acts::{Act, At, ClientAct, Party, UserAct};
use self::scene::{Scene, Use};
use crate::kit::stage::{Stage, machine};
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

/// What becomes of a token that was handed out before the act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is revoked.
    Ends,
    /// It is not active for as long as its client is off.
    Sleeps,
    /// The act is not about it.
    Stays,
}
use Fate::{Ends, Sleeps, Stays};

/// An act, what is heard by who comes a moment too late, and what becomes of tokens.
type Line = (Act, &'static str, Fate);

const SUSPEND: ClientAct = ClientAct::Suspend;
const REVOKE: ClientAct = ClientAct::Revoke;
const DELETE: ClientAct = ClientAct::Delete;
const KILL: ClientAct = ClientAct::Kill;

const TABLE: &[(Use, &[Line])] = &[
    (
        Use::ByConsent,
        &[
            (Act::Consent(At::Target), "consent_required", Ends),
            (Act::Consent(At::Source), "invalid_grant", Ends),
            (Act::Client(Party::Gateway, SUSPEND), "invalid_client", Sleeps),
            (Act::Client(Party::Gateway, REVOKE), "invalid_client", Ends),
            (Act::Client(Party::Gateway, DELETE), "invalid_client", Ends),
            (Act::Client(Party::Gateway, KILL), "invalid_client", Ends),
            (Act::Client(Party::Agent, SUSPEND), "invalid_grant", Stays),
            (Act::Client(Party::Agent, REVOKE), "invalid_grant", Ends),
            (Act::Client(Party::Agent, DELETE), "invalid_grant", Ends),
            (Act::Client(Party::Agent, KILL), "invalid_grant", Ends),
            (Act::User(UserAct::Disable), "invalid_grant", Ends),
            (Act::User(UserAct::LogOut), "invalid_grant", Ends),
            (Act::User(UserAct::RevokeTokens), "invalid_grant", Ends),
            (Act::User(UserAct::Delete), "invalid_grant", Ends),
            (Act::Reuse, "invalid_grant", Ends),
            (Act::GiveBack, "invalid_grant", Ends),
            (Act::ByOperator(Party::Agent), "invalid_grant", Ends),
            (Act::ByHolder(Party::Agent), "invalid_grant", Ends),
            (Act::Delete(At::Source), "invalid_grant", Ends),
            (Act::Delete(At::Target), "invalid_target", Ends),
        ],
    ),
    (
        Use::Delegated,
        &[
            (Act::ByOperator(Party::Planner), "invalid_grant", Stays),
            (Act::ByHolder(Party::Planner), "invalid_grant", Stays),
            (Act::Client(Party::Planner, SUSPEND), "invalid_grant", Stays),
            (Act::Client(Party::Planner, REVOKE), "invalid_grant", Stays),
            (Act::Client(Party::Planner, DELETE), "invalid_grant", Stays),
            (Act::Client(Party::Planner, KILL), "invalid_grant", Ends),
        ],
    ),
    (
        Use::ByLink,
        &[
            (Act::CutLink, "access_denied", Ends),
            (Act::NarrowLink, "invalid_scope", Ends),
            (Act::Delete(At::Source), "invalid_grant", Ends),
            (Act::Delete(At::Target), "invalid_target", Ends),
            (Act::ByOperator(Party::Agent), "invalid_grant", Ends),
        ],
    ),
    (
        Use::OfItsOwn,
        &[
            (Act::Delete(At::Target), "invalid_target", Ends),
            (Act::Client(Party::Gateway, SUSPEND), "invalid_client", Sleeps),
            (Act::ByOperator(Party::Gateway), "invalid_grant", Ends),
        ],
    ),
    (
        Use::Machine,
        &[
            (Act::Delete(At::Target), "invalid_target", Ends),
            (Act::Client(Party::Gateway, SUSPEND), "invalid_client", Sleeps),
            (Act::Client(Party::Gateway, REVOKE), "invalid_client", Ends),
            (Act::Client(Party::Gateway, DELETE), "invalid_client", Ends),
        ],
    ),
    (
        Use::Code,
        &[
            (Act::Consent(At::Source), "invalid_grant", Ends),
            (Act::Client(Party::Agent, SUSPEND), "invalid_client", Sleeps),
            (Act::Client(Party::Agent, REVOKE), "invalid_client", Ends),
            (Act::Client(Party::Agent, DELETE), "invalid_client", Ends),
            (Act::Client(Party::Agent, KILL), "invalid_client", Ends),
            (Act::User(UserAct::Disable), "invalid_grant", Ends),
            (Act::User(UserAct::LogOut), "invalid_grant", Ends),
            (Act::User(UserAct::RevokeTokens), "invalid_grant", Ends),
            (Act::User(UserAct::Delete), "invalid_grant", Ends),
            (Act::Delete(At::Source), "invalid_grant", Ends),
        ],
    ),
    (
        Use::Refresh,
        &[
            (Act::Consent(At::Source), "invalid_grant", Ends),
            (Act::Client(Party::Agent, SUSPEND), "invalid_client", Sleeps),
            (Act::Client(Party::Agent, REVOKE), "invalid_client", Ends),
            (Act::Client(Party::Agent, DELETE), "invalid_client", Ends),
            (Act::Client(Party::Agent, KILL), "invalid_client", Ends),
            (Act::User(UserAct::Disable), "invalid_grant", Ends),
            (Act::User(UserAct::LogOut), "invalid_grant", Ends),
            (Act::User(UserAct::RevokeTokens), "invalid_grant", Ends),
            (Act::User(UserAct::Delete), "invalid_grant", Ends),
            (Act::Reuse, "invalid_grant", Ends),
            (Act::GiveBack, "invalid_grant", Ends),
            (Act::Delete(At::Source), "invalid_grant", Ends),
        ],
    ),
];

/// Tokens that are asked for at once, when one side waits for the other.
const AT_ONCE: usize = 3;
/// Tasks that ask for tokens when nobody waits, and how often each does.
const TASKS: usize = 6;
const TAKES: usize = 4;

/// The servers: where acts are done, and where tokens are asked for.
struct Field<'a> {
    home: &'a Server,
    away: Option<Server>,
    scenes: Vec<(Use, Line, Scene)>,
}

impl Field<'_> {
    async fn prepare(home: &Server) -> Field<'_> {
        let guard = TokenClient::of(&home.client(machine("tools")).await);
        let lines = TABLE.iter().flat_map(|(usage, lines)| lines.iter().map(|it| (*usage, *it)));
        let scenes = lines.enumerate().map(|(number, (usage, line))| {
            let guard = &guard;
            async move { (usage, line, Scene::set(home, guard, (number, usage, line.0)).await) }
        });
        let scenes = join_all(scenes).await;
        let away = match home.backend() {
            Backend::Postgres => Some(home.replica().await),
            Backend::Sqlite => None,
        };
        // So that a refresh token that was used is one that was used long ago.
        home.wait(60);
        Field { home, away, scenes }
    }

    fn away(&self) -> &Server {
        self.away.as_ref().unwrap_or(self.home)
    }

    async fn leave(self) {
        if let Some(away) = self.away {
            away.stop().await;
        }
    }

    /// Nobody gets anything written down until what comes back is dropped.
    async fn hold(&self) -> oneshot::Sender<()> {
        for server in [self.home, self.away()] {
            server.until_quiet().await;
        }
        self.home.hold("audit_events").await
    }

    /// Asserts that a token that was handed out has met its fate, everywhere.
    async fn has_met_its_fate(&self, scene: &Scene, fate: Fate, what: &str, answer: &Answer) {
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        let token = answer.member("access_token");
        let row = self.home.issuance_of(&token).await;
        assert_eq!(row.client_id, scene.holder().id, "{what}");
        assert_eq!(row.revoked_at.is_some(), fate == Ends, "{what}: {row:?}");
        for server in [self.home, self.away()] {
            let seen = scene.stage.active(server, &token).await;
            assert_eq!(seen, fate == Stays, "{what}: a resource server sees it");
            let form = [("token", token.as_str())];
            let own = scene.holder().post(server, "/oauth/introspect", &form).await;
            let seen = own.status == 200 && own.json()["active"] == true;
            assert_eq!(seen, fate == Stays, "{what}: its own client sees it: {own:?}");
            if let Some(refresh) = answer.json()["refresh_token"].as_str() {
                let again = scene.agent.refresh(server, refresh).await;
                assert!(matches!(again.status, 400 | 401), "{what}: it refreshes: {again:?}");
            }
        }
    }

    /// Nothing comes of asking now that the act was acknowledged.
    async fn is_over(&self, scene: &Scene, what: &str, unused: Option<&String>) {
        for server in [self.home, self.away()] {
            let answer = scene.take(server, unused).await;
            assert!(matches!(answer.status, 400 | 401 | 403), "{what}, afterwards: {answer:?}");
        }
    }
}

on_both_databases! {
    /// The act has changed its rows and is not committed when the tokens are asked for.
    async fn who_comes_after_an_act_that_is_under_way_gets_nothing(server: Server)
        with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")]
    {
        let field = Field::prepare(server).await;
        let mut seconds = 0;
        for (usage, (act, error, fate), scene) in &field.scenes {
            let what = format!("{usage:?} after {act:?}");
            let codes = scene.codes(server, AT_ONCE + 1).await;
            let held = field.hold().await;
            let asked = async {
                server.until_stuck(1, 1).await;
                let takes = (0..AT_ONCE).map(|at| scene.take(field.away(), codes.get(at)));
                let release = async {
                    server.until_stuck(2, 1 + AT_ONCE).await;
                    drop(held);
                };
                tokio::join!(join_all(takes), release).0
            };
            let ((), answers) = tokio::join!(act.happens(server, scene), asked);
            let due = |answer: &Answer| answer.status != 200 && answer.member("error") == *error;
            let in_order = answers.iter().all(due);
            seconds += usize::from(in_order);
            // Who waits on SQLite can only be guessed at.
            let sure = server.backend() == Backend::Postgres;
            assert!(in_order || !sure, "{what}: they came second: {answers:?}");
            for answer in &answers {
                match answer.status {
                    200 => field.has_met_its_fate(scene, *fate, &what, answer).await,
                    status => assert!(matches!(status, 400 | 401 | 403), "{what}: {answer:?}"),
                }
            }
            field.is_over(scene, &what, codes.last()).await;
        }
        assert!(seconds * 4 > field.scenes.len() * 3, "{seconds} times they came second");
        field.leave().await;
    }

    /// The tokens are written down and not committed when the act comes.
    async fn what_is_being_written_down_when_an_act_comes_is_reached(server: Server)
        with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")]
    {
        let field = Field::prepare(server).await;
        let mut firsts = 0;
        for (usage, (act, _, fate), scene) in &field.scenes {
            let what = format!("{usage:?} before {act:?}");
            let codes = scene.codes(server, AT_ONCE + 1).await;
            let held = field.hold().await;
            let happens = async {
                server.until_stuck(1, AT_ONCE).await;
                let release = async {
                    server.until_stuck(2, 1 + AT_ONCE).await;
                    drop(held);
                };
                tokio::join!(act.happens(server, scene), release);
            };
            let takes = (0..AT_ONCE).map(|at| scene.take(field.away(), codes.get(at)));
            let (answers, ()) = tokio::join!(join_all(takes), happens);
            let given = answers.iter().filter(|answer| answer.status == 200);
            // Who waits on SQLite can only be guessed at.
            let first = given.clone().count() > 0;
            firsts += usize::from(first);
            let sure = server.backend() == Backend::Postgres;
            assert!(first || !sure, "{what}: one of them came first: {answers:?}");
            for answer in given {
                field.has_met_its_fate(scene, *fate, &what, answer).await;
            }
            field.is_over(scene, &what, codes.last()).await;
        }
        assert!(firsts * 4 > field.scenes.len() * 3, "{firsts} times one came first");
        field.leave().await;
    }

    /// Everybody asks at both replicas, and somewhere in between the act happens.
    async fn nothing_slips_through_while_many_ask(server: Server)
        with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")]
    {
        let field = Field::prepare(server).await;
        let (mut given, mut refused) = (0, 0);
        for (usage, (act, _, fate), scene) in &field.scenes {
            let what = format!("{usage:?} among {act:?}");
            let codes = scene.codes(server, TASKS * TAKES + 1).await;
            let (codes, through) = (&codes, &AtomicUsize::new(0));
            let places = [server, field.away()];
            let takes = join_all((0..TASKS).map(|task| async move {
                let mut answers = Vec::new();
                for take in 0..TAKES {
                    let place = places[(task + take) % 2];
                    answers.push(scene.take(place, codes.get(task * TAKES + take)).await);
                    through.fetch_add(1, Ordering::SeqCst);
                }
                answers
            }));
            let happens = async {
                while through.load(Ordering::SeqCst) < TASKS {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                act.happens(server, scene).await;
            };
            let (answers, ()) = tokio::join!(takes, happens);
            for answer in answers.iter().flatten() {
                match answer.status {
                    200 => field.has_met_its_fate(scene, *fate, &what, answer).await,
                    status => assert!(matches!(status, 400 | 401 | 403), "{what}: {answer:?}"),
                }
            }
            given += answers.iter().flatten().filter(|answer| answer.status == 200).count();
            refused += answers.iter().flatten().filter(|answer| answer.status != 200).count();
            field.is_over(scene, &what, codes.last()).await;
        }
        assert!(given > 100 && refused > 100, "{given} given, {refused} refused");
        field.leave().await;
    }

    /// Nor is a code given, or consent kept, that would outlive its resource.
    async fn a_decision_about_a_resource_that_is_being_deleted_gives_no_code(server: Server) {
        let stage = Stage::set(server).await;
        let decision = stage.decision(server).await;
        server.until_quiet().await;
        let held = server.hold("audit_events").await;
        let decided = async {
            server.until_stuck(1, 1).await;
            let release = async {
                server.until_stuck(2, 2).await;
                drop(held);
            };
            tokio::join!(server.services.keepers.consent.ask(decision), release).0
        };
        let origin = Origin::local();
        let desk = server.desk(&origin);
        let (deleted, decided) = tokio::join!(resource::delete(&desk, "mcp", true), decided);
        deleted.unwrap();
        match decided.unwrap().unwrap() {
            Decided::Refused(error) => assert_eq!(error.code.as_str(), "invalid_target"),
            other => panic!("{other:?}"),
        }
        assert!(stage.consent_grants(server).await.is_empty());
    }

    async fn a_code_that_is_being_made_when_its_resource_is_deleted_is_worth_nothing(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let decision = stage.decision(server).await;
        server.until_quiet().await;
        let held = server.hold("audit_events").await;
        let deleted = async {
            server.until_stuck(1, 1).await;
            let release = async {
                server.until_stuck(2, 2).await;
                drop(held);
            };
            let origin = Origin::local();
            let desk = server.desk(&origin);
            tokio::join!(resource::delete(&desk, "mcp", true), release).0
        };
        let (decided, deleted) =
            tokio::join!(server.services.keepers.consent.ask(decision), deleted);
        deleted.unwrap();
        let Decided::Approved(code) = decided.unwrap().unwrap() else { panic!("it came first") };
        // Whether the other server has heard that the resource is gone, or only finds the code ended.
        let answer = stage.redeem(&replica, code.expose()).await;
        let error = answer.member("error");
        assert!(["invalid_grant", "invalid_target"].contains(&error.as_str()), "{answer:?}");
        assert_eq!(answer.status, 400);
        assert!(stage.consent_grants(server).await.is_empty());
        replica.stop().await;
    }
}
