//! Issuances and tokens: finding them, and revoking one with what was exchanged from it.

use authserver::administration::issuance::{self, IssuanceQuery};
use authserver::administration::{stats, token};
use chrono::TimeDelta;
use entities::issuance::{Lineage, NewIssuance};
use protocol::client::GrantType;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use super::{at_the_desk, is_invalid, is_missing, noted, origin};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, Stage, machine};
use crate::kit::{Server, TokenClient, on_both_databases};

fn jti(token: &str) -> Uuid {
    claims(token)["jti"].as_str().unwrap().parse().unwrap()
}

/// Writes down that a token was exchanged from `parent`, as a version that exchanges does.
async fn exchanged(server: &Server, parent: Uuid, client_id: &str, user: Option<Uuid>) -> Uuid {
    let environment = &server.services.environment;
    let (made, now) = (environment.new_id(), environment.now());
    let new = NewIssuance {
        jti: made,
        grant_type: GrantType::TokenExchange,
        user_id: user,
        client_id: client_id.to_owned(),
        resource_ids: Vec::new(),
        scopes: ScopeSet::parse("read").unwrap(),
        family_id: None,
        jkt: None,
        issued_at: now,
        expires_at: now + TimeDelta::hours(1),
        lineage: Lineage { parent_jti: Some(parent), ..Lineage::default() },
    };
    let written = server.services.store.write(move |transaction| {
        Box::pin(async move { entities::issuance::insert_all(transaction, vec![new]).await })
    });
    written.await.unwrap();
    made
}

