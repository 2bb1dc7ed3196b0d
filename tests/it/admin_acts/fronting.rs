//! Fronting links: what one may say, that they never form a cycle, and what falls with them.

use std::time::Duration;

use actors::runtime::Environment;
use authserver::administration::fronting::{
    self, ChangedFrontingLink, FrontingLinkView, FrontingQuery, NewFrontingLink,
};
use authserver::administration::{AdminError, resource};
use entities::StoreError;
use entities::issuance::{self, Lineage, NewIssuance};
use futures::future::join_all;
use protocol::client::GrantType;
use protocol::scope::ScopeSet;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{at_the_desk, dependents, is_invalid, is_missing, noted, patch};
use crate::kit::{Server, on_both_databases};

/// `gate`, `files` and `mail`, each with the scopes `read` and `write`.
async fn three_resources(server: &Server) {
    for slug in ["gate", "files", "mail"] {
        server.resource(slug, &format!("https://{slug}.example/mcp"), &["read", "write"]).await;
    }
}

fn link(source: &str, target: &str, map: &Value) -> NewFrontingLink {
    patch(json!({ "source": source, "target": target, "scope_map": map }))
}

async fn create(
    server: &Server,
    source: &str,
    target: &str,
    map: Value,
) -> Result<ChangedFrontingLink, AdminError> {
    let new = link(source, target, &map);
    at_the_desk!(server, desk => fronting::create(&desk, new, false))
}

/// Makes a link that gives `read` for `read`.
async fn connect(server: &Server, source: &str, target: &str) -> ChangedFrontingLink {
    create(server, source, target, json!({ "read": ["read"] })).await.unwrap()
}

fn pair(source: &str, target: &str) -> (String, String) {
    (source.to_owned(), target.to_owned())
}

async fn change(
    server: &Server,
    map: Value,
    dry_run: bool,
) -> Result<ChangedFrontingLink, AdminError> {
    let map = patch(json!({ "scope_map": map }));
    at_the_desk!(server, desk => fronting::patch(&desk, pair("gate", "files"), map, dry_run))
}

/// All links.
async fn all_of(server: &Server) -> Vec<FrontingLinkView> {
    let query = FrontingQuery::default();
    let list = at_the_desk!(server, desk => fronting::list(&desk, query)).unwrap();
    assert_eq!(list.total, list.links.len() as u64);
    list.links
}

/// All links, as `source target`, in the order of the alphabet.
async fn all(server: &Server) -> Vec<String> {
    let links = all_of(server).await;
    let mut links: Vec<String> =
        links.iter().map(|link| format!("{} {}", link.source, link.target)).collect();
    links.sort_unstable();
    links
}

#[track_caller]
fn is_conflict<T: std::fmt::Debug>(refused: Result<T, AdminError>, says: &str) {
    match refused {
        Err(AdminError::Conflict(why)) => assert!(why.contains(says), "{why}"),
        other => panic!("no conflict: {other:?}"),
    }
}

/// Writes down a token with these scopes, exchanged from another, by way of a link if one is
/// named.
async fn issue(server: &Server, scopes: &str, from: Option<Uuid>, via: Option<Uuid>) -> Uuid {
    let environment: &Environment = &server.services.environment;
    let (jti, now) = (environment.new_id(), environment.now());
    let lineage =
        Lineage { parent_jti: from, via_link: via.map(|id| id.to_string()), ..Lineage::default() };
    let new = NewIssuance {
        jti,
        grant_type: GrantType::TokenExchange,
        user_id: None,
        client_id: "gateway".to_owned(),
        resource_ids: vec![Uuid::from_u128(7)],
        scopes: ScopeSet::parse(scopes).unwrap(),
        family_id: None,
        jkt: None,
        issued_at: now,
        expires_at: now + Duration::from_secs(3600),
        lineage,
    };
    let written = server.services.store.write(move |transaction| {
        Box::pin(async move { issuance::insert_all(transaction, vec![new]).await })
    });
    written.await.unwrap();
    jti
}

/// Whether each of these tokens is revoked.
async fn revoked<const N: usize>(server: &Server, tokens: [Uuid; N]) -> [bool; N] {
    let jtis = tokens.to_vec();
    let found =
        server.services.store.read(move |db| async move { issuance::find_all(&db, jtis).await });
    let found = found.await.unwrap();
    tokens.map(|jti| found.iter().find(|row| row.jti == jti).unwrap().revoked_at.is_some())
}

