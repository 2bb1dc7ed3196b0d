//! Guessing passwords, and what guessers can do to the people whose they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;

use crate::kit::browser::hidden_fields;
use crate::kit::scene::EMAIL;
use crate::kit::server::PASSWORD;
use crate::kit::stage::machine;
use crate::kit::{Answer, Backend, Browser, Server, TokenClient, on_both_databases};

/// Two failures lock a network, twenty an address.
const TWO: (&str, &str) = ("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "2");
const PROXY: (&str, &str) = ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8");
const HERE: &str = "198.51.100.1";

/// Tries to sign in with a browser of its own at `address`.
async fn attempt(server: &Server, address: &str, email: &str, password: &str) -> Answer {
    attempt_with(server, &Browser::at(address), email, password).await
}

async fn attempt_with(server: &Server, with: &Browser, email: &str, password: &str) -> Answer {
    let page = with.get(server, "/login?request=01900000-0000-7000-8000-000000000000").await;
    with.type_in(server, &page, email, password).await
}

#[track_caller]
fn is_locked(answer: &Answer, seconds: &str) {
    answer.is_page(429, "Too many attempts");
    assert_eq!(answer.header("retry-after"), seconds);
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
}

/// Lifts lockouts as an operator does; how many counts were forgotten.
async fn lift(server: &Server, named: &str, whom: &str) -> u64 {
    let body = serde_json::json!({ named: whom });
    let answer = server.admin_post("/admin/lockouts/lift", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["lifted"].as_u64().unwrap()
}

/// The kinds and scopes of the lockouts that hold.
async fn lockouts(server: &Server) -> Vec<String> {
    let list = server.admin_get("/admin/lockouts").await.json();
    let rows = list["lockouts"].as_array().unwrap().clone();
    assert_eq!(list["total"], rows.len());
    let name = |row: &serde_json::Value| format!("{} {}", row["kind"], row["scope"]);
    let mut names: Vec<String> = rows.iter().map(name).collect();
    names.sort();
    names
}

on_both_databases! {
    async fn an_operator_lifts_a_lockout_by_any_of_its_names(server: Server) with [PROXY, TWO] {
        server.person(EMAIL).await;
        let fail = async |from: &str| {
            for _ in 0..2 {
                attempt(server, from, EMAIL, "wrong").await.is_page(401, "not right");
            }
            is_locked(&attempt(server, from, EMAIL, PASSWORD).await, "900");
        };
        fail(HERE).await;
        assert_eq!(lockouts(server).await, ["\"sign_in\" \"place\""]);
        // The count of the network, and that of the account, which is no lockout yet.
        assert_eq!(lift(server, "email", " ADA@example.com ").await, 2);
        assert_eq!(attempt(server, HERE, EMAIL, PASSWORD).await.status, 303);

        fail(HERE).await;
        assert_eq!(lift(server, "address", "198.51.100.2").await, 0);
        assert_eq!(lift(server, "address", HERE).await, 1);
        assert_eq!(lockouts(server).await, Vec::<String>::new());
        assert_eq!(attempt(server, HERE, EMAIL, PASSWORD).await.status, 303);

        lift(server, "email", EMAIL).await;
        for network in 10..20 {
            fail(&format!("203.0.113.{network}")).await;
        }
        is_locked(&attempt(server, "203.0.113.99", EMAIL, PASSWORD).await, "900");
        assert!(lockouts(server).await.contains(&"\"sign_in\" \"account\"".to_owned()));
        assert!(lift(server, "email", EMAIL).await > 10, "ten networks and the account");
        assert_eq!(attempt(server, "203.0.113.99", EMAIL, PASSWORD).await.status, 303);

        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let guess = async || {
            let wrong = TokenClient::new(&robot.id, Some("apcs_wrong"));
            wrong.token(server, &[("grant_type", "client_credentials")]).await.status
        };
        assert_eq!([guess().await, guess().await, guess().await], [401, 401, 429]);
        assert_eq!(lockouts(server).await, ["\"client\" \"place\""]);
        assert_eq!(lift(server, "client_id", &robot.id).await, 1);
        assert_eq!(guess().await, 401);

        let lifted = server.audited("lockout.lifted", &["by=email"]).await;
        assert_eq!(lifted, 3);
        assert_eq!(server.audited("lockout.lifted", &["by=client", "lifted=1"]).await, 1);
        let mut rows = server.audit().await;
        rows.retain(|row| row.starts_with("lockout.lifted"));
        assert!(rows.iter().all(|row| !row.contains("ada@")), "{rows:?}");
        for body in [serde_json::json!({}), serde_json::json!({ "email": "a", "client_id": "b" })] {
            let answer = server.admin_post("/admin/lockouts/lift", &body).await;
            answer.refused(422, "invalid_value");
        }
    }

    async fn too_many_failures_lock_and_then_the_right_password_is_no_use(server: Server)
    with [PROXY] {
        let ada = server.person(EMAIL).await;
        for spelling in [EMAIL, "ADA@example.com", " ada@EXAMPLE.com ", "Ada@Example.Com", EMAIL] {
            for wrong in ["wrong horse battery", ""] {
                attempt(server, HERE, spelling, wrong).await.is_page(401, "not right");
            }
        }
        for (spelling, password) in [(EMAIL, PASSWORD), ("ADA@EXAMPLE.COM ", PASSWORD), (EMAIL, "x")] {
            is_locked(&attempt(server, HERE, spelling, password).await, "900");
        }
        let lockout = ["kind=sign_in", "scope=network"];
        server.until_audited("auth.locked_out", &lockout, 1).await;
        assert_eq!(server.audited("auth.locked_out", &lockout).await, 1);
        assert!(server.audited("user.login_failed", &[]).await <= 10);
        let metrics = server.admin_get("/metrics").await.text;
        assert!(metrics.contains("authserver_login_attempts_total{outcome=\"locked\"}"));

        // Elsewhere the person comes in, also without a browser that is known.
        assert_eq!(attempt(server, "203.0.113.9", EMAIL, PASSWORD).await.status, 303);
        server.wait(899);
        is_locked(&attempt(server, HERE, EMAIL, PASSWORD).await, "1");
        server.wait(1);
        assert_eq!(attempt(server, HERE, EMAIL, PASSWORD).await.status, 303);
        assert!(ada.disabled_at.is_none());
    }

    async fn an_address_nobody_has_is_locked_in_the_same_way(server: Server)
    with [TWO, PROXY] {
        server.person(EMAIL).await;
        let mut stories = Vec::new();
        for email in [EMAIL, "nobody@example.com"] {
            let mut story = Vec::new();
            for _ in 0..4 {
                let answer = attempt(server, HERE, email, "wrong").await;
                let mut text = answer.text.replace(email, "[typed]");
                for (_, value) in hidden_fields(&answer) {
                    text = text.replace(&value, "[hidden]");
                }
                story.push((answer.status, answer.header("retry-after").to_owned(), text));
            }
            assert_eq!(story.iter().map(|it| it.0).collect::<Vec<_>>(), [401, 401, 429, 429]);
            stories.push(story);
        }
        assert_eq!(stories[0], stories[1]);
    }

    async fn a_password_that_is_right_in_time_makes_failures_forgotten(server: Server)
    with [TWO, PROXY] {
        server.person(EMAIL).await;
        for _ in 0..3 {
            attempt(server, HERE, EMAIL, "wrong").await.is_page(401, "not right");
            assert_eq!(attempt(server, HERE, EMAIL, PASSWORD).await.status, 303);
        }
        attempt(server, HERE, EMAIL, "wrong").await.is_page(401, "not right");
        server.wait(600);
        attempt(server, HERE, EMAIL, "wrong").await.is_page(401, "not right");
        assert_eq!(attempt(server, HERE, EMAIL, PASSWORD).await.status, 303, "the window is over");
    }

    /// Whoever guesses from everywhere is stopped, and does not stop the person with that.
    async fn spreading_over_networks_locks_the_address_but_not_the_browsers_of_its_owner(server: Server)
    with [TWO, PROXY] {
        server.person(EMAIL).await;
        server.person("grace@example.com").await;
        let own = Browser::at(HERE);
        assert_eq!(attempt_with(server, &own, EMAIL, PASSWORD).await.status, 303);
        for network in 0..20 {
            let answer = attempt(server, &format!("203.0.113.{network}"), EMAIL, "wrong").await;
            answer.is_page(401, "not right");
        }
        is_locked(&attempt(server, "203.0.113.99", EMAIL, PASSWORD).await, "900");
        is_locked(&attempt(server, "2001:db8::1", " ADA@example.com", PASSWORD).await, "900");
        server.until_audited("auth.locked_out", &["scope=account"], 1).await;
        assert_eq!(attempt(server, "203.0.113.99", "grace@example.com", PASSWORD).await.status, 303);

        // The browser is known wherever it is, also where the guesser was.
        assert_eq!(attempt_with(server, &own, EMAIL, PASSWORD).await.status, 303);
        let known = own.cookie(server, "authserver_session_known").unwrap();
        let moved = Browser::at("203.0.113.1");
        moved.plant(server, "authserver_session_known", &known);
        assert_eq!(attempt_with(server, &moved, EMAIL, PASSWORD).await.status, 303);
        // It is known for whoever signed in with it, and for nobody else.
        for network in 0..20 {
            let email = "grace@example.com";
            attempt(server, &format!("203.0.113.{network}"), email, "wrong").await;
        }
        is_locked(&attempt_with(server, &own, "grace@example.com", PASSWORD).await, "900");
        server.wait(900);
        assert_eq!(attempt(server, "203.0.113.99", EMAIL, PASSWORD).await.status, 303);
    }

    /// A network that is locked must not go on to lock the address for everybody.
    async fn one_network_alone_cannot_lock_an_address_for_the_others(server: Server)
    with [TWO, PROXY] {
        server.person(EMAIL).await;
        for _ in 0..40 {
            attempt(server, HERE, EMAIL, "wrong").await;
        }
        assert_eq!(attempt(server, "203.0.113.9", EMAIL, PASSWORD).await.status, 303);
    }

    async fn a_known_browser_has_no_more_guesses_than_a_network(server: Server)
    with [TWO, PROXY] {
        server.person(EMAIL).await;
        let browser = Browser::at(HERE);
        assert_eq!(attempt_with(server, &browser, EMAIL, PASSWORD).await.status, 303);
        for _ in 0..2 {
            attempt_with(server, &browser, EMAIL, "wrong").await.is_page(401, "not right");
        }
        is_locked(&attempt_with(server, &browser, EMAIL, PASSWORD).await, "900");
        let forged = Browser::at(HERE);
        forged.plant(server, "authserver_session_known", "AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA");
        for _ in 0..2 {
            attempt_with(server, &forged, EMAIL, "wrong").await.is_page(401, "not right");
        }
        is_locked(&attempt_with(server, &forged, EMAIL, PASSWORD).await, "900");
    }

    async fn replicas_share_the_count_and_a_restart_forgets_nothing(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "4"), PROXY] {
        server.person(EMAIL).await;
        let other = server.replica().await;
        // All at once, on both: each is counted before anybody looks at its password.
        let guesses = (0..12).map(|number| {
            let on = if number % 2 == 0 { &*server } else { &other };
            attempt(on, HERE, EMAIL, "wrong")
        });
        let answers = join_all(guesses).await;
        let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
        let refused = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!((looked_at, refused), (4, 8), "{answers:?}");
        is_locked(&attempt(&other, HERE, EMAIL, PASSWORD).await, "900");
        other.stop().await;

        server.restart_with(&[]).await;
        is_locked(&attempt(server, HERE, EMAIL, PASSWORD).await, "900");
    }

    async fn lockouts_can_be_switched_off(server: Server)
    with [("AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", "0"), PROXY] {
        server.person(EMAIL).await;
        for _ in 0..15 {
            attempt(server, HERE, EMAIL, "wrong").await.is_page(401, "not right");
        }
        assert_eq!(attempt(server, HERE, EMAIL, PASSWORD).await.status, 303);
        assert_eq!(server.execute("DELETE FROM attempts").await, 0);
    }

    /// Whoever makes names up must not size the table, nor push out of it that somebody is locked.
    async fn made_up_names_leave_few_rows_and_do_not_unlock_anybody(server: Server)
    with [TWO, PROXY, ("AUTHPLANE_RATE_LIMIT_MAX_TRACKED_IDENTITIES", "20")] {
        server.person(EMAIL).await;
        let robot = TokenClient::of(&server.client(machine("tools")).await);
        let guess = async |id: &str| {
            let guesser = TokenClient::new(id, Some("wrong"));
            guesser.token(server, &[("grant_type", "client_credentials")]).await.status
        };
        for _ in 0..2 {
            attempt(server, HERE, EMAIL, "wrong").await.is_page(401, "not right");
            assert_eq!(guess(&robot.id).await, 401);
        }
        is_locked(&attempt(server, HERE, EMAIL, PASSWORD).await, "900");
        // By now the lockout ends sooner than what is counted from here on is forgotten.
        server.wait(840);
        for some in (0..60).collect::<Vec<_>>().chunks(10) {
            let emails: Vec<String> = some.iter().map(|it| format!("{it}@example.com")).collect();
            join_all(emails.iter().map(|email| attempt(server, HERE, email, "wrong"))).await;
            join_all(emails.iter().map(|id| guess(id))).await;
        }
        assert!(server.execute("UPDATE attempts SET kind = kind").await > 100, "there is a flood");
        server.wait(31);
        // Counted without holding them: rows that are held are passed over by who tidies.
        server.execute("CREATE TABLE tally (one integer)").await;
        for kind in [1, 2] {
            let count = format!("INSERT INTO tally SELECT 1 FROM attempts WHERE kind = {kind}");
            let mut rows = server.execute(&count).await;
            for _ in 0..200 {
                if rows <= 20 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                rows = server.execute(&count).await;
            }
            assert_eq!(rows, 20, "of kind {kind}");
        }
        is_locked(&attempt(server, HERE, EMAIL, PASSWORD).await, "29");
        assert_eq!(guess(&robot.id).await, 429);
    }

    async fn what_is_counted_names_nobody_and_is_swept(server: Server)
    with [PROXY] {
        attempt(server, HERE, "nobody@example.com", "wrong").await;
        assert_eq!(server.execute("UPDATE attempts SET failures = failures").await, 2);
        server.wait(601);
        server.services.keepers.janitor.ask(actors::janitor::SweepNow).await.unwrap().unwrap();
        assert_eq!(server.execute("UPDATE attempts SET failures = failures").await, 0);
    }
}

/// Sign-ins cost a lot of processor time each; tokens must not wait for them. How long one takes says
/// little on a machine that is busy: what counts is how many sign-ins came before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_keep_flowing_during_a_flood_of_sign_ins() {
    let server = Server::start_with(Backend::Sqlite, &[PROXY]).await;
    let robot = TokenClient::of(&server.client(machine("tools")).await);
    let browser = Browser::at(HERE);
    let page = browser.get(&server, "/login").await;
    let judged = AtomicUsize::new(0);
    let flood = join_all((0..150).map(|number| {
        let (browser, page, server, judged) = (&browser, &page, &server, &judged);
        async move {
            let email = format!("{number}@example.com");
            let status = browser.type_in(server, page, &email, "wrong").await.status;
            judged.fetch_add(usize::from(status == 401), Ordering::Relaxed);
            status
        }
    }));
    let tokens = async {
        let mut overtaken_by = Vec::new();
        for _ in 0..20 {
            let before = judged.load(Ordering::Relaxed);
            let answer = robot.token(&server, &[("grant_type", "client_credentials")]).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            overtaken_by.push(judged.load(Ordering::Relaxed) - before);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (overtaken_by, judged.load(Ordering::Relaxed))
    };
    let (answers, (overtaken_by, meanwhile)) = futures::join!(flood, tokens);
    let judged = judged.into_inner();
    assert!(meanwhile > 0 && overtaken_by[0] < judged, "the flood and the tokens did not meet");
    let most = overtaken_by.iter().max().unwrap();
    assert!(
        *most < judged / 2,
        "of {judged} sign-ins so many came before a token: {overtaken_by:?}"
    );
    assert!(answers.iter().all(|status| [401, 503].contains(status)), "{answers:?}");
    assert!(answers.contains(&503), "the flood is bounded: {answers:?}");
    server.stop().await;
}
