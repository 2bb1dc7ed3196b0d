//! Refresh families under races and failures: never two live tips, and a failure of the database
//! never spends a token.

use actors::families::state::{Family, Presented, Verdict, judge};
use futures::future::join_all;
use protocol::OAuthError;
use protocol::grant::Grantable;
use protocol::refresh_token::TokenPlace;
use protocol::scope::ScopeSet;

use crate::kit::stage::{Stage, Tokens, place, public_app};
use crate::kit::{Answer, Backend, Server, TokenClient, on_both_databases};

/// Uses every one of `tokens` at the same moment, at one of `servers` in turn.
async fn refresh_all(app: &TokenClient, servers: &[&Server], tokens: &[&String]) -> Vec<Answer> {
    let uses =
        tokens.iter().enumerate().map(|(n, token)| app.refresh(servers[n % servers.len()], token));
    join_all(uses).await
}

on_both_databases! {
    async fn hundreds_of_simultaneous_uses_are_one_rotation_with_one_successor(server: Server) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let answers = refresh_all(&stage.app, &[server], &[&first.refresh; 400]).await;

        let successor = Tokens::of(&answers[0]).refresh;
        assert_eq!(place(server, &successor).generation, 2);
        for answer in &answers {
            assert_eq!(Tokens::of(answer).refresh, successor);
        }
        assert_eq!(server.family_of(&successor).await.generation, 2);
        Tokens::of(&stage.app.refresh(server, &successor).await);
    }

    /// What one process's mailbox cannot promise, the conditional update does.
    async fn simultaneous_uses_at_two_replicas_are_one_rotation_with_one_successor(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let mut tip = stage.tokens(server).await.refresh;
        for generation in 2..6 {
            let answers = refresh_all(&stage.app, &[server, &replica], &[&tip; 60]).await;
            let successor = Tokens::of(&answers[0]).refresh;
            for answer in &answers {
                assert_eq!(Tokens::of(answer).refresh, successor);
            }
            assert_eq!(server.family_of(&successor).await.generation, generation);
            tip = successor;
        }
        replica.stop().await;
    }

    /// RFC 9700 §4.14.2, to the letter: of any number of uses one counts, the next is reuse.
    async fn without_a_grace_window_one_use_wins_at_most_and_the_others_end_the_family(
        server: Server
    ) with [("AUTHPLANE_OAUTH_REFRESH_GRACE", "0s")] {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        for _ in 0..3 {
            let first = stage.tokens(server).await;
            let answers = refresh_all(&stage.app, &[server, &replica], &[&first.refresh; 40]).await;
            let (won, lost): (Vec<_>, Vec<_>) =
                answers.iter().partition(|answer| answer.status == 200);
            assert!(won.len() <= 1, "{won:#?}");
            lost.iter().for_each(|answer| answer.refused(400, "invalid_grant"));
            assert!(server.family_of(&first.refresh).await.revoked_at.is_some());
            let won: Vec<Tokens> = won.into_iter().map(Tokens::of).collect();
            let mut access: Vec<String> = won.iter().map(|tokens| tokens.access.clone()).collect();
            access.push(first.access);
            assert_eq!(stage.active_among(server, &access).await, 0);
            assert_eq!(stage.active_among(&replica, &access).await, 0);
            for tokens in won {
                let next = stage.app.refresh(&replica, &tokens.refresh).await;
                next.refused(400, "invalid_grant");
            }
        }
        replica.stop().await;
    }

    async fn whoever_wins_a_race_of_old_and_new_holders_there_is_never_a_second_tip(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let replica = server.replica().await;
        let mut died = 0;
        for _ in 0..8 {
            let first = stage.tokens(server).await;
            let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
            let (old, new) = (&first.refresh, &second.refresh);
            let holders: Vec<&String> =
                (0..24).map(|n| if n % 3 == 0 { old } else { new }).collect();
            let answers = refresh_all(&stage.app, &[server, &replica], &holders).await;

            let family = server.family_of(&first.refresh).await;
            let given: Vec<Tokens> =
                answers.iter().filter(|answer| answer.status == 200).map(Tokens::of).collect();
            for tokens in &given {
                let generation = place(server, &tokens.refresh).generation;
                assert!((2..=family.generation).contains(&generation));
            }
            let access: Vec<String> = given.iter().map(|tokens| tokens.access.clone()).collect();
            let refused = given.len() < answers.len();
            assert_eq!(refused, family.revoked_at.is_some(), "refused only when the family died");
            if refused {
                died += 1;
                assert_eq!(stage.active_among(server, &access).await, 0);
            } else {
                assert_eq!(stage.active_among(server, &access).await, access.len());
            }
        }
        assert!(died > 0, "the race was never lost: it tests nothing");
        replica.stop().await;
    }

    async fn if_the_audit_row_cannot_be_written_the_token_is_not_spent(server: Server) {
        let stage = Stage::set(server).await;
        let tokens = stage.tokens(server).await;
        server.break_the_audit_log().await;
        for _ in 0..3 {
            stage.app.refresh(server, &tokens.refresh).await.refused(500, "server_error");
        }
        let family = server.family_of(&tokens.refresh).await;
        assert_eq!((family.generation, family.revoked_at), (1, None));

        server.mend_the_audit_log().await;
        server.wait(3600);
        let next = Tokens::of(&stage.app.refresh(server, &tokens.refresh).await);
        assert!(stage.active(server, &next.access).await);
        assert_eq!(server.audited("token.refreshed", &[]).await, 1);
    }

    /// Reuse that cannot be written down is refused all the same, and found again later.
    async fn if_reuse_cannot_be_audited_the_answer_is_an_error_and_reuse_is_found_later(
        server: Server
    ) {
        let stage = Stage::set(server).await;
        let first = stage.tokens(server).await;
        let second = Tokens::of(&stage.app.refresh(server, &first.refresh).await);
        server.wait(31);
        server.break_the_audit_log().await;
        stage.app.refresh(server, &first.refresh).await.refused(500, "server_error");
        server.mend_the_audit_log().await;
        assert!(server.family_of(&first.refresh).await.revoked_at.is_none());
        stage.app.refresh(server, &first.refresh).await.refused(400, "invalid_grant");
        assert!(server.family_of(&first.refresh).await.revoked_at.is_some());
        assert!(!stage.active(server, &second.access).await);
    }

    /// Random holders of random tokens of a family do random things; after each, the server must
    /// have done what the pure state machine says.
    async fn the_server_does_what_the_state_machine_says_whatever_happens(server: Server) {
        let stage = Stage::set(server).await;
        let thief = TokenClient::of(&server.client(public_app()).await);
        for seed in 1..=12 {
            let tokens = stage.tokens(server).await;
            let mut history = History::of(server, &tokens, seed).await;
            for step in 0..25 {
                history.step(server, &stage.app, &thief).await.unwrap_or_else(|difference| {
                    panic!("seed {seed}, step {step}: {difference}")
                });
            }
        }
    }
}