on_both_databases! {
    async fn a_link_says_what_it_gives_and_is_found_by_slug_and_id(server: Server) {
        three_resources(server).await;
        let map = json!({ "read": ["read"], "write": ["write", "read"] });
        let made = create(server, "gate", "files", map.clone()).await.unwrap();
        assert_eq!((made.dry_run, made.revoked_issuances), (false, 0));
        assert_eq!(made.link.created_at, made.link.updated_at);
        let said = "source=gate target=files scope_map=\"read=read,write=write+read\"";
        let id = made.link.id;
        assert_eq!(noted(server, "fronting_link.created").await, format!("admin:test link={id} {said}"));

        let shown = server.services.keepers.catalog.registered();
        let [gate, files] = ["gate", "files"].map(|slug| shown.resources.by_slug(slug).unwrap().id);
        assert_eq!(shown.links.between(&[gate], files)[0].id, id, "whoever makes it sees it");
        for (source, target) in [("gate", "files"), (&gate.to_string(), &files.to_string())] {
            let (source, target) = pair(source, target);
            let found = at_the_desk!(server, desk => fronting::get(&desk, source, target)).unwrap();
            assert_eq!(found, made.link);
            assert_eq!(serde_json::to_value(&found.scope_map).unwrap(), map);
        }
        server.wait(1);
        connect(server, "mail", "gate").await;
        let of = at_the_desk!(server, desk => fronting::of_resource(&desk, "gate")).unwrap();
        assert_eq!((of.slug.as_str(), of.fronts, of.fronted_by.len()), ("gate", vec![made.link], 1));
        assert_eq!(of.fronted_by[0].source, "mail");
        for (query, expected, total) in [
            (json!({ "source": "gate" }), vec!["files"], 1),
            (json!({ "target": "gate" }), vec!["gate"], 1),
            (json!({ "source": "gate", "target": "mail" }), vec![], 0),
            (json!({ "limit": 1, "offset": 1 }), vec!["gate"], 2),
        ] {
            let query: FrontingQuery = patch(query);
            let list = at_the_desk!(server, desk => fronting::list(&desk, query)).unwrap();
            let targets: Vec<&str> = list.links.iter().map(|link| link.target.as_str()).collect();
            assert_eq!((targets, list.total), (expected, total));
        }
    }

    async fn a_link_that_makes_no_sense_is_refused_and_leaves_no_trace(server: Server) {
        three_resources(server).await;
        connect(server, "gate", "files").await;
        let rows = server.audit().await.len();
        let good = || json!({ "read": ["read"] });
        is_missing(create(server, "none", "mail", good()).await, "resource_not_found");
        is_missing(create(server, "gate", "none", good()).await, "resource_not_found");
        is_invalid(create(server, "gate", "gate", good()).await, "target:");
        for (map, says) in [
            (json!({}), "scope_map:"),
            (json!({ "none": ["read"] }), "'gate' has no scope 'none'"),
            (json!({ "read": [] }), "'read' is worth no scope"),
            (json!({ "read": ["none"] }), "'mail' has no scope 'none'"),
            (json!({ "read": ["read", "read"] }), "twice"),
        ] {
            is_invalid(create(server, "gate", "mail", map.clone()).await, says);
            if map != json!({}) {
                let says = says.replace("mail", "files");
                is_invalid(change(server, map, false).await, &says);
            }
        }
        is_conflict(create(server, "gate", "files", good()).await, "already");
        is_invalid(change(server, Value::Null, false).await, "scope_map");
        for (source, target, error) in [
            ("files", "gate", "fronting_link_not_found"),
            ("none", "gate", "resource_not_found"),
            ("gate", "none", "resource_not_found"),
            ("gate", "00000000-0000-7000-8000-000000000000", "resource_not_found"),
        ] {
            let (from, to) = pair(source, target);
            is_missing(at_the_desk!(server, desk => fronting::get(&desk, from, to)), error);
            let ends = pair(source, target);
            let nothing = patch(json!({}));
            let patched = at_the_desk!(server, desk => fronting::patch(&desk, ends, nothing, false));
            is_missing(patched, error);
            let ends = pair(source, target);
            is_missing(at_the_desk!(server, desk => fronting::delete(&desk, ends, false)), error);
        }
        let query: FrontingQuery = patch(json!({ "source": "none" }));
        is_missing(at_the_desk!(server, desk => fronting::list(&desk, query)), "resource_not_found");
        assert_eq!(server.audit().await.len(), rows);
        assert_eq!(all(server).await, ["gate files"]);
    }

    async fn links_never_form_a_cycle_and_the_refusal_names_it(server: Server) {
        three_resources(server).await;
        connect(server, "gate", "files").await;
        let map = || json!({ "read": ["read"] });
        is_conflict(create(server, "files", "gate", map()).await, "files → gate → files");
        connect(server, "files", "mail").await;
        is_conflict(create(server, "mail", "gate", map()).await, "mail → gate → files → mail");
        connect(server, "gate", "mail").await;
        let ends = pair("files", "mail");
        at_the_desk!(server, desk => fronting::delete(&desk, ends, false)).unwrap();
        connect(server, "mail", "files").await;
        assert_eq!(all(server).await, ["gate files", "gate mail", "mail files"]);
    }

    /// What a link gave still works until it says less, and then exactly what it gives no more
    /// stops working.
    async fn a_narrower_map_takes_back_what_it_gives_no_more(server: Server) {
        three_resources(server).await;
        let map = json!({ "read": ["read"], "write": ["write", "read"] });
        let id = create(server, "gate", "files", map).await.unwrap().link.id;
        let other = connect(server, "gate", "mail").await.link.id;
        let reader = issue(server, "read", None, None).await;
        let writer = issue(server, "read write", None, None).await;
        let kept = issue(server, "read", Some(reader), Some(id)).await;
        let also_kept = issue(server, "read", Some(writer), Some(id)).await;
        let lost = issue(server, "write read", Some(writer), Some(id)).await;
        let child = issue(server, "read", Some(lost), None).await;
        let orphan = issue(server, "read", Some(Uuid::from_u128(99)), Some(id)).await;
        let elsewhere = issue(server, "read", Some(reader), Some(other)).await;
        let tokens = [reader, writer, kept, also_kept, lost, child, orphan, elsewhere];

        let wider = json!({ "read": ["read", "write"], "write": ["read", "write"] });
        let after = change(server, wider, false).await.unwrap();
        assert_eq!(after.revoked_issuances, 0, "it gives more");
        assert_eq!(revoked(server, tokens).await, [false; 8]);
        let rows = server.audit().await.len();
        let narrow = || json!({ "read": ["read"] });
        server.wait(1);
        let before = all_of(server).await;
        let rehearsed = change(server, narrow(), true).await.unwrap();
        assert_eq!((rehearsed.dry_run, rehearsed.revoked_issuances), (true, 3));
        assert_eq!(rehearsed.link.scope_map.len(), 1, "as it would be");
        assert_eq!(all_of(server).await, before, "nothing was written");
        assert_eq!(server.audit().await.len(), rows);
        assert_eq!(revoked(server, tokens).await, [false; 8]);

        let after = change(server, narrow(), false).await.unwrap();
        assert_eq!((after.dry_run, after.revoked_issuances), (false, 3));
        assert!(after.link.updated_at > after.link.created_at);
        let said = "fields=scope_map revoked_issuances=3 scope_map=\"read=read\"";
        let said = format!("admin:test link={id} source=gate target=files {said}");
        assert_eq!(noted(server, "fronting_link.patched").await, said);
        let expected = [false, false, false, false, true, true, true, false];
        assert_eq!(revoked(server, tokens).await, expected);
        let rows = server.audit().await.len();
        assert_eq!(change(server, narrow(), false).await.unwrap().revoked_issuances, 0);
        let ends = pair("gate", "files");
        let nothing = patch(json!({}));
        at_the_desk!(server, desk => fronting::patch(&desk, ends, nothing, false)).unwrap();
        assert_eq!(server.audit().await.len(), rows, "neither changed anything");
    }

    async fn a_deleted_link_takes_what_came_by_way_of_it(server: Server) {
        three_resources(server).await;
        let id = connect(server, "gate", "files").await.link.id;
        let subject = issue(server, "read", None, None).await;
        let token = issue(server, "read", Some(subject), Some(id)).await;
        let child = issue(server, "read", Some(token), None).await;
        let rows = server.audit().await.len();
        let delete = async |dry_run| {
            let ends = pair("gate", "files");
            at_the_desk!(server, desk => fronting::delete(&desk, ends, dry_run))
        };
        let rehearsed = delete(true).await.unwrap();
        assert_eq!((rehearsed.dry_run, rehearsed.revoked_issuances), (true, 2));
        assert_eq!(server.audit().await.len(), rows);
        assert_eq!(all(server).await, ["gate files"]);
        assert_eq!(revoked(server, [subject, token, child]).await, [false; 3]);
        let deleted = delete(false).await.unwrap();
        assert_eq!((deleted.id, deleted.dry_run, deleted.revoked_issuances), (id, false, 2));
        let said = format!("admin:test link={id} source=gate target=files revoked_issuances=2");
        assert_eq!(noted(server, "fronting_link.deleted").await, said);
        assert_eq!(revoked(server, [subject, token, child]).await, [false, true, true]);
        assert!(server.services.keepers.catalog.links().iter().next().is_none());
        is_missing(delete(true).await, "fronting_link_not_found");
        connect(server, "gate", "files").await;
        assert_eq!(delete(false).await.unwrap().revoked_issuances, 0, "those are of the old link");
    }

    async fn a_rehearsed_creation_is_checked_like_a_real_one_and_makes_nothing(server: Server) {
        three_resources(server).await;
        connect(server, "gate", "files").await;
        let rows = server.audit().await.len();
        let rehearse = async |source, target, map| {
            let new = link(source, target, &map);
            at_the_desk!(server, desk => fronting::create(&desk, new, true))
        };
        let map = || json!({ "read": ["read"] });
        let would_be = rehearse("files", "mail", map()).await.unwrap();
        assert_eq!((would_be.dry_run, would_be.link.source.as_str()), (true, "files"));
        is_conflict(rehearse("files", "gate", map()).await, "files → gate → files");
        is_conflict(rehearse("gate", "files", map()).await, "already");
        is_invalid(rehearse("gate", "mail", json!({ "x": ["read"] })).await, "'x'");
        is_missing(rehearse("none", "mail", map()).await, "resource_not_found");
        assert_eq!(all(server).await, ["gate files"]);
        assert_eq!(server.audit().await.len(), rows);
    }

    /// Each of two links is fine; both together are a cycle. Exactly one of two operators who
    /// order them at the same moment, on two servers, gets theirs.
    async fn of_two_links_that_make_a_cycle_together_one_is_made(server: Server) {
        three_resources(server).await;
        let replica = server.replica().await;
        for round in 0..20 {
            let map = || json!({ "read": ["read"] });
            let made = join_all([
                create(server, "gate", "files", map()),
                create(&replica, "files", "gate", map()),
            ]);
            let made = made.await;
            let won = made.iter().filter(|made| made.is_ok()).count();
            assert_eq!(won, 1, "round {round}: {made:?}");
            for outcome in &made {
                let fine = matches!(outcome, Ok(_) | Err(AdminError::Conflict(_)));
                assert!(fine, "round {round}: {outcome:?}");
            }
            let (source, target) = if made[0].is_ok() { ("gate", "files") } else { ("files", "gate") };
            assert_eq!(all(server).await, [format!("{source} {target}")]);
            let ends = pair(source, target);
            at_the_desk!(server, desk => fronting::delete(&desk, ends, false)).unwrap();
        }
        replica.stop().await;
    }

    async fn a_scope_that_left_its_catalog_is_stale_until_it_comes_back(server: Server) {
        three_resources(server).await;
        create(server, "gate", "files", json!({ "read": ["read"], "write": ["write", "read"] }))
            .await.unwrap();
        let scopes = async |which: &str, scopes: Value| {
            let said = patch(json!({ "scopes": scopes }));
            at_the_desk!(server, desk => resource::patch(&desk, which, said)).unwrap();
        };
        scopes("gate", json!([{ "name": "read" }])).await;
        scopes("files", json!([{ "name": "write" }])).await;
        let shown = all_of(server).await.remove(0);
        assert_eq!(shown.stale_scopes.source, ["write"]);
        assert_eq!(shown.stale_scopes.target, ["read"]);
        assert_eq!(shown.scope_map.len(), 2, "the map is as it was");
        is_invalid(change(server, json!({ "read": ["write"], "write": ["write"] }), false).await, "'write'");
        scopes("gate", json!([{ "name": "read" }, { "name": "write" }])).await;
        scopes("files", json!([{ "name": "read" }, { "name": "write" }])).await;
        assert_eq!(all_of(server).await[0].stale_scopes, fronting::StaleScopes::default());
    }

    async fn a_resource_with_links_is_deleted_only_with_them(server: Server) {
        three_resources(server).await;
        let out = connect(server, "gate", "files").await.link.id;
        let in_ = connect(server, "mail", "gate").await.link.id;
        let apart = connect(server, "mail", "files").await.link.id;
        let subject = issue(server, "read", None, None).await;
        let tokens = [
            issue(server, "read", Some(subject), Some(out)).await,
            issue(server, "read", Some(subject), Some(in_)).await,
            issue(server, "read", Some(subject), Some(apart)).await,
        ];
        let delete = async |cascade| {
            at_the_desk!(server, desk => resource::delete(&desk, "gate", cascade))
        };
        let on_it = [("issuances", 2), ("fronting_links", 2)];
        assert_eq!(dependents(delete(false).await), on_it.map(|(kind, count)| (kind.to_owned(), count)));
        assert_eq!(revoked(server, tokens).await, [false; 3]);
        delete(true).await.unwrap();
        assert_eq!(revoked(server, tokens).await, [true, true, false]);
        assert_eq!(all(server).await, ["mail files"]);
        assert_eq!(server.services.keepers.catalog.links().iter().count(), 1);
        let said = "slug=gate revoked_families=0 revoked_issuances=2 consent_grants=0 clients=0 fronting_links=2";
        assert_eq!(noted(server, "resource.deleted").await, format!("admin:test {said}"));
    }

    async fn another_server_follows_within_its_next_look(server: Server) {
        three_resources(server).await;
        let replica = server.replica().await;
        let made = connect(server, "gate", "files").await.link.id;
        let shown = || {
            let links = replica.services.keepers.catalog.links();
            links.iter().map(|link| link.id).collect::<Vec<_>>()
        };
        for expected in [vec![made], vec![]] {
            for _ in 0..200 {
                server.wait(1);
                if shown() == expected {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(shown(), expected);
            let ends = pair("gate", "files");
            drop(at_the_desk!(server, desk => fronting::delete(&desk, ends, false)));
        }
        replica.stop().await;
    }

    async fn a_damaged_link_says_so_gives_nothing_and_can_be_mended_or_deleted(server: Server) {
        three_resources(server).await;
        let id = connect(server, "gate", "files").await.link.id;
        connect(server, "gate", "mail").await;
        assert_eq!(server.execute("UPDATE fronting_links SET scope_map = '[1]'").await, 2);
        for target in ["files", "mail"] {
            let (from, to) = pair("gate", target);
            let damaged = at_the_desk!(server, desk => fronting::get(&desk, from, to));
            let said = matches!(damaged, Err(AdminError::Store(StoreError::Damaged { .. })));
            assert!(said, "{damaged:?}");
        }
        let query = FrontingQuery::default();
        let list = at_the_desk!(server, desk => fronting::list(&desk, query)).unwrap();
        assert_eq!((list.links.len(), list.total), (0, 2));
        let token = issue(server, "read", None, Some(id)).await;
        is_conflict(create(server, "files", "gate", json!({ "read": ["read"] })).await, "→");
        let mended = change(server, json!({ "read": ["read"] }), false).await.unwrap();
        assert_eq!(mended.revoked_issuances, 1, "nobody can tell what it gave");
        assert_eq!(revoked(server, [token]).await, [true]);
        let ends = pair("gate", "mail");
        at_the_desk!(server, desk => fronting::delete(&desk, ends, false)).unwrap();
        assert_eq!(all(server).await, ["gate files"]);
        assert_eq!(server.services.keepers.catalog.links().iter().count(), 1);
    }
}
