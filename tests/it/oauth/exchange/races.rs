//! Exchanges that are under way while something they rest on is taken back: what comes of them
//! is nothing, or nothing that works.

use std::time::Duration;

use actors::audit::Origin;
use actors::users::AccountAct;
use authserver::administration::{client, user};
use futures::future::join_all;
use protocol::client::ClientStatus;

use super::Counter;
use crate::kit::stage::revoke_grant;
use crate::kit::{Answer, Backend, Server, on_both_databases};

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Consent,
    Parent,
    ActingClient,
    SubjectClient,
    User,
}

impl Act {
    async fn happens(self, server: &Server, counter: &Counter, subject: &str) {
        let origin = Origin::local();
        let desk = server.desk(&origin);
        let suspend = async |id: &str| {
            client::set_status(&desk, id, ClientStatus::Suspended).await.unwrap();
        };
        match self {
            Act::Consent => revoke_grant(server, counter.grant(server).await).await,
            Act::Parent => {
                let form = [("token", subject)];
                let back = counter.agent.post(server, "/oauth/revoke", &form).await;
                assert_eq!(back.status, 200, "{back:?}");
            }
            Act::ActingClient => suspend(&counter.gateway.id).await,
            Act::SubjectClient => suspend(&counter.agent.id).await,
            Act::User => {
                let who = counter.stage.person.id.to_string();
                user::act(&desk, &who, AccountAct::Disable).await.unwrap();
            }
        }
    }

    async fn is_undone(self, server: &Server, counter: &Counter) {
        let origin = Origin::local();
        let desk = server.desk(&origin);
        for id in [&counter.gateway.id, &counter.agent.id] {
            client::set_status(&desk, id, ClientStatus::Active).await.unwrap();
        }
        if self == Act::User {
            let who = counter.stage.person.id.to_string();
            user::act(&desk, &who, AccountAct::Enable).await.unwrap();
        }
        counter.agree(server, "read").await;
    }
}

/// Waits until as many transactions wait for a lock; on SQLite, where they wait for the one
/// writer in the order they came, until they had the time to come.
async fn until_waiting(server: &Server, count: u64) {
    if server.backend() == Backend::Sqlite {
        return tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let waiting = "SELECT 1 FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..300 {
        if server.execute(waiting).await >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing waits");
}

async fn nobody_has_one_that_works(
    server: &Server,
    counter: &Counter,
    what: &str,
    answer: &Answer,
) {
    if answer.status == 200 {
        let token = answer.member("access_token");
        assert!(!counter.stage.active(server, &token).await, "{what}: it works");
    } else {
        assert!(matches!(answer.status, 400 | 401), "{what}: {answer:?}");
    }
}

on_both_databases! {
    /// The act has changed its rows and is not committed when the exchange is decided.
    async fn what_is_taken_back_while_an_exchange_waits_is_seen_by_it(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        for act in
            [Act::Consent, Act::Parent, Act::ActingClient, Act::SubjectClient, Act::User]
        {
            let subject = counter.subject(server).await;
            assert_eq!(counter.cross(server, &subject).await.status, 200);
            let held = server.hold("audit_events").await;
            let happens = act.happens(server, &counter, &subject);
            let exchange = async {
                until_waiting(server, 1).await;
                let release = async {
                    until_waiting(server, 2).await;
                    drop(held);
                };
                tokio::join!(counter.cross(server, &subject), release).0
            };
            let ((), answer) = tokio::join!(happens, exchange);
            assert!(matches!(answer.status, 400 | 401), "{act:?}: {answer:?}");
            nobody_has_one_that_works(server, &counter, &format!("{act:?}"), &answer).await;
            act.is_undone(server, &counter).await;
        }
        assert_eq!(server.audited("token.exchanged", &[]).await, 5, "the first of each");
    }

    /// The exchange has written its rows and is not committed when the act begins.
    async fn what_is_taken_back_while_an_exchange_is_written_reaches_it(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        // A suspended subject's client leaves what others got before as it is.
        for act in [Act::Consent, Act::Parent, Act::ActingClient, Act::User] {
            let subject = counter.subject(server).await;
            let held = server.hold("audit_events").await;
            let happens = async {
                until_waiting(server, 1).await;
                let release = async {
                    until_waiting(server, 2).await;
                    drop(held);
                };
                tokio::join!(act.happens(server, &counter, &subject), release);
            };
            let (answer, ()) = tokio::join!(counter.cross(server, &subject), happens);
            assert_eq!(answer.status, 200, "{act:?}: it came first: {answer:?}");
            nobody_has_one_that_works(server, &counter, &format!("{act:?}"), &answer).await;
            act.is_undone(server, &counter).await;
        }
    }

    async fn of_a_thousand_exchanges_none_survives_the_consent_they_rest_on(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        let subject = counter.subject(server).await;
        let replica = server.replica().await;
        for place in [server, &replica] {
            assert_eq!(counter.own(place, &subject).await.status, 200);
        }
        let grant = counter.grant(server).await;
        let exchanges = join_all((0..1000).map(|number| {
            let (counter, subject) = (&counter, &subject);
            let place = if number % 2 == 0 { &*server } else { &replica };
            async move { counter.own(place, subject).await }
        }));
        let revoked = async {
            // Until some are through.
            while server.audited("token.exchanged", &[]).await < 40 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            revoke_grant(&replica, grant).await;
        };
        let (answers, ()) = tokio::join!(exchanges, revoked);
        let (given, refused): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert!(!given.is_empty() && !refused.is_empty(), "{} given", given.len());
        for answer in refused {
            answer.refused(400, "consent_required");
        }
        let tokens: Vec<String> =
            given.iter().map(|answer| answer.member("access_token")).collect();
        for place in [server, &replica] {
            assert_eq!(counter.stage.active_among(place, &tokens).await, 0);
        }
        replica.stop().await;
    }
}
