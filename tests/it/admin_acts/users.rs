//! People: changing and deleting their accounts, and what that reaches.

use actors::users::{FindUser, OpenSession};
use authserver::administration::user::{self, NewUser, UserPatch, UserQuery, UserStatus};
use authserver::administration::{AdminError, grant, token};
use futures::future::join_all;
use serde_json::json;

use super::{at_the_desk, is_invalid, is_missing, noted, origin, patch};
use crate::kit::server::PASSWORD;
use crate::kit::stage::{Stage, Tokens, person};
use crate::kit::{Browser, Server, on_both_databases};

async fn change(
    server: &Server,
    who: &str,
    said: serde_json::Value,
) -> Result<user::UserView, AdminError> {
    at_the_desk!(server, desk => user::patch(&desk, who, patch::<UserPatch>(said)))
}

async fn is_signed_in(server: &Server, browser: &Browser) -> bool {
    browser.get(server, "/login").await.text.contains("/logout")
}

/// What a sign-in with this password is answered.
async fn signs_in(server: &Server, email: &str, password: &str) -> u16 {
    let browser = Browser::new();
    let page = browser.get(server, "/login").await;
    let answer = browser.type_in(server, &page, email, password).await;
    browser.follow(server, answer).await.status
}

on_both_databases! {
    async fn users_are_listed_in_parts_and_found_by_address_and_status(server: Server) {
        let stage = Stage::set(server).await;
        server.wait(1);
        let eve = person(server, "eve@example.com").await;
        server.set_disabled(eve.id, true).await;
        let list = async |query: UserQuery| {
            let list = at_the_desk!(server, desk => user::list(&desk, query)).unwrap();
            let ids: Vec<_> = list.users.into_iter().map(|user| user.id).collect();
            (ids, list.total)
        };
        let all = vec![eve.id, stage.person.id];
        assert_eq!(list(UserQuery::default()).await, (all, 2));
        let one = UserQuery { limit: Some(1), ..UserQuery::default() };
        assert_eq!(list(one).await, (vec![eve.id], 2));
        let off = UserQuery { status: Some(UserStatus::Disabled), ..UserQuery::default() };
        assert_eq!(list(off).await, (vec![eve.id], 1));
        let email = Some(" ADA@example.com".to_owned());
        let ada = UserQuery { email, ..UserQuery::default() };
        assert_eq!(list(ada).await, (vec![stage.person.id], 1));
        let shown = at_the_desk!(server, desk => user::get(&desk, "ada@example.com")).unwrap();
        let shown = serde_json::to_string(&shown).unwrap();
        assert!(!shown.contains("password_hash") && shown.contains("\"status\":\"active\""));
        let nobody = at_the_desk!(server, desk => user::get(&desk, "nobody@example.com"));
        is_missing(nobody, "user_not_found");
    }

    /// Whoever knew the old password may be sitting in a session; clients are another matter.
    async fn another_password_ends_sessions_and_leaves_clients_alone(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        let bea = server.person("bea@example.com").await;
        let browser = Browser::signed_in(server, &bea.email).await;

        change(server, &bea.email, json!({ "name": "Bea" })).await.unwrap();
        assert!(is_signed_in(server, &browser).await, "a name ends nothing");
        server.wait(1);
        change(server, &bea.email, json!({ "password": "another good one" })).await.unwrap();
        assert!(!is_signed_in(server, &browser).await);
        let said = format!("admin:test user={} fields=password ended_sessions=1", bea.id);
        assert_eq!(noted(server, "user.updated").await, said);
        assert_eq!(signs_in(server, &bea.email, PASSWORD).await, 401);
        assert_eq!(signs_in(server, &bea.email, "another good one").await, 200);

        let ada = stage.person.id.to_string();
        change(server, &ada, json!({ "password": "another good one" })).await.unwrap();
        Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        change(server, &ada, json!({ "password": null })).await.unwrap();
        assert_eq!(signs_in(server, &stage.person.email, "another good one").await, 401);
        let log = server.audit().await.join("\n");
        assert!(!log.contains("another good one") && !log.contains("example.com"), "{log}");
    }

    /// The password was checked before it was changed; the session comes after.
    async fn a_sign_in_with_the_old_password_that_is_under_way_opens_no_session(server: Server) {
        let bea = server.person("bea@example.com").await;
        let open = async |hash: Option<String>| {
            let open = OpenSession {
                user_id: bea.id,
                amr: vec!["pwd".to_owned()],
                password_hash: hash,
                replaces: None,
                origin: origin(),
            };
            server.services.keepers.users.ask(open).await.unwrap().unwrap()
        };
        assert!(open(bea.password_hash.clone()).await.is_some());
        change(server, &bea.email, json!({ "password": "another good one" })).await.unwrap();
        assert!(open(bea.password_hash.clone()).await.is_none());
        let now = FindUser::Id(bea.id);
        let now = server.services.keepers.users.ask(now).await.unwrap().unwrap().unwrap();
        assert!(open(now.password_hash).await.is_some());
    }

    async fn a_patch_that_makes_no_sense_is_refused_and_changes_nothing(server: Server) {
        let ada = server.person("ada@example.com").await;
        server.person("bea@example.com").await;
        let before = at_the_desk!(server, desk => user::get(&desk, "ada@example.com")).unwrap();
        for (said, word) in [
            (json!({ "email": "nothing" }), "email"),
            (json!({ "email": null }), "email"),
            (json!({ "password": "short" }), "password"),
            (json!({ "role": "root" }), "role"),
            (json!({ "name": "\u{200b}" }), "name"),
        ] {
            is_invalid(change(server, &ada.email, said).await, word);
        }
        let taken = change(server, &ada.email, json!({ "email": "BEA@example.com" })).await;
        assert!(matches!(taken, Err(AdminError::Conflict(_))), "{taken:?}");
        is_missing(change(server, "nobody@example.com", json!({})).await, "user_not_found");
        let now = at_the_desk!(server, desk => user::get(&desk, "ada@example.com")).unwrap();
        assert_eq!(now, before);
        assert!(serde_json::from_value::<UserPatch>(json!({ "id": "x" })).is_err());
        assert!(serde_json::from_value::<NewUser>(json!({ "admin": true })).is_err());
        let said = NewUser { email: "c@example.com".to_owned(), ..NewUser::default() };
        is_invalid(at_the_desk!(server, desk => user::create(&desk, said)), "password");
    }

    async fn an_address_that_changed_is_the_one_to_sign_in_with(server: Server) {
        let ada = server.person("ada@example.com").await;
        change(server, &ada.email, json!({ "email": "Ada@New.example" })).await.unwrap();
        assert_eq!(signs_in(server, "ada@example.com", PASSWORD).await, 401);
        assert_eq!(signs_in(server, "ada@new.example", PASSWORD).await, 200);
        let again = server.person("ada@example.com").await;
        assert_ne!(again.id, ada.id, "the old address is free");
    }

    async fn deleting_a_user_reaches_all_that_stands_for_them(server: Server) {
        let stage = Stage::set(server).await;
        let (tokens, code) = (stage.tokens(server).await, stage.code(server).await);
        let decision = stage.decision(server).await;
        let bea = server.person("bea@example.com").await;
        let browser = Browser::signed_in(server, &bea.email).await;
        for who in [&stage.person.email, &bea.email] {
            at_the_desk!(server, desk => user::delete(&desk, who)).unwrap();
        }
        assert!(!is_signed_in(server, &browser).await);
        assert_eq!(signs_in(server, &bea.email, PASSWORD).await, 401);
        assert!(!stage.active(server, &tokens.access).await);
        stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        let decided = server.services.keepers.consent.ask(decision).await.unwrap().unwrap();
        assert!(matches!(decided, actors::consent::Decided::SignInFirst), "{decided:?}");
        assert!(stage.consent_grants(server).await.is_empty());
        let id = stage.person.id.to_string();
        is_missing(at_the_desk!(server, desk => user::delete(&desk, &id)), "user_not_found");
        is_missing(at_the_desk!(server, desk => grant::of_user(&desk, &id, grant::GrantQuery::default())), "user_not_found");
        // What happened stays in the log, and names nobody's address.
        let said = format!("user={id} revoked_families=1 revoked_issuances=1");
        assert_eq!(server.audited("user.deleted", &[&said]).await, 1);
        let log = server.audit().await.join("\n");
        assert!(log.contains("token.issued") && !log.contains("example.com"), "{log}");
    }

    async fn deleting_a_user_catches_what_is_in_flight(server: Server) {
        let stage = Stage::set(server).await;
        let (mut tokens, mut codes) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            tokens.push(stage.tokens(server).await);
            codes.push(stage.code(server).await);
        }
        let replica = server.replica().await;
        let who = stage.person.id.to_string();
        let act = async {
            tokio::time::sleep(std::time::Duration::from_millis(4)).await;
            at_the_desk!(replica, desk => user::delete(&desk, &who)).unwrap();
        };
        let refreshes = tokens.iter().map(|it| stage.app.refresh(server, &it.refresh));
        let redemptions = codes.iter().map(|code| stage.redeem(server, code));
        let (refreshed, redeemed, ()) =
            tokio::join!(join_all(refreshes), join_all(redemptions), act);
        let answers: Vec<_> = refreshed.into_iter().chain(redeemed).collect();
        assert!(answers.iter().all(|it| matches!(it.status, 200 | 400)), "{answers:?}");
        let given = answers.iter().filter(|answer| answer.status == 200).map(Tokens::of);
        let all: Vec<Tokens> = given.chain(tokens.iter().cloned()).collect();
        let access: Vec<String> = all.iter().map(|it| it.access.clone()).collect();
        assert_eq!(stage.active_among(server, &access).await, 0);
        for token in &all {
            assert_eq!(stage.app.refresh(server, &token.refresh).await.status, 400);
        }
        replica.stop().await;
    }

    async fn taking_all_tokens_of_a_user_leaves_them_signed_in(server: Server) {
        let stage = Stage::set(server).await;
        let (tokens, code) = (stage.tokens(server).await, stage.code(server).await);
        let decision = stage.decision(server).await;
        let email = &stage.person.email;
        let query = token::UserTokenQuery::default();
        let listed = at_the_desk!(server, desk => token::of_user(&desk, email, query.clone()));
        let listed = listed.unwrap();
        assert_eq!((listed.tokens.len(), listed.total), (1, 1));
        assert!(listed.tokens[0].revocable);

        let revoked = at_the_desk!(server, desk => token::revoke_of_user(&desk, email)).unwrap();
        assert_eq!(revoked.revoked, 1);
        assert!(!stage.active(server, &tokens.access).await);
        stage.app.refresh(server, &tokens.refresh).await.refused(400, "invalid_grant");
        stage.redeem(server, &code).await.refused(400, "invalid_grant");
        let left = at_the_desk!(server, desk => token::of_user(&desk, email, query)).unwrap();
        assert_eq!(left.total, 0);
        let decided = server.services.keepers.consent.ask(decision).await.unwrap().unwrap();
        assert!(matches!(decided, actors::consent::Decided::Approved(_)), "{decided:?}");
        let again = at_the_desk!(server, desk => token::revoke_of_user(&desk, email)).unwrap();
        assert_eq!(again.revoked, 0);
    }
}
