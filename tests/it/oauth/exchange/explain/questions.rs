//! What is asked of the dry run: what may be left out, what that leaves open, what is refused, and
//! by whom it may be asked.

use serde_json::{Value, json};

use super::{EXPLAIN, gates, said};
use crate::kit::stage::RESOURCE;
use crate::kit::{Server, on_both_databases};
use crate::oauth::exchange::Counter;

on_both_databases! {
    /// Nothing is claimed of a user who was not named.
    async fn what_depends_on_the_user_is_left_open(server: Server) {
        let counter = Counter::open(server).await;
        let agent = &counter.agent;
        let about = |user: Value| counter.question(agent, &json!({ "resource": "files", "user": user }));
        let open = said(server, &about(Value::Null)).await;
        assert_eq!((&open["allowed"], open.get("stopped_at")), (&Value::Null, None));
        assert!(gates(&open).contains(&("consent".to_owned(), None)), "{open}");
        assert_eq!(open["consent"], json!({ "cause": "depends_on_user", "scopes": ["read"] }));
        let email = || json!("ada@example.com");
        assert_eq!(said(server, &about(email())).await["reason"], "consent_missing");
        counter.agree(server, "read").await;
        assert_eq!(said(server, &about(email())).await["allowed"], true);
        assert_eq!(said(server, &about(Value::Null)).await, open, "it is about nobody");
        // What nobody could get is refused, whoever it is.
        let deep = json!({ "resource": "files", "user": null, "depth": 6 });
        let deep = said(server, &counter.question(agent, &deep)).await;
        assert_eq!((&deep["allowed"], &deep["stopped_at"]), (&json!(false), &json!("chain")));
        assert!(gates(&deep).contains(&("consent".to_owned(), None)), "{deep}");
    }

    async fn the_dry_run_leaves_no_trace(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        let to_files = json!({ "resource": "files" });
        let listed = format!("/admin/issuances?client={}", agent.id);
        let issued = server.admin_get(&listed).await.json()["total"].clone();
        let audit = server.audit().await;
        let yes = said(server, &counter.question(agent, &to_files)).await;
        let no = said(server, &counter.question(gateway, &to_files)).await;
        assert_eq!((&yes["allowed"], &no["allowed"]), (&json!(true), &json!(false)));
        // A denial is written after its answer.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(server.audit().await, audit);
        assert_eq!(server.admin_get(&listed).await.json()["total"], issued);
    }

    async fn a_question_that_cannot_be_answered_is_refused_and_the_member_named(server: Server) {
        let counter = Counter::open(server).await;
        let agent = &counter.agent;
        let refused = async |more: Value, status: u16, error: &str, names: &str| {
            let answer = server.admin_post(EXPLAIN, &counter.question(agent, &more)).await;
            answer.refused(status, error);
            assert!(answer.member("detail").contains(names), "{names}: {answer:?}");
        };
        for member in ["subject_client", "acting_client", "actor_client"] {
            refused(json!({ member: "nobody" }), 404, "client_not_found", "nobody").await;
        }
        refused(json!({ "resource": "nowhere" }), 404, "resource_not_found", "nowhere").await;
        refused(json!({ "source": ["nowhere"] }), 404, "resource_not_found", "nowhere").await;
        refused(json!({ "user": "bob@example.com" }), 404, "user_not_found", "bob").await;
        for (more, names) in [
            (json!({ "machine": true }), "user"),
            // There are two resources, and the agent has no default.
            (json!({ "source": [] }), "source"),
            (json!({ "source": vec!["mcp"; 17] }), "source"),
            (json!({ "scopes": ["two words"] }), "scopes"),
            (json!({ "scopes": vec!["a"; 257] }), "scopes"),
            (json!({ "subject_scopes": [""] }), "subject_scopes"),
            (json!({ "depth": 11 }), "depth"),
            (json!({ "resource": "x".repeat(2049) }), "resource"),
        ] {
            refused(more, 422, "invalid_value", names).await;
        }
        for (more, names) in [
            (json!({ "assume_consent": true }), "assume_consent"),
            (json!({ "dpop": { "bound": true } }), "bound"),
            (json!({ "dpop": [] }), "dpop"),
            (json!({ "dpop": { "proof": "some_key" } }), "some_key"),
            (json!({ "depth": -1 }), "depth"),
            (json!({ "acting_client": null }), "acting_client"),
        ] {
            refused(more, 400, "invalid_request", names).await;
        }
    }

    /// What a token has that was asked for without saying what for.
    async fn what_is_left_out_is_what_a_plain_token_has(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        server.change_client(&counter.agent.id, "default_resource = 'mcp'").await;
        let plain = json!({ "source": null, "subject_scopes": null, "resource": "files" });
        let plain = said(server, &counter.question(&counter.agent, &plain)).await;
        assert_eq!((&plain["allowed"], &plain["scopes"]), (&json!(true), &json!(["read"])));
        let id = server.services.keepers.catalog.resources().by_slug("mcp").unwrap().id;
        for name in [id.to_string(), RESOURCE.to_owned(), "mcp".to_owned()] {
            let named = json!({ "source": [name, "mcp"], "resource": "files" });
            let named = said(server, &counter.question(&counter.agent, &named)).await;
            assert_eq!(named, plain);
        }
    }

    /// Otherwise it would say who has an account here, and what they agreed to.
    async fn to_name_a_user_takes_the_right_to_read_users(server: Server) {
        let counter = Counter::open(server).await;
        let http = reqwest::Client::new();
        let key = async |rights: Value| {
            let body = json!({ "name": "narrow", "rights": rights });
            server.admin_post("/admin/admin-keys", &body).await.member("key")
        };
        let ask = async |key: &str, who: Value| {
            let question = json!({ "resource": "files", "user": who });
            let question = counter.question(&counter.agent, &question);
            let asked = http.post(server.admin_url(EXPLAIN)).bearer_auth(key).json(&question);
            let answer = asked.send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        let narrow = key(json!(["exchange:read", "grants:read", "users:write"])).await;
        let (known, unknown) = (counter.stage.person.id, "0197a000-0000-7000-8000-000000000000");
        let (status, refusal) = ask(&narrow, json!("ada@example.com")).await;
        assert_eq!((status, &refusal["error"]), (403, &json!("insufficient_rights")));
        assert!(refusal["detail"].as_str().unwrap().contains("users:read"), "{refusal}");
        let others = [json!("bob@example.com"), json!(known), json!(unknown), json!("")];
        for who in others {
            assert_eq!(ask(&narrow, who.clone()).await, (403, refusal.clone()), "{who}");
        }
        assert_eq!(ask(&narrow, Value::Null).await.0, 200, "about nobody in particular it may ask");
        let both = key(json!(["exchange:read", "users:read"])).await;
        assert_eq!(ask(&both, json!("ada@example.com")).await.1["reason"], "consent_missing");
        assert_eq!(ask(&both, json!("bob@example.com")).await.0, 404);
    }

    async fn a_key_for_dry_runs_is_for_nothing_else(server: Server) {
        let counter = Counter::open(server).await;
        let question = json!({ "resource": "files", "user": null });
        let question = counter.question(&counter.agent, &question);
        let http = reqwest::Client::new();
        for (rights, status) in [("exchange:read", 200), ("exchange:write", 403), ("grants:read", 403)] {
            let body = json!({ "name": "narrow", "rights": [rights] });
            let key = server.admin_post("/admin/admin-keys", &body).await.member("key");
            let asked = http.post(server.admin_url(EXPLAIN)).bearer_auth(&key).json(&question);
            assert_eq!(asked.send().await.unwrap().status(), status, "{rights}");
            let look = http.get(server.admin_url("/admin/clients")).bearer_auth(&key);
            assert_eq!(look.send().await.unwrap().status(), 403, "{rights}");
        }
    }
}
