//! The ways to get a token.

use std::time::Duration;

use crate::config::section::section;
use crate::config::types::ScopeName;

section! {
    /// The authorization code flow.
    Oauth at "oauth." {
        /// Whether a request without `scope` is refused. Off: it gets the resource's default scopes.
        require_scope: bool = "false",
        /// The most a client that registers itself may ever get. Empty: no ceiling of its own.
        default_client_scope: Vec<ScopeName> = "",
        /// How long a user may take to sign in and decide.
        state_max_age: Duration = "10m",
        /// Lifetime of an authorization code, at most 10m.
        code_expiry: Duration = "60s",
        /// How long the token that was just rotated still gives its successor, for clients that race
        /// themselves or lose a response. 0s to 5m.
        refresh_grace: Duration = "30s",
    }
}

section! {
    /// Tokens for machines.
    ClientCredentials at "client_credentials." {
        /// Whether the grant is offered.
        enabled: bool = "true",
        /// Lifetime of these tokens.
        token_expiry: Duration = "1h",
    }
}

section! {
    /// Tokens bound to a key of the client.
    Dpop at "dpop." {
        /// Whether proofs are understood.
        enabled: bool = "true",
        /// How far the time of a proof may be from ours, either way. 10s to 300s.
        proof_lifetime: Duration = "60s",
        /// How long a nonce is good for.
        nonce_ttl: Duration = "60s",
        /// Whether every proof must carry a nonce of ours.
        require_nonce: bool = "false",
    }
}

section! {
    /// Token exchange.
    TokenExchange at "token_exchange." {
        /// Whether the grant is offered.
        enabled: bool = "true",
        /// The most actors in a chain of delegation, 1 to 10.
        max_chain_depth: u32 = "5",
        /// Lifetime of exchanged tokens, never longer than the subject's grant.
        token_expiry: Duration = "1h",
        /// Whether a client may exchange its own token for itself.
        allow_self_exchange: bool = "false",
    }
}

section! {
    /// Agents.
    Agents at "agents." {
        /// Whether the JWKS document lists the active agents beside the keys, for everybody to see.
        enable_jwks_listing: bool = "false",
    }
}
