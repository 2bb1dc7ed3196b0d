//! `GET /admin/system/status`: how the server is, and how sweeping goes on all of them.

use actors::janitor::SweepNow;
use serde_json::{Value, json};

use crate::kit::stage::Stage;
use crate::kit::{Server, on_both_databases};

const DAY: u64 = 24 * 3600;

async fn status(server: &Server) -> Value {
    let answer = server.admin_get("/admin/system/status").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn keeper<'a>(status: &'a Value, name: &str) -> &'a Value {
    let keepers = status["keepers"].as_array().unwrap();
    keepers.iter().find(|it| it["keeper"] == name).unwrap()
}

async fn sweep(server: &Server) {
    server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap();
}

/// Waits until a round of sweeping has been written down that `wanted` says is the one.
async fn until(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let seen = status(server).await;
        if wanted(&seen) {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never: {}", status(server).await);
}

on_both_databases! {
    async fn it_says_how_database_keepers_keys_and_tables_are_and_who_says_so(server: Server) {
        let stage = Stage::set(server).await;
        stage.tokens(server).await;
        let seen = status(server).await;
        assert_eq!(seen["troubles"], json!([]), "{seen}");
        let replica = &seen["replica"];
        assert_eq!(replica["started_at"].as_str().unwrap(), "2027-01-15T08:00:00Z", "{replica}");
        assert!(replica["name"].as_str().unwrap().ends_with(replica["id"].as_str().unwrap()));
        let database = &seen["database"];
        assert_eq!(database["reachable"], true);
        assert!(database["latency_ms"].as_f64().unwrap() > 0.0, "{database}");
        let connections = &database["connections"];
        let count = |name: &str| connections[name].as_u64().unwrap();
        assert!(count("in_use") + count("idle") >= 1, "{connections}");
        assert!(count("in_use") + count("idle") <= count("max"), "{connections}");

        let consent = keeper(&seen, "consent");
        assert!(consent["last_success"].is_string(), "it has redeemed a code: {consent}");
        assert!(consent.get("last_error").is_none(), "{consent}");
        let keys = seen["keys"].as_array().unwrap();
        assert!(keys.iter().any(|key| key["status"] == "active" && key["kid"].is_string()));
        assert!(seen.get("tables").is_none(), "nobody has counted yet");

        server.wait(60);
        let seen = until(server, |seen| seen["tables"].is_object()).await;
        assert_eq!(seen["tables"]["rows"]["issuances"], 1, "{seen}");
        assert_eq!(seen["janitor"]["next"].as_str().unwrap(), "2027-01-15T08:02:00Z");
    }

    async fn every_replica_tells_of_the_turns_of_all(server: Server) {
        let stage = Stage::set(server).await;
        stage.tokens(server).await;
        let other = server.replica().await;
        let (here, there) = (status(server).await, status(&other).await);
        assert_ne!(here["replica"]["name"], there["replica"]["name"]);
        // The clock stands still: no round begins by itself.
        let old = "UPDATE authorization_codes SET expires_at = '2020-01-01 00:00:00+00:00'";
        assert_eq!(server.execute(old).await, 1);
        sweep(&other).await;
        server.wait(30);
        sweep(server).await;
        for asked in [server, &other] {
            let turns = status(asked).await["janitor"]["turns"].clone();
            let by = |name: &Value| {
                turns.as_array().unwrap().iter().find(|turn| &turn["replica"] == name).unwrap()
            };
            let swept = by(&there["replica"]["name"]);
            assert_eq!(swept["swept"], json!({ "authorization_codes": 1 }), "{turns}");
            assert_eq!(swept["finished"], true);
            assert_eq!(by(&here["replica"]["name"])["swept"], json!({}), "nothing was left");
        }
        other.stop().await;

        // Who has had no turn for a day is gone.
        server.wait(DAY + 60);
        sweep(server).await;
        let turns = status(server).await["janitor"]["turns"].clone();
        let names: Vec<&Value> =
            turns.as_array().unwrap().iter().map(|turn| &turn["replica"]).collect();
        assert_eq!(names, [&here["replica"]["name"]]);
    }

    async fn sweeping_that_fails_is_a_trouble_on_every_replica_until_it_works(server: Server) {
        let other = server.replica().await;
        server.execute("ALTER TABLE replay RENAME TO elsewhere").await;
        server.services.keepers.janitor.ask(SweepNow).await.unwrap().unwrap_err();
        for asked in [server, &other] {
            let seen = status(asked).await;
            let told = seen["troubles"].to_string();
            assert!(told.contains("sweeping failed") && told.contains("replay"), "{told}");
        }
        let error = keeper(&status(server).await, "janitor")["last_error"].clone();
        assert!(error["what"].as_str().unwrap().contains("replay"), "{error}");
        assert_eq!(error["at"], "2027-01-15T08:00:00Z");

        server.execute("ALTER TABLE elsewhere RENAME TO replay").await;
        server.wait(1);
        sweep(server).await;
        assert_eq!(status(&other).await["troubles"], json!([]));
        let janitor = status(server).await;
        let janitor = keeper(&janitor, "janitor");
        assert_eq!(janitor["last_success"], "2027-01-15T08:00:01Z", "{janitor}");
        assert_eq!(janitor["last_error"], error, "what was, was");
        other.stop().await;
    }

    async fn a_database_that_is_away_is_told_of_and_no_secret_with_it(server: Server) {
        let replica = server.replica().await;
        replica.services.store.close().await;
        // The catalog looks each second.
        replica.wait(1);
        let seen = until(&replica, |seen| keeper(seen, "catalog")["last_error"].is_object()).await;
        assert_eq!(seen["database"]["reachable"], false);
        assert!(seen["database"].get("latency_ms").is_none());
        assert_eq!(seen["troubles"][0], "the database does not answer", "{seen}");
        assert!(seen["janitor"].get("turns").is_none());
        let dsn = replica.services.config.storage.postgres.dsn.as_ref();
        if let Some(dsn) = dsn.map(|dsn| url::Url::parse(dsn.expose()).unwrap()) {
            let password = dsn.password().unwrap_or("postgres://");
            assert!(!seen.to_string().contains(password), "{seen}");
        }
        assert!(!seen.to_string().contains("://u"), "{seen}");
        replica.stop().await;
    }
}
