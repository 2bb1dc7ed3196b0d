//! Killing an agent: what falls, what stays, and what is said about it.

use authserver::administration::agent::{self, AgentQuery, KilledAgent};
use authserver::administration::client::{self, NewClient};
use authserver::administration::{AdminError, resource};
use chrono::{DateTime, TimeDelta, Utc};
use entities::issuance::{self, Lineage, NewIssuance};
use futures::future::join_all;
use protocol::client::{ClientStatus, GrantType};
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::{at_the_desk, is_invalid, is_missing, noted};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, REDIRECT, RESOURCE, Stage, Tokens};
use crate::kit::{Server, TokenClient, on_both_databases};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

async fn agent(server: &Server, name: &str) -> TokenClient {
    let grants = ["authorization_code", "refresh_token", "client_credentials", EXCHANGE];
    let new = NewClient {
        name: name.to_owned(),
        redirect_uris: vec![REDIRECT.to_owned()],
        grant_types: grants.map(str::to_owned).into(),
        scope: Some("read write tools".to_owned()),
        agent: true,
        ..NewClient::default()
    };
    TokenClient::of(&server.client(new).await)
}

async fn tokens_of(server: &Server, stage: &Stage, client: &TokenClient) -> Tokens {
    stage.tokens_for(server, client, &[("resource", RESOURCE), ("scope", "read")]).await
}

/// `by` exchanges `subject` for a token for the same resource.
async fn exchanged(server: &Server, by: &TokenClient, subject: &str) -> String {
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", RESOURCE),
    ];
    let answer = by.token(server, &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.member("access_token")
}

/// Lets a client exchange for the first resource.
async fn let_in(server: &Server, client: &TokenClient) {
    let (add, list) =
        (actors::catalog::ListChange::Add, actors::catalog::PolicyList::ExchangeClients);
    at_the_desk!(server, desk => resource::policy::change(&desk, "mcp", list, &client.id, add))
        .unwrap();
}

async fn kill(server: &Server, id: &str, dry_run: bool) -> Result<KilledAgent, AdminError> {
    at_the_desk!(server, desk => agent::kill(&desk, id, dry_run))
}

fn exp(token: &str) -> DateTime<Utc> {
    DateTime::from_timestamp(claims(token)["exp"].as_i64().unwrap(), 0).unwrap()
}

async fn status(server: &Server, id: &str) -> ClientStatus {
    at_the_desk!(server, desk => client::get(&desk, id)).unwrap().status
}

/// A row of a token of `client_id` that nobody holds.
async fn row(server: &Server, client_id: &str, lineage: Lineage, lives: TimeDelta) -> Uuid {
    let now = server.services.environment.now();
    let new = NewIssuance {
        jti: server.services.environment.new_id(),
        grant_type: GrantType::TokenExchange,
        user_id: None,
        client_id: client_id.to_owned(),
        resource_ids: vec![Uuid::from_u128(77)],
        scopes: ScopeSet::parse("read").unwrap(),
        family_id: None,
        jkt: None,
        issued_at: now,
        expires_at: now + lives,
        lineage,
    };
    let jti = new.jti;
    let write = server
        .services
        .store
        .write(move |it| Box::pin(async move { issuance::insert_all(it, vec![new]).await }));
    write.await.unwrap();
    jti
}

async fn fell(server: &Server, jti: Uuid) -> bool {
    let found = server
        .services
        .store
        .read(move |db| async move { issuance::find_all(&db, vec![jti]).await });
    found.await.unwrap().pop().unwrap().revoked_at.is_some()
}

