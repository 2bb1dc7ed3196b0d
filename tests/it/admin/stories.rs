//! What operators do, from beginning to end, over HTTP.

use serde_json::{Value, json};

use super::{ask, ask_with, key_with};
use crate::kit::stage::{RESOURCE, Stage};
use crate::kit::{Answer, Server, TokenClient, on_both_databases};

async fn get(server: &Server, path: &str) -> Value {
    let answer = ask(server, "GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

async fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    ask(server, method, path, Some(body)).await
}

on_both_databases! {
    async fn a_client_from_registration_to_deletion(server: Server) {
        let body = json!({
            "client_name": "Robot", "grant_types": ["client_credentials"], "scope": "a b",
        });
        let made = send(server, "POST", "/admin/clients", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let (id, secret) = (made.member("client_id"), made.member("client_secret"));
        let path = format!("/admin/clients/{id}");
        let seen = get(server, &path).await;
        assert_eq!((&seen["name"], &seen["status"]), (&json!("Robot"), &json!("active")));
        assert!(seen.get("client_secret").is_none() && seen.get("secret_hash").is_none());
        assert!(seen["issued_at"].as_str().unwrap().ends_with('Z'), "{seen}");

        let robot = TokenClient::new(&id, Some(&secret));
        let form = [("grant_type", "client_credentials")];
        assert_eq!(robot.token(server, &form).await.status, 200);
        let renamed = send(server, "PATCH", &path, &json!({ "client_name": "Droid" })).await;
        assert_eq!((renamed.status, renamed.member("name")), (200, "Droid".to_owned()));
        let next = ask(server, "POST", &format!("{path}/rotate-secret"), None).await;
        robot.token(server, &form).await.refused(401, "invalid_client");
        let robot = TokenClient::new(&id, Some(&next.member("client_secret")));
        assert_eq!(robot.token(server, &form).await.status, 200);

        for (act, status) in [("suspend", "suspended"), ("reactivate", "active")] {
            let answer = ask(server, "PATCH", &format!("{path}/{act}"), None).await;
            assert_eq!((answer.status, answer.member("status").as_str()), (200, status));
        }
        let in_use = ask(server, "DELETE", &path, None).await;
        in_use.refused(409, "in_use");
        assert!(in_use.json()["dependents"].is_array(), "{in_use:?}");
        let gone = ask(server, "DELETE", &format!("{path}?force=true"), None).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        ask(server, "GET", &path, None).await.refused(404, "client_not_found");
        ask(server, "DELETE", &path, None).await.refused(404, "client_not_found");
    }

    async fn clients_are_listed_in_parts_with_filters_and_a_total(server: Server) {
        for name in ["a", "b", "c"] {
            let body = json!({
                "client_name": name, "grant_types": ["client_credentials"], "scope": "x",
            });
            assert_eq!(send(server, "POST", "/admin/clients", &body).await.status, 201);
        }
        let part = get(server, "/admin/clients?limit=2&offset=1").await;
        assert_eq!((part["clients"].as_array().unwrap().len(), &part["total"]), (2, &json!(3)));
        let none = get(server, "/admin/clients?status=suspended&source=admin").await;
        assert_eq!((&none["clients"], &none["total"]), (&json!([]), &json!(0)));
    }

    async fn a_user_from_account_to_deletion(server: Server) {
        let body = json!({ "email": "Ada@Example.com", "password": "correct horse" });
        let made = send(server, "POST", "/admin/users", &body).await;
        assert_eq!((made.status, made.member("email").as_str()), (201, "ada@example.com"));
        assert!(!made.text.contains("correct horse") && !made.text.contains("argon2"));
        send(server, "POST", "/admin/users", &body).await.refused(409, "conflict");
        let weak = json!({ "email": "b@example.com", "password": "short" });
        send(server, "POST", "/admin/users", &weak).await.refused(422, "invalid_value");

        let path = format!("/admin/users/{}", made.member("id"));
        let by_address = get(server, "/admin/users/ada@example.com").await;
        assert_eq!(by_address["id"], made.json()["id"]);
        let patched = send(server, "PATCH", &path, &json!({ "name": "Ada" })).await;
        assert_eq!(patched.member("name"), "Ada");
        for (act, status) in
            [("disable", "disabled"), ("enable", "active"), ("force-logout", "active")]
        {
            let answer = ask(server, "PATCH", &format!("{path}/{act}"), None).await;
            assert_eq!((answer.status, answer.member("status").as_str()), (200, status), "{act}");
        }
        let grants = get(server, &format!("{path}/grants")).await;
        assert_eq!(grants, json!({ "consent_grants": [], "total": 0, "broker_grants": [] }));
        assert_eq!(ask(server, "DELETE", &path, None).await.status, 204);
        ask(server, "GET", &path, None).await.refused(404, "user_not_found");
    }

    async fn a_resource_and_who_may_do_what_with_it(server: Server) {
        let stage = Stage::set(server).await;
        let body = json!({
            "slug": "notes", "uri": "https://notes.example/mcp", "backend_kind": "mint",
            "display_name": "Notes", "scopes": [{ "name": "notes:read", "default": true }],
            "policy": { "exchange": { "allowed_client_ids": [] } },
        });
        let made = send(server, "POST", "/admin/resources", &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        send(server, "POST", "/admin/resources", &body).await.refused(409, "conflict");
        let mut list_for_scope = body.clone();
        list_for_scope["scopes"] = json!([["notes:read", null, true]]);
        let answer = send(server, "POST", "/admin/resources", &list_for_scope).await;
        answer.refused(400, "invalid_request");

        let path = "/admin/resources/notes";
        let id = json!({ "client_id": stage.guard.id });
        for list in ["exchange/allowed-clients", "runtime/client-ids"] {
            let list = format!("{path}/policy/{list}");
            for _ in 0..2 {
                let answer = send(server, "POST", &list, &id).await;
                assert_eq!((answer.status, &answer.json()), (200, &json!({
                    "client_ids": [stage.guard.id],
                })));
            }
            assert_eq!(get(server, &list).await["client_ids"], json!([stage.guard.id]));
            let nobody = json!({ "client_id": "nobody" });
            send(server, "POST", &list, &nobody).await.refused(404, "client_not_found");
            let one = format!("{list}/{}", stage.guard.id);
            for _ in 0..2 {
                let answer = ask(server, "DELETE", &one, None).await;
                assert_eq!((answer.status, &answer.json()["client_ids"]), (200, &json!([])));
            }
        }
        let patch = json!({ "display_name": "My notes" });
        let patched = send(server, "PATCH", path, &patch).await;
        assert_eq!(patched.member("display_name"), "My notes");
        assert_eq!(ask(server, "DELETE", path, None).await.status, 204);
        ask(server, "GET", path, None).await.refused(404, "resource_not_found");
    }

    async fn a_link_between_resources_from_rehearsal_to_deletion(server: Server) {
        Stage::set(server).await;
        let link = "/admin/fronting/mcp/files";
        let body = json!({ "source": "mcp", "target": "files", "scope_map": { "read": ["list"] } });
        let rehearsed = send(server, "POST", "/admin/fronting?dry_run=true", &body).await;
        assert_eq!((rehearsed.status, &rehearsed.json()["dry_run"]), (201, &json!(true)));
        ask(server, "GET", link, None).await.refused(404, "fronting_link_not_found");
        let made = send(server, "POST", "/admin/fronting", &body).await;
        assert_eq!((made.status, made.member("source").as_str()), (201, "mcp"), "{made:?}");
        send(server, "POST", "/admin/fronting", &body).await.refused(409, "conflict");
        let back = json!({ "source": "files", "target": "mcp", "scope_map": { "list": ["read"] } });
        let cycle = send(server, "POST", "/admin/fronting", &back).await;
        cycle.refused(409, "conflict");
        assert!(cycle.member("detail").contains("files → mcp → files"), "{cycle:?}");
        for (member, value, status, error) in [
            ("source", json!("nowhere"), 404, "resource_not_found"),
            ("target", json!("mcp"), 422, "invalid_value"),
            ("scope_map", json!({ "read": ["none"] }), 422, "invalid_value"),
            ("scope_map", json!({ "read": "list" }), 400, "invalid_request"),
            ("scope_map", json!([["read", ["list"]]]), 400, "invalid_request"),
            ("scope_map", Value::Null, 400, "invalid_request"),
            ("id", json!(made.member("id")), 400, "invalid_request"),
        ] {
            let mut odd = body.clone();
            odd[member] = value;
            send(server, "POST", "/admin/fronting", &odd).await.refused(status, error);
        }

        let seen = get(server, link).await;
        assert_eq!(seen["scope_map"], json!({ "read": ["list"] }));
        assert_eq!(seen["stale_scopes"], json!({ "source": [], "target": [] }));
        let list = get(server, "/admin/fronting?source=mcp&limit=1").await;
        assert_eq!((&list["links"], &list["total"]), (&json!([seen]), &json!(1)));
        let of = get(server, "/admin/resources/files/fronting").await;
        assert_eq!(of, json!({ "slug": "files", "fronts": [], "fronted_by": [seen] }));

        let map = json!({ "scope_map": { "read": ["list", "read"] } });
        let changed = send(server, "PATCH", link, &map).await;
        assert_eq!((changed.status, &changed.json()["revoked_issuances"]), (200, &json!(0)));
        let in_use = ask(server, "DELETE", "/admin/resources/files", None).await;
        in_use.refused(409, "in_use");
        let dependents = &in_use.json()["dependents"];
        assert_eq!(*dependents, json!([{ "kind": "fronting_links", "count": 1 }]));
        for (query, dry_run) in [("?dry_run=true", true), ("", false)] {
            let gone = ask(server, "DELETE", &format!("{link}{query}"), None).await;
            assert_eq!(gone.status, 200, "{gone:?}");
            assert_eq!(gone.json()["dry_run"], json!(dry_run));
        }
        ask(server, "DELETE", link, None).await.refused(404, "fronting_link_not_found");
    }

    async fn a_scope_that_is_mapped_twice_is_refused_by_name(server: Server) {
        Stage::set(server).await;
        let twice = r#"{"source":"mcp","target":"files","scope_map":{"read":["list"],"read":["read"]}}"#;
        let http = reqwest::Client::new().post(server.admin_url("/admin/fronting"));
        let http = http.bearer_auth(crate::kit::server::ADMIN_KEY).body(twice);
        let answer = http.header("content-type", "application/json").send().await.unwrap();
        let answer = Answer::of(answer).await;
        answer.refused(400, "invalid_request");
        assert!(answer.member("detail").contains("'read' is there twice"), "{answer:?}");
    }

    /// The right to a resource is not the right to have another one reached without consent.
    async fn links_need_a_right_of_their_own(server: Server) {
        Stage::set(server).await;
        let body = json!({ "source": "mcp", "target": "files", "scope_map": { "read": ["list"] } });
        let key = key_with(server, "resources:write").await;
        let refused = ask_with(server, &key, "POST", "/admin/fronting", Some(&body)).await;
        refused.refused(403, "insufficient_rights");
        let key = key_with(server, "fronting:write").await;
        let made = ask_with(server, &key, "POST", "/admin/fronting", Some(&body)).await;
        assert_eq!(made.status, 201, "{made:?}");
    }

    async fn consent_and_tokens_are_seen_and_taken_back(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let person = stage.person.id;
        let grants = get(server, &format!("/admin/users/{person}/grants")).await;
        assert_eq!(grants["consent_grants"][0]["resource_uri"], RESOURCE);
        assert_eq!(grants["total"], 1);
        let rest = get(server, &format!("/admin/users/{person}/grants?limit=1&offset=1")).await;
        assert_eq!((&rest["consent_grants"], &rest["total"]), (&json!([]), &json!(1)));
        ask(server, "GET", "/admin/issuances", None).await.refused(422, "invalid_value");
        let issued = get(server, &format!("/admin/issuances?user={person}")).await;
        let jti = issued["issuances"][0]["jti"].as_str().unwrap().to_owned();
        assert_eq!(get(server, &format!("/admin/tokens/{jti}")).await["revocable"], true);
        assert_eq!(get(server, "/admin/tokens").await["total"], 1);

        let revoked = ask(server, "DELETE", &format!("/admin/issuances/{jti}"), None).await;
        assert_eq!(revoked.status, 204, "{revoked:?}");
        assert!(!stage.active(server, &tokens.access).await);
        let grant = grants["consent_grants"][0]["id"].as_str().unwrap();
        let path = format!("/admin/grants/consent/{grant}");
        assert_eq!(ask(server, "DELETE", &path, None).await.status, 204);
        ask(server, "DELETE", &path, None).await.refused(404, "grant_not_found");
        let more = ask(server, "DELETE", &format!("/admin/users/{person}/tokens"), None).await;
        assert_eq!((more.status, more.json()), (200, json!({ "revoked": 0 })));
    }

    async fn who_may_register_is_changed_while_the_server_runs(server: Server) {
        let path = "/admin/settings/dcr";
        assert_eq!(get(server, path).await["mode"], "open");
        let closed = send(server, "PATCH", path, &json!({ "mode": "admin_only" })).await;
        assert_eq!((closed.status, closed.member("mode").as_str()), (200, "admin_only"));
        let document = json!({ "redirect_uris": ["https://app.example/callback"] });
        let http = reqwest::Client::new().post(server.url("/oauth/register")).json(&document);
        Answer::of(http.send().await.unwrap()).await.refused(403, "access_denied");
        send(server, "PATCH", path, &json!({})).await.refused(400, "invalid_request");
        send(server, "PATCH", path, &json!({ "mode": "odd" })).await.refused(422, "invalid_value");
        let reset = send(server, "PATCH", path, &json!({ "mode": null })).await;
        assert_eq!(reset.member("mode"), "open");
    }

    async fn the_log_the_figures_and_the_configuration_are_there_to_read(server: Server) {
        let stage = Stage::set(server).await;
        stage.tokens(server).await;
        let log = get(server, "/admin/audit?action=resource.created").await;
        assert_eq!(log["total"], 2, "{log}");
        let stats = get(server, "/admin/stats").await;
        assert_eq!((&stats["users"], &stats["clients"]), (&json!(1), &json!(2)));
        let config = get(server, "/admin/system/config").await;
        assert_eq!(config["admin"]["api_key"], "***");
        assert!(!config.to_string().contains(crate::kit::server::ADMIN_KEY));
        let status = get(server, "/admin/system/status").await;
        assert!(status["keepers"].as_array().unwrap().iter().all(|it| it["state"] == "up"));
        let good = ask(server, "POST", "/admin/auth/verify", None).await.json();
        assert_eq!(good["valid"], true);
    }
}
