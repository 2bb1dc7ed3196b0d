//! A client that proves with each request that it holds a key (RFC 9449 §4.2).

use actors::runtime::Environment;
use serde_json::{Value, json};

use super::client_key::ClientKey;
use super::server::ISSUER;
use super::{Answer, Server, TokenClient};

/// A key and the proofs made with it.
pub(crate) struct Prover(pub(crate) ClientKey);

impl Prover {
    /// A fresh key.
    pub(crate) fn new() -> Prover {
        Prover(ClientKey::new("ES256", "dpop"))
    }

    /// The header of a proof as it should be.
    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.0.alg, "jwk": self.0.jwk() })
    }

    /// A proof as it should be, for one request to the token endpoint.
    pub(crate) fn proof(&self, server: &Server) -> String {
        self.0.signed(&self.header(), &proof_claims(server))
    }

    /// The same for a server with this issuer, in the machine's time.
    pub(crate) fn proof_for(&self, issuer: &str) -> String {
        self.signed(&proof_claims_for(issuer, &Environment::system()))
    }

    /// A proof with these claims.
    pub(crate) fn signed(&self, claims: &Value) -> String {
        self.0.signed(&self.header(), claims)
    }

    /// The key's thumbprint (RFC 7638).
    pub(crate) fn jkt(&self) -> String {
        protocol::jose::thumbprint(&self.0.jwk()).unwrap()
    }

    /// Asks for a token with a fresh proof.
    pub(crate) async fn token(
        &self,
        server: &Server,
        client: &TokenClient,
        form: &[(&str, &str)],
    ) -> Answer {
        token_with(server, client, form, &self.proof(server)).await
    }

    /// Refreshes with a fresh proof.
    pub(crate) async fn refresh(
        &self,
        server: &Server,
        client: &TokenClient,
        refresh: &str,
    ) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        self.token(server, client, &form).await
    }
}

/// Asks for a token with this proof.
pub(crate) async fn token_with(
    server: &Server,
    client: &TokenClient,
    form: &[(&str, &str)],
    proof: &str,
) -> Answer {
    client.post_with(server, "/oauth/token", form, &[("dpop", proof)]).await
}

/// The claims of a proof as it should be, with a `jti` of its own.
pub(crate) fn proof_claims(server: &Server) -> Value {
    proof_claims_for(ISSUER, &server.services.environment)
}

/// The same for a server with this issuer, in this time.
fn proof_claims_for(issuer: &str, environment: &Environment) -> Value {
    json!({
        "jti": environment.new_id(), "htm": "POST", "htu": format!("{issuer}/oauth/token"),
        "iat": environment.now().timestamp(),
    })
}
