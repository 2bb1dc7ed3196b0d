//! The settings, section by section. A doc comment on a leaf is its line in the reference.

mod access;
mod encryption;
mod federation;
mod grants;
mod observability;
mod registration;
mod server;
mod signing;
mod storage;

pub use self::access::{Admin, RateLimit, Session};
pub use self::encryption::{
    AesMaster, DataEncryption, EncryptionApprole, UnusableMaster, VaultTransitEncrypt,
};
pub use self::federation::{Connect, Oidc, Xaa};
pub use self::grants::{Agents, ClientCredentials, Dpop, Oauth, TokenExchange};
pub use self::observability::{Logging, LoggingOutputs, Metrics, Observability, Tracing};
pub use self::registration::{Cimd, Dcr};
pub use self::server::{Server, Tls};
pub use self::signing::{Approle, Signing, VaultTransit};
pub use self::storage::{Postgres, Retention, Sqlite, Storage};