on_both_databases! {
    async fn issuances_are_found_by_whom_and_what_they_are_for(server: Server) {
        let stage = Stage::set(server).await;
        let here = stage.tokens(server).await.access;
        let elsewhere = [("resource", OTHER_RESOURCE), ("scope", "list")];
        let there = stage.tokens_for(server, &stage.app, &elsewhere).await.access;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let own = robot.token(server, &form).await.member("access_token");
        let list = async |query: IssuanceQuery| {
            let list = at_the_desk!(server, desk => issuance::list(&desk, query)).unwrap();
            let mut found: Vec<Uuid> = list.issuances.iter().map(|it| it.jti).collect();
            found.sort_unstable();
            assert_eq!(list.total, found.len() as u64);
            found
        };
        let query = IssuanceQuery::default;
        let sorted = |mut jtis: Vec<Uuid>| { jtis.sort_unstable(); jtis };
        let user = Some(stage.person.email.clone());
        let theirs = list(IssuanceQuery { user: user.clone(), ..query() }).await;
        assert_eq!(theirs, sorted(vec![jti(&here), jti(&there)]));
        let resource = Some("mcp".to_owned());
        let for_it = list(IssuanceQuery { resource: resource.clone(), ..query() }).await;
        assert_eq!(for_it, sorted(vec![jti(&here), jti(&own)]));
        let both = IssuanceQuery { user, resource, ..query() };
        assert_eq!(list(both).await, [jti(&here)]);
        let client = Some(robot.id.clone());
        assert_eq!(list(IssuanceQuery { client, ..query() }).await, [jti(&own)]);
        let one = Some(jti(&there));
        assert_eq!(list(IssuanceQuery { jti: one, ..query() }).await, [jti(&there)]);

        let shown = at_the_desk!(server, desk => issuance::get(&desk, jti(&here))).unwrap();
        assert_eq!(shown.subject_user_id, Some(stage.person.id));
        assert_eq!((shown.id, shown.scopes.join(" ").as_str()), (shown.jti, "read write"));
        assert!(shown.revocable && shown.resource_id.is_some() && shown.family_id.is_some());
        let json = serde_json::to_string(&shown).unwrap();
        assert!(!json.contains("revoked_at") && json.contains("\"agent_chain\":[]"), "{json}");
    }

    async fn a_question_about_issuances_has_to_be_narrow_enough(server: Server) {
        let stage = Stage::set(server).await;
        let token = stage.tokens(server).await.access;
        let query = IssuanceQuery::default;
        let client = Some(stage.app.id.clone());
        let now = server.services.environment.now();
        let ask = async |query: IssuanceQuery| {
            at_the_desk!(server, desk => issuance::list(&desk, query))
        };
        is_invalid(ask(query()).await, "at least one");
        let far = Some(now - TimeDelta::days(31));
        is_invalid(ask(IssuanceQuery { client: client.clone(), since: far, ..query() }).await, "since");
        let many = Some(5001);
        is_invalid(ask(IssuanceQuery { client: client.clone(), limit: many, ..query() }).await, "limit");
        let nobody = Some("nobody@example.com".to_owned());
        is_missing(ask(IssuanceQuery { user: nobody, ..query() }).await, "user_not_found");
        let nothing = Some("nothing".to_owned());
        is_missing(ask(IssuanceQuery { resource: nothing, ..query() }).await, "resource_not_found");
        server.wait(24 * 3600 + 60);
        assert_eq!(ask(IssuanceQuery { client: client.clone(), ..query() }).await.unwrap().total, 0);
        let since = Some(now);
        assert_eq!(ask(IssuanceQuery { client, since, ..query() }).await.unwrap().total, 1);
        let named = ask(IssuanceQuery { jti: Some(jti(&token)), ..query() }).await.unwrap();
        assert_eq!(named.total, 1, "one that is named is found however old it is");
        assert!(!named.issuances[0].revocable, "it has expired");
        // Older than a question may reach back, and not yet swept.
        server.wait(29 * 24 * 3600);
        let named = ask(IssuanceQuery { jti: Some(jti(&token)), ..query() }).await.unwrap();
        assert_eq!(named.total, 1, "however old it is");
    }

    async fn revoking_a_token_reaches_everything_exchanged_from_it(server: Server) {
        let stage = Stage::set(server).await;
        let token = stage.tokens(server).await.access;
        let other = stage.tokens(server).await.access;
        let (guard, person) = (&stage.guard.id, Some(stage.person.id));
        let child = exchanged(server, jti(&token), guard, person).await;
        let grandchild = exchanged(server, child, guard, None).await;
        let elses = exchanged(server, jti(&other), guard, person).await;

        let reach = at_the_desk!(server, desk => issuance::revoke(&desk, jti(&token))).unwrap();
        assert_eq!((reach.families, reach.issuances), (0, 3));
        let said = format!("admin:test jti={} revoked_issuances=3", jti(&token));
        assert_eq!(noted(server, "issuance.revoked_admin").await, said);
        assert!(!stage.active(server, &token).await);
        assert!(stage.active(server, &other).await);
        for (made, revoked) in [(child, true), (grandchild, true), (elses, false)] {
            let shown = at_the_desk!(server, desk => issuance::get(&desk, made)).unwrap();
            assert_eq!(shown.revoked_at.is_some(), revoked);
            assert_eq!(shown.revocable, !revoked);
        }
        let rows = server.audit().await.len();
        let again = at_the_desk!(server, desk => issuance::revoke(&desk, jti(&token))).unwrap();
        assert_eq!((again.issuances, server.audit().await.len()), (0, rows));
        let unknown = at_the_desk!(server, desk => issuance::revoke(&desk, Uuid::from_u128(1)));
        is_missing(unknown, "issuance_not_found");
        let unknown = at_the_desk!(server, desk => token::revoke(&desk, Uuid::from_u128(1)));
        is_missing(unknown, "token_not_found");
    }

    /// Whatever a revocation reaches, it reaches what came of that too.
    async fn every_revocation_follows_what_was_exchanged(server: Server) {
        let stage = Stage::set(server).await;
        let (guard, nobody) = (&stage.guard.id, None);
        let of_family = stage.tokens(server).await;
        let a = exchanged(server, jti(&of_family.access), guard, nobody).await;
        let form = [("token", of_family.refresh.as_str())];
        assert_eq!(stage.app.post(server, "/oauth/revoke", &form).await.status, 200);
        let of_consent = stage.tokens(server).await;
        let b = exchanged(server, jti(&of_consent.access), guard, nobody).await;
        let c = exchanged(server, b, guard, nobody).await;
        stage.revoke_consent(server).await;
        for made in [a, b, c] {
            let shown = at_the_desk!(server, desk => issuance::get(&desk, made)).unwrap();
            assert!(shown.revoked_at.is_some());
        }
    }

    async fn the_figures_count_what_there_is(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        stage.tokens(server).await;
        let form = [("token", first.refresh.as_str())];
        stage.app.post(server, "/oauth/revoke", &form).await;
        let stats = at_the_desk!(server, desk => stats::get(&desk)).unwrap();
        let expected = stats::Stats {
            clients: 2, users: 1, active_tokens_24h: 1, revoked_tokens: 1, connections: 0,
        };
        assert_eq!(stats, expected);
        let origin = origin();
        let config = stats::effective_config(&server.desk(&origin)).to_string();
        assert!(!config.contains(crate::kit::server::ADMIN_KEY), "{config}");
    }
}
