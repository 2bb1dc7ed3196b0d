//! How many clients may be registered, however many servers there are to ask.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::kit::scene::{REDIRECT, register};
use crate::kit::{Answer, Server, on_both_databases};

async fn from(server: &Server, address: &str) -> Answer {
    with_name(server, address, "An app").await
}

async fn with_name(server: &Server, address: &str, name: &str) -> Answer {
    let document = json!({
        "client_name": name,
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    send(server, address, &document).await
}

async fn send(server: &Server, address: &str, document: &Value) -> Answer {
    let request = reqwest::Client::new().post(server.url("/oauth/register")).json(document);
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
        assert_eq!(server.execute("UPDATE budgets SET full_at = full_at").await, 3);

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
    /// An office behind one address, in which one program registers at each start.
    async fn a_program_that_registers_on_and_on_leaves_room_for_others_at_its_address(server: Server)
    with [
        ("AUTHPLANE_DCR_RATE_LIMIT", "1/h"),
        ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "8"),
        ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8"),
    ] {
        let office = "203.0.113.7";
        let mut answers = Vec::new();
        for _ in 0..12 {
            answers.push(with_name(server, office, "Looping").await);
        }
        assert_eq!(admitted(&answers), 8);
        for name in ["Editor", "Desktop", "Terminal"] {
            assert_eq!(with_name(server, office, name).await.status, 201, "{name}");
        }
        with_name(server, office, "Looping").await.refused(429, "slow_down");

        // Whoever makes programs up gets no further than twice what is configured.
        let mut made_up = 0;
        for number in 0..20 {
            let answer = with_name(server, office, &format!("Made up {number}")).await;
            made_up += usize::from(answer.status == 201);
        }
        assert_eq!(8 + 3 + made_up, 16);
        let rows = server.execute("UPDATE budgets SET full_at = full_at").await;
        assert!(rows <= 3 + 4 + 5, "names that were refused are no rows: {rows}");
    }

    async fn a_customer_with_many_ipv6_networks_is_one_customer(server: Server)
    with [
        ("AUTHPLANE_DCR_RATE_LIMIT", "1/h"),
        ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "2"),
        ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8"),
    ] {
        let mut answers = Vec::new();
        for network in 0..12 {
            answers.push(from(server, &format!("2001:db8:0:{network:x}::1")).await);
        }
        assert_eq!(admitted(&answers), 8, "four times what one network may");
        assert_eq!(from(server, "2001:db8:1::1").await.status, 201, "another customer");
    }

    /// A total that refused documents spend is a total that anybody can spend.
    async fn what_is_not_let_in_spends_nothing_that_others_need(server: Server)
    with [
        ("AUTHPLANE_DCR_MODE", "approved_redirects"),
        ("AUTHPLANE_DCR_APPROVED_REDIRECTS", REDIRECT),
        ("AUTHPLANE_DCR_RATE_LIMIT", "1/h"),
        ("AUTHPLANE_DCR_RATE_LIMIT_BURST", "1"),
        ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.0/8"),
    ] {
        for host in 0..45 {
            let address = format!("198.51.100.{host}");
            let junk = json!({ "redirect_uris": ["https://evil.example/cb"] });
            let answer = send(server, &address, &junk).await;
            assert!(matches!(answer.status, 400 | 403), "{answer:?}");
        }
        assert_eq!(from(server, "203.0.113.1").await.status, 201);

        // One address cannot have documents read for ever either.
        let mut statuses = Vec::new();
        for _ in 0..15 {
            statuses.push(send(server, "203.0.113.9", &json!({})).await.status);
        }
        assert_eq!(statuses[..10], [400; 10]);
        assert_eq!(statuses[10..], [429; 5]);
    }
}
