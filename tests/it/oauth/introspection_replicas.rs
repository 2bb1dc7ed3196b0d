//! Good tokens are remembered, and yet whatever ends a token shows at once: to everybody who asks
//! after the act was answered, at whichever replica.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actors::audit::Origin;
use actors::users::AccountAct;
use authserver::administration::{client, user};
use futures::future::join;
use protocol::client::ClientStatus;

use crate::kit::stage::{RESOURCE, Stage, Tokens, machine};
use crate::kit::{Server, TokenClient, on_both_databases};

/// Asks about `access` at both replicas, over and over, while `act` is done at one of them; who asks
/// after the act was answered must not hear that the token is active.
async fn ends_everywhere(
    what: &str,
    replicas: [&Server; 2],
    stage: &Stage,
    access: &str,
    act: impl Future<Output = ()>,
) {
    let (done, seen_active) = (AtomicBool::new(false), AtomicUsize::new(0));
    let watch = async |server: &Server| {
        loop {
            let asked_after = done.load(Ordering::SeqCst);
            let active = stage.active(server, access).await;
            assert!(!(active && asked_after), "{what}: active after it was ended");
            if asked_after {
                return;
            }
            seen_active.fetch_add(usize::from(active), Ordering::SeqCst);
        }
    };
    let [one, other] = replicas;
    let watchers = join(join(watch(one), watch(other)), join(watch(one), watch(other)));
    let ended = async {
        while seen_active.load(Ordering::SeqCst) < 12 {
            tokio::task::yield_now().await;
        }
        act.await;
        done.store(true, Ordering::SeqCst);
    };
    join(watchers, ended).await;
    for server in replicas {
        assert!(!stage.active(server, access).await, "{what}");
    }
}

async fn set_status(server: &Server, id: &str, status: ClientStatus) {
    let origin = Origin::local();
    client::set_status(&server.desk(&origin), id, status).await.unwrap();
}

async fn act_on_user(server: &Server, stage: &Stage, act: AccountAct) {
    let origin = Origin::local();
    user::act(&server.desk(&origin), &stage.person.id.to_string(), act).await.unwrap();
}

async fn give_back(server: &Server, client: &TokenClient, token: &str) {
    assert_eq!(client.post(server, "/oauth/revoke", &[("token", token)]).await.status, 200);
}

on_both_databases! {
    async fn what_a_client_gives_back_or_lets_leak_ends_everywhere(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let both = [&*server, &replica];

        let Tokens { access, .. } = stage.tokens(server).await;
        let act = give_back(&replica, &stage.app, &access);
        ends_everywhere("access token revoked", both, &stage, &access, act).await;

        let Tokens { access, refresh, .. } = stage.tokens(server).await;
        let act = give_back(&replica, &stage.app, &refresh);
        ends_everywhere("refresh token revoked", both, &stage, &access, act).await;

        let Tokens { access, refresh, .. } = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &refresh).await).refresh;
        Tokens::of(&stage.app.refresh(server, &second).await);
        let act = async { stage.app.refresh(&replica, &refresh).await.refused(400, "invalid_grant") };
        ends_everywhere("family reuse", both, &stage, &access, act).await;

        let code = stage.code(server).await;
        let Tokens { access, .. } = Tokens::of(&stage.redeem(server, &code).await);
        let act = async { stage.redeem(&replica, &code).await.refused(400, "invalid_grant") };
        ends_everywhere("code redeemed twice", both, &stage, &access, act).await;
        replica.stop().await;
    }

    async fn what_an_operator_ends_ends_everywhere(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let both = [&*server, &replica];

        let access = stage.tokens(server).await.access;
        let act = stage.revoke_consent(&replica);
        ends_everywhere("consent revoked", both, &stage, &access, act).await;

        for (what, act) in
            [("forced logout", AccountAct::ForceLogout), ("user disabled", AccountAct::Disable)]
        {
            let access = stage.tokens(server).await.access;
            let act = act_on_user(&replica, &stage, act);
            ends_everywhere(what, both, &stage, &access, act).await;
        }
        replica.stop().await;
    }

    async fn what_happens_to_a_client_happens_to_its_tokens_everywhere(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let both = [&*server, &replica];
        for status in [ClientStatus::Suspended, ClientStatus::Revoked] {
            let robot = TokenClient::of(&server.client(machine("read")).await);
            let access = own_token(server, &robot).await;
            let act = set_status(&replica, &robot.id, status);
            ends_everywhere(status.as_str(), both, &stage, &access, act).await;
        }
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let access = own_token(server, &robot).await;
        let act = async {
            let origin = Origin::local();
            client::delete(&replica.desk(&origin), &robot.id, true).await.unwrap();
        };
        ends_everywhere("client deleted", both, &stage, &access, act).await;
        replica.stop().await;
    }

    /// Another version of the server, or somebody at the database's own console.
    async fn what_another_program_writes_ends_everywhere(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let both = [&*server, &replica];
        for statement in [
            "UPDATE issuances SET revoked_at = issued_at",
            "DELETE FROM issuances",
            "UPDATE clients SET status = 'suspended' WHERE id = 'ROBOT'",
            "DELETE FROM clients WHERE id = 'ROBOT'",
        ] {
            let robot = TokenClient::of(&server.client(machine("read")).await);
            let access = own_token(server, &robot).await;
            let statement = statement.replace("ROBOT", &robot.id);
            let act = async { assert!(server.execute(&statement).await > 0) };
            ends_everywhere(&statement, both, &stage, &access, act).await;
        }
        replica.stop().await;
    }

    /// A token is not remembered as what it is not.
    async fn what_is_restored_is_good_again_everywhere(server: Server) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let robot = TokenClient::of(&server.client(machine("read")).await);
        let access = own_token(server, &robot).await;
        for _ in 0..2 {
            assert!(stage.active(&replica, &access).await);
            set_status(server, &robot.id, ClientStatus::Suspended).await;
            assert!(!stage.active(&replica, &access).await);
            set_status(server, &robot.id, ClientStatus::Active).await;
        }
        assert!(stage.active(&replica, &access).await);
        replica.stop().await;
    }
}

async fn own_token(server: &Server, robot: &TokenClient) -> String {
    let form = [("grant_type", "client_credentials"), ("resource", RESOURCE), ("scope", "read")];
    robot.token(server, &form).await.member("access_token")
}
