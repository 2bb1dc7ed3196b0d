//! Settings that are one of a few words.

use serde_json::Value;

use super::{InvalidValue, Scalar, invalid};

/// Declares an enum whose variants are words. Aliases are read and never written.
macro_rules! choice {
    (
        $(#[$meta:meta])+
        $name:ident { $( $(#[$variant_meta:meta])+ $variant:ident = $word:literal $(| $alias:literal)*, )+ }
    ) => {
        $(#[$meta])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])+ $variant, )+
        }

        impl $name {
            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl Scalar for $name {
            fn kind() -> String {
                [$($word),+].map(|word| format!("`{word}`")).join(" or ")
            }

            fn form() -> String {
                Self::kind()
            }

            fn parse_text(text: &str) -> Result<Self, InvalidValue> {
                match text {
                    $( $word $(| $alias)* => Ok(Self::$variant), )+
                    _ => Err(invalid("")),
                }
            }

            fn show(&self) -> Value {
                Value::from(self.as_str())
            }
        }
    };
}

choice! {
    /// Which database holds the state.
    StorageDriver {
        /// One file, one process.
        Sqlite = "sqlite",
        /// A PostgreSQL server, several processes.
        Postgres = "postgres",
    }
}

choice! {
    /// The JWS algorithm of the tokens we sign.
    SigningAlgorithm {
        /// ECDSA on P-256.
        Es256 = "ES256",
        /// RSA PKCS#1 v1.5, at least 2048 bits.
        Rs256 = "RS256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

choice! {
    /// Where signing keys live.
    KeyStore {
        /// Files that only the server may read.
        Keyfile = "keyfile",
        /// Encrypted rows in the database.
        Database = "database" | "postgres_key",
        /// Vault signs; the key never leaves it.
        VaultTransit = "vault_transit",
    }
}

choice! {
    /// Who may register a client.
    DcrMode {
        /// Anybody.
        Open = "open",
        /// Anybody whose redirect URIs are all in `dcr.approved_redirects`.
        ApprovedRedirects = "approved_redirects",
        /// Nobody but an operator.
        AdminOnly = "admin_only",
    }
}

choice! {
    /// The `SameSite` attribute of the session cookie.
    SameSite {
        /// Sent on top-level navigation from elsewhere.
        Lax = "lax",
        /// Never sent from elsewhere.
        Strict = "strict",
        /// Always sent; needs `Secure`.
        None = "none",
    }
}

choice! {
    /// How the subject of an identity assertion becomes a subject here.
    SubjectMode {
        /// `{issuer}:{subject}`, unless a mapping says otherwise.
        AutoMap = "auto_map",
        /// Only by a mapping.
        Strict = "strict",
    }
}

choice! {
    /// How upstream credentials are encrypted at rest.
    DataEncryptionDriver {
        /// AES-256-GCM under a master key from the environment.
        AesMaster = "aes_master",
        /// Vault encrypts.
        VaultTransitEncrypt = "vault_transit_encrypt",
    }
}

choice! {
    /// How the server proves itself to Vault.
    VaultAuthMethod {
        /// A token.
        Token = "token",
        /// An application role.
        Approle = "approle",
    }
}

choice! {
    /// The least severe event that is logged.
    LogLevel {
        /// Everything.
        Trace = "trace",
        /// What a developer looks at.
        Debug = "debug",
        /// What an operator looks at.
        Info = "info",
        /// What should not happen, and did no harm.
        Warn = "warn",
        /// What failed.
        Error = "error",
    }
}

choice! {
    /// How a log line is written.
    LogFormat {
        /// One JSON object a line.
        Json = "json",
        /// For eyes.
        Text = "text",
    }
}

choice! {
    /// Where metrics go.
    MetricsProvider {
        /// Scraped from the admin listener.
        Prometheus = "prometheus",
        /// Pushed over OpenTelemetry.
        Otel = "otel",
        /// Both.
        Both = "both",
        /// Nowhere.
        None = "none",
    }
}
