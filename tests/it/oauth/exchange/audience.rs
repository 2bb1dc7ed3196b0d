//! A token for more, or for something else, than was asked, allowed or meant: every way to say
//! where it is to go, and every token that says where it was.

use serde_json::json;

use super::links::link_between;
use super::{Counter, exchange, given};
use crate::kit::client::claims;
use crate::kit::stage::{OTHER_RESOURCE, RESOURCE, revoke_grant};
use crate::kit::{Answer, Server, on_both_databases};

/// What it takes to be for two resources at once, or for one that nobody meant.
const WIDER: [&[(&str, &str)]; 11] = [
    &[("resource", OTHER_RESOURCE), ("resource", RESOURCE)],
    &[("audience", OTHER_RESOURCE), ("audience", RESOURCE)],
    &[("resource", OTHER_RESOURCE), ("audience", RESOURCE)],
    &[("audience", OTHER_RESOURCE), ("resource", RESOURCE)],
    &[("resource", OTHER_RESOURCE), ("audience", "mcp")],
    &[("resource", "files mcp")],
    &[("resource", "https://files.example/mcp https://mcp.example/mcp")],
    &[("resource", "https://files.example/mcp/../other")],
    &[("resource", "https://files.example/mcp#fragment")],
    &[("resource", "FILES")],
    &[("audience", "http://127.0.0.1:9000")],
];

/// Asserts that there is no token, for a reason that has to do with where it is to go.
fn is_nowhere(asked: &[(&str, &str)], answer: &Answer) {
    let error = answer.member("error");
    let because = ["invalid_target", "invalid_request"].contains(&&*error);
    assert!(answer.status == 400 && because, "{asked:?}: {answer:?}");
    assert_eq!(answer.json().get("access_token"), None);
}

on_both_databases! {
    /// The person agreed about both, and the operator lets everybody in.
    async fn an_exchange_is_for_one_resource_however_more_are_asked_for(server: Server) {
        let counter = Counter::open(server).await;
        counter.agree(server, "read list").await;
        let subject = counter.subject(server).await;
        for asked in WIDER {
            is_nowhere(asked, &exchange(server, &counter.agent, &subject, asked).await);
        }
        // To say the same thing twice is not to ask for two.
        let same = [("resource", OTHER_RESOURCE), ("audience", "files")];
        for asked in [&same[..1], &same[1..], &same] {
            let answer = exchange(server, &counter.agent, &subject, asked).await;
            assert_eq!(given(&answer)["aud"], json!([OTHER_RESOURCE]), "{asked:?}");
        }
    }

    /// What a client may do at one resource says nothing of another, whoever agreed to what.
    async fn a_resource_whose_operator_does_not_let_the_client_in_is_out_of_reach(server: Server) {
        let counter = Counter::open(server).await;
        let (agent, gateway) = (&counter.agent, &counter.gateway);
        counter.agree(server, "read list").await;
        counter.let_in(server, "files", gateway).await;
        server.resource("vault", "https://vault.example/", &["read", "write"]).await;
        counter.agree_with(server, agent, "https://vault.example/", "read write").await;
        counter.let_in(server, "vault", &counter.stage.guard).await;
        let subject = counter.subject(server).await;
        let for_files = counter.cross(server, &subject).await.member("access_token");
        for (client, token) in [(agent, &subject), (gateway, &subject), (gateway, &for_files)] {
            for name in ["vault", "https://vault.example/"] {
                for member in ["resource", "audience"] {
                    let answer = exchange(server, client, token, &[(member, name)]).await;
                    answer.refused(403, "access_denied");
                }
            }
        }
        // Neither does a link elsewhere, nor one into it whose gateway somebody else is.
        link_between(server, ["mcp", "files"], &[("read", &["read"])]).await;
        link_between(server, ["files", "vault"], &[("read", &["read"])]).await;
        let vault = [("resource", "vault")];
        for token in [&subject, &for_files] {
            exchange(server, gateway, token, &vault).await.refused(403, "access_denied");
        }
        exchange(server, agent, &subject, &vault).await.refused(403, "access_denied");
    }

    /// A token for several resources does not say for which of them a scope was agreed to: by way
    /// of a link, `read` at one of them would become access to a third, which nobody is asked about.
    async fn a_token_for_several_resources_is_worth_nothing_through_a_link(server: Server) {
        let counter = Counter::open(server).await;
        let gateway = &counter.gateway;
        server.resource("vault", "https://vault.example/", &["write"]).await;
        for source in ["mcp", "files"] {
            link_between(server, [source, "vault"], &[("read", &["write"])]).await;
        }
        let here: &Server = server;
        let token = async |resources: &[&str]| {
            let mut more = vec![("scope", "read")];
            more.extend(resources.iter().map(|uri| ("resource", *uri)));
            counter.stage.tokens_for(here, &counter.agent, &more).await.access
        };
        let vault = [("resource", "vault")];
        let both = token(&[RESOURCE, OTHER_RESOURCE]).await;
        let other_way = token(&[OTHER_RESOURCE, RESOURCE]).await;
        let (mcp, files) = (token(&[RESOURCE]).await, token(&[OTHER_RESOURCE]).await);
        assert_eq!(claims(&both)["aud"].as_array().map(Vec::len), Some(2));
        for (listed, refused) in [(false, 1), (true, 2)] {
            if listed {
                // On the target's list it is the gateway of every link into it.
                counter.let_in(server, "vault", gateway).await;
                given(&exchange(server, gateway, &files, &vault).await);
            }
            for token in [&both, &other_way] {
                let answer = exchange(server, gateway, token, &vault).await;
                answer.refused(400, "invalid_grant");
            }
            let told = ["reason=several_audiences"];
            server.until_audited("token.exchange_denied", &told, 2 * refused).await;
            given(&exchange(server, gateway, &mcp, &vault).await);
        }
        // What it is worth at the source alone, the gateway may find out: the person agreed that
        // the agent reads there. From there the link leads on.
        let mcp_only = exchange(server, gateway, &both, &[("resource", "mcp")]).await;
        assert_eq!(given(&mcp_only)["aud"], json!([RESOURCE]));
        given(&exchange(server, gateway, &mcp_only.member("access_token"), &vault).await);
        revoke_grant(server, counter.grant_about(server, RESOURCE).await).await;
        let files = token(&[OTHER_RESOURCE]).await;
        let not_agreed = exchange(server, gateway, &files, &[("resource", "mcp")]).await;
        not_agreed.refused(400, "consent_required");
    }
}
