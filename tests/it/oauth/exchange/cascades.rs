//! What a revocation reaches of what was exchanged, at any depth and at every replica.

use actors::audit::Origin;
use actors::users::AccountAct;
use authserver::administration::{client, issuance, resource, user};
use protocol::client::ClientStatus;

use super::{Counter, exchange, gateway};
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, Tokens, revoke_grant};
use crate::kit::{Server, TokenClient, on_both_databases};

/// A sign-in at the agent, and what came of its token: one for the second resource in the
/// gateway's hands, and one of that in another's.
struct Line {
    counter: Counter,
    signed_in: Tokens,
    child: String,
    grandchild: String,
    other: TokenClient,
}

impl Line {
    async fn draw(server: &Server) -> Line {
        let counter = Counter::open(server).await;
        counter.agree(server, "read").await;
        counter.let_in(server, "files", &counter.gateway).await;
        let other = TokenClient::of(&server.client(gateway()).await);
        counter.let_in(server, "mcp", &other).await;
        counter.agree_with(server, &counter.gateway, RESOURCE, "read").await;
        let signed_in = Tokens { access: String::new(), refresh: String::new() };
        let (child, grandchild) = (String::new(), String::new());
        let mut line = Line { counter, signed_in, child, grandchild, other };
        line.draw_again(server).await;
        line
    }

    /// The same with a new sign-in.
    async fn draw_again(&mut self, server: &Server) {
        let more = [("resource", RESOURCE), ("scope", "read")];
        let counter = &self.counter;
        self.signed_in = counter.stage.tokens_for(server, &counter.agent, &more).await;
        self.child = counter.cross(server, &self.signed_in.access).await.member("access_token");
        let answer = exchange(server, &self.other, &self.child, &[("resource", "mcp")]).await;
        self.grandchild = answer.member("access_token");
        assert_eq!(self.active(server).await, [true; 3]);
    }

    /// Whether the subject token, what was exchanged from it and what was from that are good.
    async fn active(&self, server: &Server) -> [bool; 3] {
        let stage = &self.counter.stage;
        let mut active = [false; 3];
        for (at, token) in
            [&self.signed_in.access, &self.child, &self.grandchild].iter().enumerate()
        {
            active[at] = stage.active(server, token).await;
        }
        active
    }
}

async fn give_back(server: &Server, client: &TokenClient, token: &str) {
    assert_eq!(client.post(server, "/oauth/revoke", &[("token", token)]).await.status, 200);
}

on_both_databases! {
    async fn revoking_a_token_reaches_what_came_of_it_at_every_replica(server: Server) {
        let line = Line::draw(server).await;
        let replica = server.replica().await;
        assert_eq!(line.active(&replica).await, [true, true, true]);
        // The middle one: what it came of stays.
        give_back(&replica, &line.counter.gateway, &line.child).await;
        for server in [&*server, &replica] {
            assert_eq!(line.active(server).await, [true, false, false]);
        }
        let again = line.counter.cross(server, &line.signed_in.access).await;
        let again = again.member("access_token");
        give_back(server, &line.counter.agent, &line.signed_in.access).await;
        assert!(!line.counter.stage.active(&replica, &again).await);
        replica.stop().await;
    }

    async fn the_end_of_a_family_is_the_end_of_what_came_of_it(server: Server) {
        let mut line = Line::draw(server).await;
        let agent = line.counter.agent.clone();
        give_back(server, &agent, &line.signed_in.refresh).await;
        assert_eq!(line.active(server).await, [false; 3]);
        line.draw_again(server).await;
        let second = Tokens::of(&agent.refresh(server, &line.signed_in.refresh).await);
        Tokens::of(&agent.refresh(server, &second.refresh).await);
        server.wait(60);
        agent.refresh(server, &line.signed_in.refresh).await.refused(400, "invalid_grant");
        assert_eq!(line.active(server).await, [false; 3], "reuse");
    }

    async fn an_operator_revokes_a_token_with_what_came_of_it(server: Server) {
        let line = Line::draw(server).await;
        let jti = server.issuance_of(&line.signed_in.access).await.jti;
        let origin = Origin::local();
        let reach = issuance::revoke(&server.desk(&origin), jti).await.unwrap();
        assert_eq!(reach.issuances, 3);
        assert_eq!(line.active(server).await, [false; 3]);
    }

    /// What rests on the consent, and what came of that; not what the consent is not about.
    async fn consent_taken_back_takes_what_was_exchanged_on_the_strength_of_it(server: Server) {
        let mut line = Line::draw(server).await;
        let agent = line.counter.agent.clone();
        revoke_grant(server, line.counter.grant(server).await).await;
        assert_eq!(line.active(server).await, [true, false, false]);
        let again = line.counter.cross(server, &line.signed_in.access).await;
        again.refused(400, "consent_required");
        // And what the subject token rests on.
        line.counter.agree_with(server, &agent, OTHER_RESOURCE, "read").await;
        line.draw_again(server).await;
        revoke_grant(server, line.counter.grant_about(server, RESOURCE).await).await;
        assert_eq!(line.active(server).await, [false; 3]);
    }

    async fn a_person_takes_all_that_stands_for_them_along(server: Server) {
        let mut line = Line::draw(server).await;
        let origin = Origin::local();
        let (desk, who) = (server.desk(&origin), line.counter.stage.person.id.to_string());
        user::act(&desk, &who, AccountAct::Disable).await.unwrap();
        assert_eq!(line.active(server).await, [false; 3]);
        user::act(&desk, &who, AccountAct::Enable).await.unwrap();
        assert_eq!(line.active(server).await, [false; 3], "enabled again");
        line.draw_again(server).await;
        user::act(&desk, &who, AccountAct::ForceLogout).await.unwrap();
        assert_eq!(line.active(server).await, [false; 3], "logged out");
        line.draw_again(server).await;
        user::delete(&desk, &who).await.unwrap();
        assert_eq!(line.active(server).await, [false; 3], "deleted");
    }

    async fn a_client_takes_what_came_of_its_tokens_along(server: Server) {
        let line = Line::draw(server).await;
        let origin = Origin::local();
        let desk = server.desk(&origin);
        // Suspended it keeps what it holds, and so do others; nobody sees its own as active.
        let agent = &line.counter.agent.id;
        client::set_status(&desk, agent, ClientStatus::Suspended).await.unwrap();
        assert_eq!(line.active(server).await, [false, true, true]);
        client::set_status(&desk, agent, ClientStatus::Active).await.unwrap();
        assert_eq!(line.active(server).await, [true; 3]);
        client::set_status(&desk, agent, ClientStatus::Revoked).await.unwrap();
        assert_eq!(line.active(server).await, [false; 3]);
    }

    async fn a_resource_that_is_deleted_takes_its_tokens_and_theirs_along(server: Server) {
        let line = Line::draw(server).await;
        let origin = Origin::local();
        resource::delete(&server.desk(&origin), "files", true).await.unwrap();
        assert_eq!(line.active(server).await, [true, false, false]);
        let gone = line.counter.own(server, &line.signed_in.access).await;
        gone.refused(400, "invalid_target");
    }
}
