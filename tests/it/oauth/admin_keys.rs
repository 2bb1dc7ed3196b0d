//! Minted admin keys over HTTP and on the command line: what they open, and what nobody else's do.

use protocol::admin_key::{KeyName, Minted, MintedKey, Narrowing, RootKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::process::Installation;
use crate::kit::server::ADMIN_KEY;
use crate::kit::{Answer, Backend, Server, on_both_databases};

const KEYS: &str = "/admin/admin-keys";

/// Whatever is wrong with a key, this is all that is said.
async fn asked(server: &Server, method: reqwest::Method, path: &str, key: &str) -> Answer {
    let http = reqwest::Client::new();
    let request = http.request(method, server.admin_url(path)).bearer_auth(key);
    Answer::of(request.send().await.unwrap()).await
}

async fn get(server: &Server, path: &str, key: &str) -> Answer {
    asked(server, reqwest::Method::GET, path, key).await
}

async fn mint_with(server: &Server, key: &str, body: &Value) -> Answer {
    let http = reqwest::Client::new();
    let request = http.post(server.admin_url(KEYS)).bearer_auth(key).json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn mint(server: &Server, rights: &[&str]) -> (String, String) {
    let body = json!({ "name": "ci-deploy", "rights": rights, "expires_in": "30d" });
    let answer = server.admin_post(KEYS, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    (answer.member("id"), answer.member("key"))
}

fn narrowed(key: &str, rights: &str) -> String {
    let less = Narrowing {
        rights: Some(rights.parse().unwrap()),
        label: Some("build-42".parse().unwrap()),
        ..Narrowing::default()
    };
    MintedKey::presented(key).unwrap().narrow(&less, [5; 32]).unwrap().expose().to_owned()
}

/// A key for a row, signed by somebody who is not this server.
fn forged(id: &str, server: &Server) -> String {
    let now = server.services.environment.now();
    let minted = Minted {
        id: id.parse::<Uuid>().unwrap(),
        name: "ci-deploy".parse::<KeyName>().unwrap(),
        rights: "keys:read".parse().unwrap(),
        now,
        expires_at: now + chrono::TimeDelta::days(1),
    };
    RootKey::from_seed(&[9; 32]).unwrap().mint(&minted, [1; 32]).unwrap().expose().to_owned()
}

on_both_databases! {
    async fn a_minted_key_opens_what_it_has_the_right_to_and_nothing_else(server: Server) {
        let (id, key) = mint(server, &["keys:read"]).await;
        assert!(key.starts_with("ap_admin_"), "{key}");

        assert_eq!(get(server, "/admin/keys", &key).await.status, 200);
        let refused = get(server, KEYS, &key).await;
        refused.refused(403, "insufficient_rights");
        assert!(refused.text.contains("admin-keys:read"), "{refused:?}");
        let minting = mint_with(server, &key, &json!({ "name": "x", "rights": ["keys:read"] })).await;
        minting.refused(403, "insufficient_rights");

        let listed = server.admin_get(KEYS).await;
        assert_eq!(listed.json()["keys"][0]["id"], id.as_str());
        assert_eq!(listed.json()["keys"][0]["status"], "active");
        assert!(listed.json()["keys"][0]["last_used_at"].is_string(), "{listed:?}");
        assert!(!listed.text.contains("ap_admin_"), "{listed:?}");
    }

    async fn a_revoked_key_and_all_narrowed_from_it_are_refused_at_once_everywhere(server: Server) {
        let replica = server.replica().await;
        let (id, key) = mint(server, &["keys:read", "system:read"]).await;
        let child = narrowed(&key, "keys:read");
        for key in [&key, &child] {
            assert_eq!(get(&replica, "/admin/keys", key).await.status, 200);
        }
        get(&replica, "/admin/system/status", &child).await.refused(403, "insufficient_rights");

        let gone = asked(server, reqwest::Method::DELETE, &format!("{KEYS}/{id}"), crate::kit::server::ADMIN_KEY).await;
        assert_eq!((gone.status, gone.member("status")), (200, "revoked".to_owned()));

        for place in [&*server, &replica] {
            for key in [&key, &child] {
                get(place, "/admin/keys", key).await.refused(401, "invalid_admin_key");
            }
        }
        replica.stop().await;
    }

    async fn whatever_is_wrong_with_a_key_the_answer_is_the_same(server: Server) {
        let (id, ended) = mint(server, &["keys:read"]).await;
        let (revoked_id, revoked) = mint(server, &["keys:read"]).await;
        let revocation = format!("{KEYS}/{revoked_id}");
        asked(server, reqwest::Method::DELETE, &revocation, crate::kit::server::ADMIN_KEY).await;
        let wrong = [
            "nonsense".to_owned(),
            "ap_admin_".to_owned(),
            format!("ap_admin_{}", "A".repeat(9000)),
            revoked[..revoked.len() - 8].to_owned(),
            forged(&id, server),
            revoked,
            "test-admin-key-012345678".to_owned(),
        ];
        let mut answers = Vec::new();
        for key in &wrong {
            answers.push(get(server, "/admin/keys", key).await);
        }
        server.wait(31 * 86400);
        answers.push(get(server, "/admin/keys", &ended).await);
        for answer in answers {
            assert_eq!(answer.status, 401, "{answer:?}");
            let said = answer.json();
            assert_eq!(said["error"], "invalid_admin_key");
            assert_eq!(said["detail"], "Send a valid admin key as Authorization: Bearer <key>.");
        }
    }

    async fn a_key_whose_row_is_not_there_is_refused(server: Server) {
        let now = server.services.environment.now();
        let minted = Minted {
            id: Uuid::from_u128(7),
            name: "ghost".parse().unwrap(),
            rights: "keys:read".parse().unwrap(),
            now,
            expires_at: now + chrono::TimeDelta::days(1),
        };
        let ours = server.services.keepers.secret_ring.current().minted_admin_keys.mint(&minted, [1; 32]).unwrap();
        get(server, "/admin/keys", ours.expose()).await.refused(401, "invalid_admin_key");
    }

    /// Whoever has such a key can try it as often, and label it as they like.
    async fn a_minted_key_that_is_good_no_more_is_in_the_log_and_does_not_size_it(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0")] {
        let (id, revoked) = mint(server, &["keys:read"]).await;
        let (ended_id, ended) = mint(server, &["keys:read"]).await;
        asked(server, reqwest::Method::DELETE, &format!("{KEYS}/{id}"), ADMIN_KEY).await;
        for number in 0..25 {
            let label = Some(format!("try-{number}").parse().unwrap());
            let less = Narrowing { label, ..Narrowing::default() };
            let key = MintedKey::presented(&revoked).unwrap().narrow(&less, [5; 32]).unwrap();
            get(server, "/admin/keys", key.expose()).await.refused(401, "invalid_admin_key");
            get(server, "/admin/keys", &forged(&id, server)).await.refused(401, "invalid_admin_key");
        }
        server.wait(31 * 86400);
        get(server, "/admin/keys", &ended).await.refused(401, "invalid_admin_key");

        let why = ["method=admin_key", "reason=revoked", "labels=try-"];
        server.until_audited("auth.denied", &why, 10).await;
        server.until_audited("auth.denied", &["reason=expired"], 1).await;
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(server.audited("auth.denied", &[]).await, 11, "{:?}", server.audit().await);
        let of = async |id: &str| {
            let path = format!("/admin/audit?action=auth.denied&actor_id={id}");
            server.admin_get(&path).await.json()["total"].clone()
        };
        assert_eq!((of(&ended_id).await, of("ci-deploy").await), (json!(1), json!(0)));
    }

    async fn what_was_done_with_a_key_is_found_by_its_id_also_when_it_was_narrowed(server: Server) {
        let (id, key) = mint(server, &["resources:write"]).await;
        let (_, other) = mint(server, &["resources:write"]).await;
        let child = narrowed(&key, "resources:write");
        for (slug, key) in [("one", &key), ("two", &child), ("three", &other)] {
            let body = json!({ "slug": slug, "uri": format!("https://{slug}.example/") });
            let http = reqwest::Client::new();
            let url = server.admin_url("/admin/resources");
            let made = http.post(url).bearer_auth(key).json(&body).send().await.unwrap();
            assert_eq!(made.status(), 201);
        }
        let found = server.admin_get(&format!("/admin/audit?actor_id={id}")).await.json();
        assert_eq!(found["total"], 2, "{found}");
        for event in found["events"].as_array().unwrap() {
            assert_eq!(event["action"], "resource.created");
            let actor = event["actor_id"].as_str().unwrap();
            assert!(actor.starts_with("admin:key:ci-deploy") && actor.ends_with(&id), "{actor}");
        }
        let nobody = server.admin_get(&format!("/admin/audit?actor_id={}", Uuid::nil())).await;
        assert_eq!(nobody.json()["total"], 0);
    }

    async fn nobody_mints_more_than_they_have_nor_for_longer(server: Server) {
        let (_, key) = mint(server, &["admin-keys:write", "keys:read"]).await;
        let more = json!({ "name": "x", "rights": ["keys:write"], "expires_in": "1d" });
        let refused = mint_with(server, &key, &more).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text.contains("keys:write"), "{refused:?}");
        let longer = json!({ "name": "x", "rights": ["keys:read"], "expires_in": "31d" });
        assert_eq!(mint_with(server, &key, &longer).await.status, 422);
        let child = narrowed(&key, "admin-keys:write");
        let lost = json!({ "name": "x", "rights": ["keys:read"], "expires_in": "1d" });
        assert_eq!(mint_with(server, &child, &lost).await.status, 422, "it was narrowed");
        assert_eq!(mint_with(server, &key, &lost).await.status, 201);

        for wrong in [
            json!({ "name": "a b", "rights": ["keys:read"] }),
            json!({ "name": "x", "rights": [] }),
            json!({ "name": "x", "rights": ["keys:all"] }),
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "soon" }),
            // A month to some, a minute to others.
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "1M" }),
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "1month" }),
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "30" }),
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "400d" }),
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "0s" }),
            // A month, where somebody meant minutes.
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "1M" }),
            json!({ "name": "x", "rights": ["keys:read"], "expires_in": "90" }),
        ] {
            let refused = server.admin_post(KEYS, &wrong).await;
            assert_eq!(refused.status, 422, "{wrong}: {refused:?}");
        }
    }

    async fn the_audit_log_names_who_did_it_and_has_no_key(server: Server) {
        let (id, key) = mint(server, &["admin-keys:write"]).await;
        let child = narrowed(&key, "admin-keys:write");
        let body = json!({ "name": "job", "rights": ["admin-keys:write"], "expires_in": "1d" });
        let job = mint_with(server, &child, &body).await;
        assert_eq!(job.status, 201, "{job:?}");
        assert_eq!(job.member("created_by"), format!("admin:key:ci-deploy/build-42:{id}"));

        let audit = server.audit().await.join("\n");
        assert!(audit.contains(&format!("admin_key.minted key={id} name=ci-deploy rights=admin-keys:write")), "{audit}");
        assert!(!audit.contains("ap_admin_"), "{audit}");
    }

}

