//! How many clients may be registered, however many servers there are to ask.

use futures::future::join_all;
use serde_json::json;

use crate::kit::scene::{REDIRECT, register};
use crate::kit::{Answer, Server, on_both_databases};

async fn from(server: &Server, address: &str) -> Answer {
    let document = json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none" });
    let request = reqwest::Client::new().post(server.url("/oauth/register")).json(&document);
    Answer::of(request.header("x-forwarded-for", address).send().await.unwrap()).await
}

fn admitted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 201).count()
}

on_both_databases! {
    async fn replicas_do_not_multiply_what_one_address_may_register(server: Server)
    with [("AUTHPLANE_DCR_RATE_LIMIT", "1/min"), ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "6")] {
        let other = server.replica().await;
        let document = json!({ "redirect_uris": [REDIRECT] });
        let answers = join_all((0..20).map(|number| {
            register(if number % 2 == 0 { &*server } else { &other }, &document)
        }));
        let answers = answers.await;
        assert_eq!(admitted(&answers), 6, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.refused(429, "slow_down");
        }
        other.stop().await;
        assert_eq!(server.execute("UPDATE budgets SET full_at = full_at").await, 2);

        // What was spent comes back, a little at a time, and a row that says nothing goes.
        server.wait(360 + 1);
        server.services.keepers.janitor.ask(actors::janitor::SweepNow).await.unwrap().unwrap();
        assert_eq!(server.execute("UPDATE budgets SET full_at = full_at").await, 0);
    }

    async fn a_swarm_of_addresses_has_a_budget_too_and_neighbours_do_not_suffer(server: Server)
    with [
        ("AUTHPLANE_DCR_RATE_LIMIT", "1/h"),
        ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "2"),
        ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8"),
    ] {
        for _ in 0..2 {
            assert_eq!(from(server, "2001:db8::1").await.status, 201);
        }
        from(server, "2001:db8::2").await.refused(429, "slow_down");
        assert_eq!(from(server, "2001:db8:0:1::2").await.status, 201);
        let addresses: Vec<String> = (0..60).map(|host| format!("203.0.113.{host}")).collect();
        let swarm = join_all(addresses.iter().map(|address| from(server, address))).await;
        assert_eq!(admitted(&swarm) + 3, 40, "twenty times what one address may");
        // Whoever was turned away because of the others has lost nothing of their own.
        let away = swarm.iter().position(|answer| answer.status == 429).unwrap();
        server.wait(2 * 180);
        let other = server.replica().await;
        for _ in 0..2 {
            assert_eq!(from(&other, &addresses[away]).await.status, 201);
        }
        other.stop().await;
    }
}
