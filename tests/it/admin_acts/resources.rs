//! Resources: changing them, their lists, and deleting them with what rests on them.

use actors::catalog::{ListChange, PolicyList};
use authserver::administration::resource::{self, NewResource, ResourcePatch, policy};
use authserver::administration::{AdminError, client};
use protocol::client::ClientStatus;
use serde_json::json;

use super::{at_the_desk, dependents, is_invalid, is_missing, noted, patch};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, Stage, Tokens, machine, public_app};
use crate::kit::{Server, TokenClient, on_both_databases};

async fn change(
    server: &Server,
    which: &str,
    said: serde_json::Value,
) -> Result<resource::ResourceView, AdminError> {
    at_the_desk!(server, desk => resource::patch(&desk, which, patch::<ResourcePatch>(said)))
}

async fn create(server: &Server, said: serde_json::Value) -> Result<(), AdminError> {
    at_the_desk!(server, desk => resource::create(&desk, patch::<NewResource>(said))).map(drop)
}

on_both_databases! {
    async fn a_resource_is_made_of_the_contracts_document_and_shown_as_one(server: Server) {
        let robot = server.client(machine("tools")).await.client.id.clone();
        create(server, json!({
            "slug": "notes", "uri": "https://notes.example/mcp", "aliases": ["https://n.example"],
            "discoverable": true, "backend_kind": "mint", "display_name": "Notes",
            "scopes": [{ "name": "read", "description": "Reads", "default": true }],
            "policy": { "exchange": { "allowed_client_ids": [robot] },
                "runtime": { "client_ids": [robot] },
                "connect": { "allowed_return_urls": ["https://app.example/done"] } },
        })).await.unwrap();
        let shown = at_the_desk!(server, desk => resource::get(&desk, "notes")).unwrap();
        let by_id = shown.id.to_string();
        let same = at_the_desk!(server, desk => resource::get(&desk, &by_id)).unwrap();
        assert_eq!(same, shown);
        assert_eq!(serde_json::to_value(&shown).unwrap(), json!({
            "id": shown.id, "slug": "notes", "uri": "https://notes.example/mcp",
            "aliases": ["https://n.example"], "discoverable": true, "backend_kind": "mint",
            "display_name": "Notes",
            "scopes": [{ "name": "read", "description": "Reads", "default": true }],
            "policy": { "exchange": { "allowed_client_ids": [robot] },
                "runtime": { "client_ids": [robot] },
                "connect": { "allowed_return_urls": ["https://app.example/done"] },
                "dpop": { "required": false } },
            "missing_clients": [],
        }));
        create(server, json!({ "slug": "bare", "uri": "https://bare.example", "policy": null,
            "aliases": null })).await.unwrap();
        let query = resource::ResourceQuery { limit: Some(1), offset: Some(1) };
        let list = at_the_desk!(server, desk => resource::list(&desk, query)).unwrap();
        assert_eq!((list.resources[0].slug.as_str(), list.total), ("notes", 2));
        for (said, word) in [
            (json!({ "slug": "b", "uri": "https://b.example", "backend_kind": "broker" }), "built"),
            (json!({ "slug": "b", "uri": "https://b.example", "broker_provider_slug": "x" }), "built"),
            (json!({ "slug": "B", "uri": "https://b.example" }), "slug"),
            (json!({ "slug": "b", "uri": "b" }), "uri"),
            (json!({ "slug": "b", "uri": "https://b.example", "policy":
                { "runtime": { "client_ids": ["none"] } } }), "policy.runtime.client_ids"),
            (json!({ "slug": "b", "uri": "https://b.example", "policy":
                { "connect": { "allowed_return_urls": ["http://b.example"] } } }), "return_urls"),
        ] {
            is_invalid(create(server, said).await, word);
        }
        let taken = create(server, json!({ "slug": "b", "uri": "https://n.example/" })).await;
        assert!(matches!(taken, Err(AdminError::Conflict(_))), "{taken:?}");
    }

    async fn a_patch_changes_what_it_says_and_every_replica_follows(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let said = json!({ "display_name": "Tools", "discoverable": true, "aliases": ["https://t.example"],
            "scopes": [{ "name": "read" }], "policy": { "exchange": { "allowed_client_ids": [stage.guard.id] } } });
        let after = change(server, "mcp", said).await.unwrap();
        let fields = "aliases,display_name,discoverable,scopes,policy.exchange";
        let noted = noted(server, "resource.patched").await;
        assert_eq!(noted, format!("admin:test slug=mcp fields={fields}"));
        assert_eq!(after.policy.runtime.client_ids, [stage.guard.id.as_str()], "not said, kept");
        assert_eq!(after.uri, RESOURCE);
        let shown = |server: &Server| {
            let resources = server.services.keepers.catalog.resources();
            resources.by_uri("https://t.example").map(|it| it.display_name.clone())
        };
        assert_eq!(shown(server).as_deref(), Some("Tools"));
        for _ in 0..200 {
            server.wait(1);
            if shown(&replica).is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(shown(&replica).as_deref(), Some("Tools"));
        let none = json!({ "policy": { "runtime": null }, "aliases": null });
        let emptied = change(&replica, "mcp", none).await.unwrap();
        assert!(emptied.policy.runtime.client_ids.is_empty() && emptied.aliases.is_empty());
        assert_eq!(emptied.policy.exchange.allowed_client_ids, [stage.guard.id.as_str()]);
        replica.stop().await;
    }

    /// A client may have been told about a resource by a URI that it goes by no more.
    async fn clients_that_mean_a_resource_follow_when_its_uri_changes(server: Server) {
        let stage = Stage::set(server).await;
        change(server, "mcp", json!({ "aliases": ["https://old.example/mcp"] })).await.unwrap();
        let mut apps = Vec::new();
        for said in [RESOURCE, "https://OLD.example/mcp", "mcp"] {
            let default_resource = Some(said.to_owned());
            let app = server.client(client::NewClient { default_resource, ..public_app() }).await;
            assert_eq!(app.client.default_resource.as_deref(), Some("mcp"), "kept as the slug");
            apps.push(TokenClient::of(&app));
        }
        // As earlier versions kept it, in another spelling.
        for (app, said) in apps.iter().zip(["https://MCP.example/mcp", "https://old.example/mcp"]) {
            server.change_client(&app.id, &format!("default_resource = '{said}'")).await;
        }
        let bystander = Some("files".to_owned());
        let bystander = client::NewClient { default_resource: bystander, ..public_app() };
        let bystander = server.client(bystander).await.client.id.clone();

        let moved = json!({ "uri": "https://new.example/mcp", "aliases": null });
        change(server, "mcp", moved).await.unwrap();

        for app in &apps {
            server.notices_the_client(&app.id).await;
            let tokens = stage.tokens_for(server, app, &[("scope", "read")]).await;
            assert_eq!(claims(&tokens.access)["aud"], json!(["https://new.example/mcp"]));
        }
        let bystander = at_the_desk!(server, desk => client::get(&desk, &bystander)).unwrap();
        assert_eq!(bystander.default_resource.as_deref(), Some("files"));
        let refused = at_the_desk!(server, desk => resource::delete(&desk, "mcp", false));
        assert!(dependents(refused).contains(&("clients".to_owned(), 3)), "all are counted");
    }

    async fn a_patch_that_makes_no_sense_is_refused_and_changes_nothing(server: Server) {
        Stage::set(server).await;
        let rows = server.audit().await.len();
        for (said, word) in [
            (json!({ "slug": "other" }), "slug"),
            (json!({ "uri": null }), "uri"),
            (json!({ "uri": "https://mcp.example/#part" }), "uri"),
            (json!({ "backend_kind": "broker" }), "built"),
            (json!({ "scopes": [{ "name": "read" }, { "name": "read" }] }), "twice"),
            (json!({ "scopes": [{ "name": "offline_access" }] }), "offline_access"),
            (json!({ "policy": { "exchange": { "allowed_client_ids": ["none"] } } }), "exchange"),
        ] {
            is_invalid(change(server, "mcp", said).await, word);
        }
        let taken = change(server, "mcp", json!({ "aliases": [OTHER_RESOURCE] })).await;
        assert!(matches!(taken, Err(AdminError::Conflict(_))), "{taken:?}");
        change(server, "mcp", json!({ "slug": "mcp", "backend_kind": "mint" })).await.unwrap();
        is_missing(change(server, "none", json!({})).await, "resource_not_found");
        assert_eq!(server.audit().await.len(), rows);
        for unknown in [json!({ "id": "x" }), json!({ "policy": { "runtime": { "ids": [] } } })] {
            assert!(serde_json::from_value::<ResourcePatch>(unknown).is_err());
        }
    }

    async fn the_lists_of_a_policy_change_entry_by_entry_and_once(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        let robot = server.client(machine("tools")).await.client.id.clone();
        for (list, entry, action) in [
            (PolicyList::ExchangeClients, robot.as_str(), "resource.policy.exchange.allowed_client"),
            (PolicyList::RuntimeClients, &robot, "resource.policy.runtime.client"),
            (PolicyList::ReturnUrls, "https://app.example/done", "resource.policy.connect.allowed_return_url"),
        ] {
            let entries = async || {
                at_the_desk!(server, desk => policy::entries(&desk, "mcp", list)).unwrap()
            };
            let change = async |entry: &str, change| {
                at_the_desk!(server, desk => policy::change(&desk, "mcp", list, entry, change))
            };
            for _ in 0..2 {
                assert_eq!(change(entry, ListChange::Add).await.unwrap(), [entry]);
            }
            assert_eq!(entries().await, [entry]);
            assert_eq!(change("stranger", ListChange::Remove).await.unwrap(), [entry]);
            assert!(change("stranger", ListChange::Add).await.is_err());
            for _ in 0..2 {
                assert!(change(entry, ListChange::Remove).await.unwrap().is_empty());
            }
            assert!(entries().await.is_empty());
            for way in ["added", "removed"] {
                let action = format!("{action}.{way}");
                assert_eq!(server.audited(&action, &["slug=mcp"]).await, 1, "{action}");
            }
            let way = ListChange::Add;
            let none = at_the_desk!(server, desk => policy::change(&desk, "none", list, entry, way));
            is_missing(none, "resource_not_found");
        }
    }

    /// The exchange list keeps them: were it emptied, anybody could exchange.
    async fn listed_clients_that_do_not_exist_any_more_are_named(server: Server) {
        server.resource("mcp", RESOURCE, &["read"]).await;
        server.resource("files", OTHER_RESOURCE, &["read"]).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(server.client(machine("tools")).await.client.id.clone());
        }
        for id in &ids {
            for list in [PolicyList::ExchangeClients, PolicyList::RuntimeClients] {
                let add = ListChange::Add;
                at_the_desk!(server, desk => policy::change(&desk, "mcp", list, id, add)).unwrap();
            }
        }
        let missing = async |which: &str| {
            at_the_desk!(server, desk => resource::get(&desk, which)).unwrap().missing_clients
        };
        assert!(missing("mcp").await.is_empty());
        let status = ClientStatus::Revoked;
        at_the_desk!(server, desk => client::set_status(&desk, &ids[0], status)).unwrap();
        assert!(missing("mcp").await.is_empty(), "one that is switched off is still there");
        for id in &ids[1..] {
            at_the_desk!(server, desk => client::delete(&desk, id, true)).unwrap();
        }
        let mut gone = ids[1..].to_vec();
        gone.sort();
        assert_eq!(missing("mcp").await, gone);
        let after = change(server, "mcp", json!({ "display_name": "Tools" })).await.unwrap();
        assert_eq!(after.missing_clients, gone);
        assert_eq!(after.policy.exchange.allowed_client_ids, ids, "nothing is let in by a deletion");
        let query = resource::ResourceQuery::default();
        let list = at_the_desk!(server, desk => resource::list(&desk, query)).unwrap();
        let shown: Vec<_> = list.resources.iter().map(|it| (&*it.slug, it.missing_clients.len())).collect();
        assert_eq!(shown, [("files", 0), ("mcp", 2)]);
    }

    async fn a_resource_that_something_rests_on_is_deleted_only_with_it(server: Server) {
        let stage = Stage::set(server).await;
        let (tokens, code) = (stage.tokens(server).await, stage.code(server).await);
        let elsewhere = [("resource", OTHER_RESOURCE), ("scope", "list")];
        let others = stage.tokens_for(server, &stage.app, &elsewhere).await;
        let other_code = stage.code_for(server, &stage.app, &elsewhere).await;
        let both = [("resource", RESOURCE), ("resource", OTHER_RESOURCE), ("scope", "read list")];
        let both = stage.tokens_for(server, &stage.app, &both).await;
        let default_resource = Some("mcp".to_owned());
        let lost = client::NewClient { default_resource, ..public_app() };
        let lost = server.client(lost).await.client.id.clone();

        let refused = at_the_desk!(server, desk => resource::delete(&desk, "mcp", false));
        let on_it = [("consent_grants", 1), ("families", 2), ("issuances", 2), ("clients", 1)];
        assert_eq!(dependents(refused), on_it.map(|(kind, count)| (kind.to_owned(), count)));
        assert!(stage.active(server, &tokens.access).await, "nothing happened");

        at_the_desk!(server, desk => resource::delete(&desk, "mcp", true)).unwrap();
        let said = "revoked_families=2 revoked_issuances=2 consent_grants=1 clients=1 fronting_links=0";
        assert_eq!(noted(server, "resource.deleted").await, format!("admin:test slug=mcp {said}"));
        for dead in [&tokens, &both] {
            assert!(!stage.active(server, &dead.access).await);
            assert_eq!(stage.app.refresh(server, &dead.refresh).await.status, 400);
        }
        assert_eq!(stage.redeem(server, &code).await.status, 400);
        assert!(stage.active(server, &others.access).await);
        Tokens::of(&stage.app.refresh(server, &others.refresh).await);
        Tokens::of(&stage.redeem(server, &other_code).await);
        let lost = at_the_desk!(server, desk => client::get(&desk, &lost)).unwrap();
        assert_eq!(lost.default_resource, None);
        let gone = at_the_desk!(server, desk => resource::get(&desk, "mcp"));
        is_missing(gone, "resource_not_found");
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        robot.token(server, &form).await.refused(400, "invalid_target");
    }

    async fn a_resource_that_nothing_rests_on_just_goes(server: Server) {
        Stage::set(server).await;
        at_the_desk!(server, desk => resource::delete(&desk, "files", false)).unwrap();
        let again = at_the_desk!(server, desk => resource::delete(&desk, "files", true));
        is_missing(again, "resource_not_found");
        server.resource("files", OTHER_RESOURCE, &["list"]).await;
    }

    /// The code for the other resource is not touched, and is worth what it was.
    async fn a_consent_taken_back_leaves_codes_for_other_resources(server: Server) {
        let stage = Stage::set(server).await;
        let code = stage.code(server).await;
        let elsewhere = [("resource", OTHER_RESOURCE), ("scope", "list")];
        let other = stage.code_for(server, &stage.app, &elsewhere).await;
        let mcp = server.services.keepers.catalog.resources().by_slug("mcp").unwrap().id;
        let grants = stage.consent_grants(server).await;
        let grant = grants.iter().find(|grant| grant.resource_id == mcp).unwrap();
        crate::kit::stage::revoke_grant(server, grant.id).await;
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        Tokens::of(&stage.redeem(server, &other).await);
    }
}
