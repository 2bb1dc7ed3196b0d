//! How long it takes from the end of an act at one server to the refusal at the other.

use std::time::{Duration, Instant};

use protocol::client::ClientStatus;

use super::{RelayState, lets_in, listens, relay, set_status, soon};
use crate::kit::TokenClient;
use crate::kit::stage::{Stage, machine};

/// Acts of each kind; there are four.
const EACH: usize = 250;
/// What is asked for on a machine that has nothing else to do is 50 ms.
const AT_MOST: Duration = Duration::from_secs(2);

/// What the acts of one kind took.
#[derive(Default)]
struct Figures(Vec<Duration>);

impl Figures {
    fn after(&mut self, acted: Instant) {
        self.0.push(acted.elapsed());
    }

    fn line(&self, what: &str) -> String {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = |share: usize| sorted[(sorted.len() * share / 100).min(sorted.len() - 1)];
        let (half, most, last) = (at(50), at(99), at(100));
        format!("{what}: {} acts, p50 {half:.1?}, p99 {most:.1?}, max {last:.1?}", sorted.len())
    }
}

/// Asks until the answer is no.
async fn refused(mut is_let_in: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while is_let_in().await {
        assert!(begun.elapsed() < AT_MOST, "still let in");
    }
}

/// A clock that stands still moves no look for changes, so that all of it is the relay's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_revocations_are_refused_at_the_other_server_soon() {
    let server = super::server().await;
    let stage = Stage::set(&server).await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    let replica = server.replica().await;
    listens(&server).await;
    listens(&replica).await;
    let [mut token, mut client, mut consent, mut family] = [(); 4].map(|()| Figures::default());
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load before: {}", load().trim());
    for _ in 0..EACH {
        let tokens = stage.tokens(&server).await;
        assert!(stage.active(&replica, &tokens.access).await);
        let form = [("token", tokens.access.as_str())];
        assert_eq!(stage.app.post(&server, "/oauth/revoke", &form).await.status, 200);
        let acted = Instant::now();
        refused(async || stage.active(&replica, &tokens.access).await).await;
        token.after(acted);

        let form = [("token", tokens.refresh.as_str())];
        assert_eq!(stage.app.post(&server, "/oauth/revoke", &form).await.status, 200);
        let acted = Instant::now();
        refused(async || stage.app.refresh(&replica, &tokens.refresh).await.status == 200).await;
        family.after(acted);

        let tokens = stage.tokens(&server).await;
        assert!(stage.active(&replica, &tokens.access).await);
        stage.revoke_consent(&server).await;
        let acted = Instant::now();
        refused(async || stage.active(&replica, &tokens.access).await).await;
        consent.after(acted);

        // The other server has the client in its memory, and trusts that.
        soon("let in", async || lets_in(&replica, &robot).await).await;
        listens(&replica).await;
        assert!(lets_in(&replica, &robot).await);
        set_status(&server, &robot.id, ClientStatus::Suspended).await;
        let acted = Instant::now();
        refused(async || lets_in(&replica, &robot).await).await;
        client.after(acted);
        set_status(&server, &robot.id, ClientStatus::Active).await;
    }
    println!("load after: {}", load().trim());
    let mut all = Figures::default();
    for (what, figures) in [
        ("token revoked", &token),
        ("family revoked", &family),
        ("consent revoked", &consent),
        ("client suspended", &client),
    ] {
        println!("{}", figures.line(what));
        all.0.extend(&figures.0);
    }
    println!("{}", all.line("all"));
    let status = relay(&replica);
    assert_eq!((status.state, status.reconnects), (RelayState::Up, 0), "{status:?}");
    replica.stop().await;
    server.stop().await;
}