/// A family as the model has it, and the dice.
struct History {
    model: Family,
    id: uuid::Uuid,
    dice: u64,
}

impl History {
    async fn of(server: &Server, tokens: &Tokens, seed: u64) -> History {
        let row = server.family_of(&tokens.refresh).await;
        let model = Family {
            generation: row.generation,
            client_id: row.client_id,
            jkt: row.jkt,
            rotated_at: row.rotated_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        };
        History { model, id: row.id, dice: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) }
    }

    /// A number below `sides` (xorshift).
    fn throw(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    /// Somebody uses some token; says what differs from the model, if anything does.
    async fn step(
        &mut self,
        server: &Server,
        app: &TokenClient,
        thief: &TokenClient,
    ) -> Result<(), String> {
        server.wait(self.throw(25));
        let back = [0, 0, 0, 0, 1, 1, 1, 2][usize::try_from(self.throw(8)).unwrap()];
        let generation = (self.model.generation - back).max(1);
        let caller = if self.throw(30) == 0 { thief } else { app };
        let too_much = self.throw(5) == 0;
        let place = TokenPlace { family: self.id, generation };
        let token = server
            .services
            .keepers
            .secret_ring
            .current()
            .refresh_token
            .token(place, server.services.environment.now());
        let scope = if too_much { "read admin" } else { "read" };
        let form =
            [("grant_type", "refresh_token"), ("refresh_token", token.expose()), ("scope", scope)];
        let answer = caller.token(server, &form).await;

        let presented =
            Presented { family: self.id, generation, client_id: caller.id.clone(), jkt: None };
        let expected = self.judged(server, &presented, too_much);
        let error = answer.json()["error"].as_str().unwrap_or("none").to_owned();
        if error != expected {
            return Err(format!("the server says {error}, the model {expected}"));
        }
        if error == "none" {
            let next = TokenPlace { family: self.id, generation: self.model.generation };
            assert_eq!(
                Tokens::of(&answer).refresh,
                server
                    .services
                    .keepers
                    .secret_ring
                    .current()
                    .refresh_token
                    .token(next, server.services.environment.now())
                    .expose()
            );
        }
        let row = server.family_of(token.expose()).await;
        assert_eq!(row.generation, self.model.generation);
        assert_eq!(row.revoked_at.is_some(), self.model.revoked_at.is_some());
        assert_eq!(row.rotated_at, self.model.rotated_at);
        Ok(())
    }

    /// Moves the model; the error it expects.
    fn judged(&mut self, server: &Server, presented: &Presented, too_much: bool) -> &'static str {
        let now = server.services.environment.now();
        let grace = server.services.config.oauth.refresh_grace;
        let wish = || match too_much {
            true => Err(OAuthError::invalid_scope("too much")),
            false => Ok(Grantable {
                audience: Vec::new(),
                resource_ids: Vec::new(),
                scopes: ScopeSet::empty(),
            }),
        };
        match judge(&self.model, presented, grace, now, wish) {
            Verdict::Rotate(_) => {
                self.model.generation += 1;
                self.model.rotated_at = now;
                "none"
            }
            Verdict::Replay(_) => "none",
            Verdict::Revoke(_) => {
                self.model.revoked_at = Some(now);
                "invalid_grant"
            }
            Verdict::Refuse(actors::families::state::Refusal::NotGrantable(_)) => "invalid_scope",
            Verdict::Refuse(_) => "invalid_grant",
        }
    }
}

/// Every connection is cut while refreshes are under way; who repeats gets through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_under_a_refresh_never_spend_the_token() {
    const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let server = Server::start(Backend::Postgres).await;
    let stage = Stage::set(&server).await;
    let mut failures = 0;
    let mut tip = stage.tokens(&server).await.refresh;
    for _ in 0..24 {
        let (cut, mut answer) =
            tokio::join!(server.try_execute(CUT), stage.app.refresh(&server, &tip));
        // The one that cuts may find its own connection cut by the round before.
        drop(cut);
        let mut patience = 20;
        while answer.status != 200 {
            assert!(matches!(answer.status, 500 | 503), "{answer:?}");
            assert!(patience > 0, "it never comes back: {answer:?}");
            (failures, patience) = (failures + 1, patience - 1);
            answer = stage.app.refresh(&server, &tip).await;
        }
        let next = Tokens::of(&answer).refresh;
        assert_eq!(place(&server, &next).generation, place(&server, &tip).generation + 1);
        tip = next;
    }
    assert!(failures > 0, "nothing was cut: this tests nothing");
    server.stop().await;
}
