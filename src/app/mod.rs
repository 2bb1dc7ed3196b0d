//! Building a server from its configuration, and stopping it in order.

mod admin_access;
mod application;
mod boot;
mod connection;
mod crowd;
mod listener;
mod registration;
mod secrets;
mod seed;
mod services;
mod settings;
pub mod telemetry;
mod tls;

pub use admin_access::{AdminAccess, Denied, Identity, Minted, Powers, Withdrawn};
pub(crate) use application::stop_keepers;
pub use application::{Application, Stopped};
pub(crate) use boot::open_migrated;
pub use boot::{BootError, Booted, boot};
pub use registration::ConfiguredRegistration;
pub(crate) use registration::configured_mode;
pub use secrets::Secrets;
pub use services::Services;
pub(crate) use settings::{FAMILY_LIFETIME, retention};
pub use tls::TlsError;