on_both_databases! {
    async fn keys_are_minted_narrowed_and_revoked_on_the_command_line(backend: Backend) {
        let installation = Installation::new(backend).await;
        let mint = ["token", "mint", "--name", "ops", "--rights", "keys:read,keys:write"];
        let minted = installation.admin_json(&[&mint[..], &["--expires", "2w"]].concat()).await;
        let key = minted["key"].as_str().unwrap();

        let less = ["token", "attenuate", "--rights", "keys:read", "--label", "job"];
        let narrowed = installation.admin(&less, key).await;
        let inspected = installation.admin(&["token", "inspect", "--json"], narrowed.trim()).await;
        let inspected: Value = serde_json::from_str(&inspected).unwrap();
        assert_eq!(inspected["id"], minted["id"]);
        assert_eq!(inspected["rights"], json!(["keys:read"]));
        assert_eq!(inspected["narrowings"][0]["label"], "job");

        let id = minted["id"].as_str().unwrap();
        assert_eq!(inspected["standing"], Value::Null, "nobody was asked");
        installation.admin(&["token", "revoke", id], "").await;
        let listed = installation.admin_json(&["token", "list"]).await;
        assert_eq!(listed["keys"][0]["status"], "revoked");
    }
}

/// What `token inspect` ends with, and says of the key's standing.
async fn inspected(installation: &Installation, more: &[&str], key: &str) -> (Option<i32>, Value) {
    let ended =
        installation.run(&[&["admin", "token", "inspect", "--json"], more].concat(), key).await;
    assert!(!ended.err.contains("ap_admin_") && !ended.out.contains("ap_admin_"), "{ended:?}");
    let said: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    (ended.status.code(), said["standing"].clone())
}

