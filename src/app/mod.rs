//! Building a server from its configuration, and stopping it in order.

mod application;
mod boot;
mod registration;
mod secrets;
mod seed;
mod services;
mod settings;
pub mod telemetry;

pub(crate) use application::stop_keepers;
pub use application::{Application, Stopped};
pub(crate) use boot::open_migrated;
pub use boot::{BootError, Booted, boot};
pub use registration::ConfiguredRegistration;
pub(crate) use registration::configured_mode;
pub use secrets::{AdminAccess, Secrets};
pub use services::Services;