on_both_databases! {
    async fn an_agent_falls_with_all_that_it_holds_and_no_other_agent_does(server: Server) {
        let stage = Stage::set(server).await;
        let (bad, good) = (agent(server, "Bad").await, agent(server, "Good").await);
        for client in [&bad, &good] {
            let_in(server, client).await;
        }
        let (own, others) = (tokens_of(server, &stage, &bad).await, tokens_of(server, &stage, &good).await);
        // What the other got for the agent's token, and in exchange for that again.
        let second = exchanged(server, &good, &own.access).await;
        let third = exchanged(server, &good, &second).await;
        // What the agent got for the other's token.
        let acted = exchanged(server, &bad, &others.access).await;
        let code = stage.code_for(server, &bad, &[("resource", RESOURCE), ("scope", "read")]).await;
        let elsewhere = stage.tokens(server).await;

        let killed = kill(server, &bad.id, false).await.unwrap();

        assert_eq!((killed.codes, killed.families, killed.tokens), (1, 1, 4), "{killed:?}");
        assert_eq!(killed.status, ClientStatus::Suspended);
        let [mcp] = killed.resources.as_slice() else { panic!("{killed:?}") };
        let latest = [&own.access, &second, &third, &acted].map(|token| exp(token)).into_iter().max();
        assert_eq!((mcp.slug.as_deref(), mcp.tokens), (Some("mcp"), 4));
        assert_eq!(mcp.latest_exp.timestamp(), latest.unwrap().timestamp());
        assert_eq!(killed.seen.signature_only, Some(mcp.latest_exp));
        assert_eq!(killed.seen.introspection, server.services.environment.now());
        for token in [&own.access, &second, &third, &acted] {
            assert!(!stage.active(server, token).await);
        }
        for token in [&others.access, &elsewhere.access] {
            assert!(stage.active(server, token).await);
        }
        bad.refresh(server, &own.refresh).await.refused(401, "invalid_client");
        Tokens::of(&good.refresh(server, &others.refresh).await);
        let said = "admin:test killed=true revoked_codes=1 revoked_families=1 revoked_issuances=4";
        assert_eq!(noted(server, "client.suspended").await, said);

        // It may come back; what was revoked does not.
        at_the_desk!(server, desk => client::set_status(&desk, &bad.id, ClientStatus::Active)).unwrap();
        bad.refresh(server, &own.refresh).await.refused(400, "invalid_grant");
        bad.redeem(server, &code, REDIRECT, &stage.pkce).await.refused(400, "invalid_grant");
        assert!(!stage.active(server, &second).await);
        assert!(stage.active(server, &tokens_of(server, &stage, &bad).await.access).await);
    }

    /// An `actor_token` writes an agent into chains of tokens that never were its own.
    async fn whatever_it_acts_in_falls_at_any_depth(server: Server) {
        let bad = agent(server, "Bad").await;
        let good = agent(server, "Good").await;
        let acts = |chain: &[&str], parent: Option<Uuid>| Lineage {
            parent_jti: parent,
            agent_chain: Some(chain.iter().map(|it| (*it).to_owned()).collect()),
            ..Lineage::default()
        };
        let hour = TimeDelta::hours(1);
        let acted = row(server, "gateway", acts(&[&good.id, &bad.id], None), hour).await;
        let mut below = acted;
        let mut chain = vec![acted];
        for depth in 2..=4 {
            below = row(server, "other", acts(&[&good.id], Some(below)), hour * depth).await;
            chain.push(below);
        }
        let part = format!("x{}", bad.id);
        let alone = row(server, "gateway", acts(&[&good.id], None), hour).await;
        let named_alike = row(server, "gateway", acts(&[&part], None), hour).await;
        let over = row(server, "gateway", acts(&[&bad.id], None), -hour).await;

        let killed = kill(server, &bad.id, false).await.unwrap();

        assert_eq!((killed.families, killed.tokens), (0, 4));
        let [reached] = killed.resources.as_slice() else { panic!("{killed:?}") };
        assert_eq!((reached.resource_id, reached.slug.clone()), (Some(Uuid::from_u128(77)), None));
        assert_eq!(reached.latest_exp, server.services.environment.now() + hour * 4);
        for jti in chain {
            assert!(fell(server, jti).await);
        }
        for jti in [alone, named_alike, over] {
            assert!(!fell(server, jti).await);
        }
    }

    async fn a_dry_run_says_the_same_and_does_nothing(server: Server) {
        let stage = Stage::set(server).await;
        let bad = agent(server, "Bad").await;
        let tokens = tokens_of(server, &stage, &bad).await;
        let would = kill(server, &bad.id, true).await.unwrap();
        assert!(would.dry_run);
        assert_eq!((would.families, would.tokens), (1, 1));
        assert!(stage.active(server, &tokens.access).await);
        assert_eq!(status(server, &bad.id).await, ClientStatus::Active);
        assert_eq!(server.audited("client.suspended", &[]).await, 0);
        let did = kill(server, &bad.id, false).await.unwrap();
        assert_eq!(KilledAgent { dry_run: true, ..did }, would);
    }

    async fn killing_again_is_killing_once(server: Server) {
        let stage = Stage::set(server).await;
        let bad = agent(server, "Bad").await;
        tokens_of(server, &stage, &bad).await;
        let kills = join_all([(); 4].map(|()| kill(server, &bad.id, false))).await;
        let reached: u64 = kills.into_iter().map(|killed| killed.unwrap().tokens).sum();
        assert_eq!(reached, 1);
        let again = kill(server, &bad.id, false).await.unwrap();
        assert_eq!((again.tokens, again.seen.signature_only), (0, None));
        assert_eq!(server.audited("client.suspended", &["killed=true"]).await, 1);
    }

    async fn one_that_was_suspended_still_loses_what_it_holds_and_one_revoked_stays_so(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let bad = agent(server, "Bad").await;
        tokens_of(server, &stage, &bad).await;
        at_the_desk!(server, desk => client::set_status(&desk, &bad.id, ClientStatus::Suspended)).unwrap();
        assert_eq!(kill(server, &bad.id, false).await.unwrap().tokens, 1);
        at_the_desk!(server, desk => client::set_status(&desk, &bad.id, ClientStatus::Revoked)).unwrap();
        assert_eq!(kill(server, &bad.id, false).await.unwrap().status, ClientStatus::Revoked);
        assert_eq!(status(server, &bad.id).await, ClientStatus::Revoked);
    }

    async fn a_client_that_is_no_agent_is_left_alone(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        for dry_run in [true, false] {
            is_invalid(kill(server, &stage.app.id, dry_run).await, "is not an agent");
            is_missing(kill(server, "nobody", dry_run).await, "client_not_found");
        }
        assert!(stage.active(server, &tokens.access).await);
        let path = format!("/admin/agents/{}/kill", stage.app.id);
        let answer = server.admin_post(&path, &serde_json::json!({})).await;
        assert_eq!(answer.status, 422, "{answer:?}");
    }

    async fn agents_are_listed_and_no_other_client(server: Server) {
        let stage = Stage::set(server).await;
        let (one, two) = (agent(server, "One").await, agent(server, "Two").await);
        kill(server, &one.id, false).await.unwrap();
        let list = async |query| {
            let list = at_the_desk!(server, desk => agent::list(&desk, query)).unwrap();
            let mut ids: Vec<String> = list.clients.into_iter().map(|agent| agent.id).collect();
            ids.sort();
            (ids, list.total)
        };
        let mut both = vec![one.id.clone(), two.id.clone()];
        both.sort();
        assert_eq!(list(AgentQuery::default()).await, (both, 2));
        let active = AgentQuery { status: Some(ClientStatus::Active), ..AgentQuery::default() };
        assert_eq!(list(active).await, (vec![two.id], 1));
        assert_ne!(stage.app.id, one.id);
    }

    /// Whatever it gets while it is killed, at either replica, is dead when that is answered.
    async fn what_is_exchanged_meanwhile_falls_too(server: Server) {
        let stage = Stage::set(server).await;
        let other = server.replica().await;
        let (bad, good) = (agent(server, "Bad").await, agent(server, "Good").await);
        let_in(server, &good).await;
        let subject = tokens_of(server, &stage, &bad).await.access;
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", subject.as_str()),
            ("subject_token_type", ACCESS_TOKEN),
            ("resource", RESOURCE),
        ];
        let asks = (0..8).map(|number| {
            let (form, good) = (&form, &good);
            let at: &Server = if number % 2 == 0 { server } else { &other };
            async move {
                let mut tokens = Vec::new();
                loop {
                    let answer = good.token(at, form).await;
                    if answer.status != 200 {
                        return tokens;
                    }
                    tokens.push(answer.member("access_token"));
                }
            }
        });
        let act = async {
            tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            kill(&other, &bad.id, false).await.unwrap()
        };
        let (tokens, killed) = tokio::join!(join_all(asks), act);
        let tokens = tokens.concat();
        assert_eq!(killed.tokens, 1 + tokens.len() as u64);
        assert!(!tokens.is_empty());
        for at in [server as &Server, &other] {
            assert_eq!(stage.active_among(at, &tokens).await, 0);
            assert!(!stage.active(at, &subject).await);
        }
        assert!(stage.active(&other, &tokens_of(server, &stage, &good).await.access).await);
        assert_ne!(OTHER_RESOURCE, RESOURCE);
        other.stop().await;
    }
}