on_both_databases! {
    async fn who_inspects_a_key_learns_whether_it_is_good_and_if_not_why(backend: Backend) {
        const ROOT: &str = "the-root-key-of-this-test";
        let installation = Installation::new(backend).await.with("AUTHPLANE_ADMIN_API_KEY", ROOT);
        let elsewhere = Installation::new(backend).await;
        let mint = async |installation: &Installation, expires: &str| {
            let mint = ["token", "mint", "--name", "ops", "--rights", "keys:read,users:read"];
            let minted = installation.admin_json(&[&mint[..], &["--expires", expires]].concat()).await;
            let member = |name: &str| minted[name].as_str().unwrap().to_owned();
            (member("id"), member("key"))
        };
        let (_, good) = mint(&installation, "1d").await;
        let (revoked_id, revoked) = mint(&installation, "1d").await;
        let (lost_id, lost) = mint(&installation, "1d").await;
        let (_, foreign) = mint(&elsewhere, "1d").await;
        installation.admin(&["token", "revoke", &revoked_id], "").await;
        let narrow = async |more: &[&str]| {
            installation.admin(&[&["token", "attenuate"], more].concat(), &good).await.trim().to_owned()
        };
        let narrowed = narrow(&["--rights", "keys:read", "--expires", "1h"]).await;
        let brief = narrow(&["--expires", "1s"]).await;
        let child = {
            let less = ["token", "attenuate", "--rights", "keys:read"];
            installation.admin(&less, &revoked).await.trim().to_owned()
        };
        let store = installation.store().await;
        let id = match backend {
            Backend::Sqlite => format!("x'{}'", lost_id.replace('-', "")),
            Backend::Postgres => format!("'{lost_id}'"),
        };
        let delete = format!("DELETE FROM admin_keys WHERE id = {id}");
        assert_eq!(crate::kit::behind::execute(&store, &delete).await.unwrap(), 1);
        store.close().await;
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;

        let server = installation.start().await;
        let there = installation.clone()
            .with("AUTHPLANE_SERVER", &installation.admin_url(""))
            .with("AUTHPLANE_ADMIN_KEY", ROOT);
        let cases = [
            (&good, 0, "valid"),
            (&narrowed, 0, "valid"),
            (&brief, 5, "expired"),
            (&revoked, 5, "revoked"),
            (&child, 5, "revoked"),
            (&lost, 5, "unknown"),
            (&foreign, 5, "not_ours"),
        ];
        for (key, code, standing) in cases {
            let expected = (Some(code), json!(standing));
            assert_eq!(inspected(&installation, &["--verify"], key).await, expected, "{standing}");
            assert_eq!(inspected(&there, &[], key).await, expected, "{standing}, on the server");
            assert_eq!(inspected(&elsewhere, &[], key).await, (Some(0), Value::Null), "offline");
        }
        // Looking at a key is no use of it, and needs a right of one's own.
        let listed = installation.admin_json(&["token", "list"]).await;
        let used = listed["keys"].as_array().unwrap().iter().any(|key| key["last_used_at"].is_string());
        assert!(!used, "{listed}");
        let without = there.with("AUTHPLANE_ADMIN_KEY", &good);
        let ended = without.run(&["admin", "token", "inspect"], &good).await;
        assert_eq!(ended.status.code(), Some(5), "{ended:?}");
        assert!(ended.err.contains("admin-keys:read"), "{ended:?}");
        server.stop().await;
    }
}

#[test]
fn every_right_has_a_row_in_the_documentation_and_no_other() {
    let text = include_str!("../../../docs/admin-keys.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let areas: Vec<&str> = rows.filter_map(|line| line.split('`').nth(1)).collect();
    let all: Vec<&str> = protocol::admin::Area::ALL.iter().map(|area| area.as_str()).collect();
    assert_eq!(areas, all);
    for verb in protocol::admin::Verb::ALL {
        assert!(text.contains(&format!("`{verb}` |")), "{verb}");
    }
}
