//! Other servers: those that vouch for users, and those that users connect.

use std::time::Duration;

use url::Url;

use crate::config::section::section;
use crate::config::types::{ExactUri, Issuer, ScopeName, Secret, SubjectMode};

section! {
    /// Sign-in with an upstream OpenID Connect provider.
    Oidc at "oidc." {
        /// Whether it is offered.
        enabled: bool = "false",
        /// The provider's issuer.
        issuer: Option<Issuer> = "",
        /// Our client ID there.
        client_id: Option<String> = "",
        /// Our secret there. Either this or `client_secret_ref`.
        client_secret: Option<Secret> = "",
        /// The name of the environment variable that holds our secret.
        client_secret_ref: Option<String> = "",
        /// What the sign-in button calls the provider.
        display_name: Option<String> = "",
        /// Where the provider sends the user back. Unset: `{issuer}/oidc/callback`.
        redirect_uri: Option<ExactUri> = "",
        /// The scopes we ask for.
        scopes: Vec<ScopeName> = "openid profile email",
        /// Whether users may also sign in with a local password.
        show_local_login: bool = "true",
        /// Whether we ask for the scope `groups` too.
        include_groups_scope: bool = "false",
        /// Which connector to use at a provider that has several.
        connector_id: Option<String> = "",
    }
}

section! {
    /// Identity assertions from trusted identity providers.
    Xaa at "xaa." {
        /// Whether the grant is offered.
        enabled: bool = "true",
        /// Lifetime of these tokens.
        token_expiry: Duration = "1h",
        /// The greatest age of an assertion.
        max_assertion_age: Duration = "5m",
        /// Whether an assertion must name a resource.
        require_resource: bool = "false",
        /// How the assertion's subject becomes a subject here.
        subject_mode: SubjectMode = "auto_map",
        /// How long an identity provider's keys are kept before they are fetched again.
        jwks_cache_ttl: Duration = "1h",
    }
}

section! {
    /// Connecting a user's account at an upstream provider.
    Connect at "connect." {
        /// Keys the state that travels through the provider. At least 32 bytes.
        state_secret: Option<Secret> = "",
        /// The public base URL of the callback. Unset: the issuer.
        redirect_base_url: Option<Url> = "",
        /// Where a user may be sent after connecting, compared byte for byte.
        allowed_return_urls: Vec<ExactUri> = "",
    }
}
