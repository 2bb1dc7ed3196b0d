//! Stopping while a client's keys are being fetched from its own server, which takes its time.

use std::time::{Duration, Instant};

use actors::runtime::Environment;
use serde_json::{Value, json};

use crate::kit::client_key::{ClientKey, TYPE, claims_for, jwks};
use crate::kit::process::{Installation, ServerProcess};
use crate::kit::publisher::Publisher;
use crate::kit::{Answer, Backend, on_both_databases};

/// How long anything here may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine that publishes its key.
struct Robot {
    id: String,
    key: ClientKey,
    publisher: Publisher,
}

impl Robot {
    /// On a server that may fetch from this machine, and waits for documents longer than for a stop.
    async fn on(backend: Backend, shutdown_wait: &str) -> (Robot, Installation, ServerProcess) {
        let installation = Installation::new(backend)
            .await
            .with("AUTHPLANE_CIMD_REQUIRE_HTTPS", "false")
            .with("AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES", "true")
            .with("AUTHPLANE_SERVER_SHUTDOWN_WAIT", shutdown_wait);
        let key = ClientKey::new("ES256", "k");
        let publisher = Publisher::of(&jwks(&[&key])).await;
        let server = installation.start().await;
        let create = ["client", "create", "--name", "robot", "--scope", "read"];
        let keys = ["--grant-types", "client_credentials", "--jwks-uri", &publisher.url()];
        let method = ["--auth-method", "private_key_jwt"];
        let made = installation.admin_json(&[&create[..], &keys, &method].concat()).await;
        let id = made["client_id"].as_str().unwrap().to_owned();
        (Robot { id, key, publisher }, installation, server)
    }

    fn claims(&self, installation: &Installation) -> Value {
        claims_for(installation.issuer(), &Environment::system(), &self.id)
    }

    /// Asks for a token, in a task of its own; the fetch of the keys is under way on return.
    async fn ask(&self, installation: &Installation) -> tokio::task::JoinHandle<Answer> {
        let assertion = self.key.signed(&self.key.header(), &self.claims(installation));
        let form = [
            TYPE,
            ("client_assertion", &assertion),
            ("grant_type", "client_credentials"),
            ("scope", "read"),
        ];
        let request = reqwest::Client::new().post(installation.url("/oauth/token")).form(&form);
        let answer = tokio::spawn(async move {
            Answer::of(request.timeout(PATIENCE).send().await.unwrap()).await
        });
        let begun = Instant::now();
        while self.publisher.fetches() == 0 {
            assert!(begun.elapsed() < PATIENCE && !answer.is_finished(), "no fetch");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answer
    }
}

on_both_databases! {
    async fn who_waits_for_keys_that_do_not_come_is_told_so_and_the_stop_is_in_time(backend: Backend) {
        let (robot, installation, mut server) = Robot::on(backend, "8s").await;
        robot.publisher.be_slow(PATIENCE);
        let waiting = robot.ask(&installation).await;

        let asked = Instant::now();
        server.terminate();

        let answer = waiting.await.unwrap();
        answer.refused(503, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), "2");
        assert!(answer.member("error_description").contains("Nothing was changed"), "{answer:?}");
        server.ended_well().await;
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    }

    async fn keys_that_come_in_time_are_waited_for_and_the_request_is_answered(backend: Backend) {
        let (robot, installation, mut server) = Robot::on(backend, "30s").await;
        robot.publisher.be_slow(Duration::from_secs(2));
        let waiting = robot.ask(&installation).await;

        server.terminate();

        // Whether it gets a token is its own affair: that its keys were read is what counts.
        let answer = waiting.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["scope"], json!("read"));
        server.ended_well().await;
        assert_eq!(robot.publisher.fetches(), 1);
    }
}
