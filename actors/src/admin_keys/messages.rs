//! What can be asked of the keeper of admin keys.

use entities::admin_key::Model;
use entities::{Page, StoreError};
use uuid::Uuid;

use crate::audit::Origin;
use crate::runtime::Ask;

/// "A key was minted: from now on it is good."
#[derive(Debug, Clone)]
pub struct AddAdminKey {
    /// The row; who minted it is in it.
    pub row: Model,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for AddAdminKey {
    type Reply = Result<(), StoreError>;
}

/// "The key with this id was presented, and its signature is ours: which row is it?" Noted as
/// a use, if it was not revoked.
#[derive(Debug, Clone, Copy)]
pub struct UseAdminKey(pub Uuid);

impl Ask for UseAdminKey {
    type Reply = Result<Option<Model>, StoreError>;
}

/// "Which row is this?" Not noted as a use.
#[derive(Debug, Clone, Copy)]
pub struct FindAdminKey(pub Uuid);

impl Ask for FindAdminKey {
    type Reply = Result<Option<Model>, StoreError>;
}

/// "Which keys are there?" Newest first, revoked and ended ones too.
#[derive(Debug, Clone, Copy)]
pub struct ListAdminKeys {
    /// Which part of them, newest first.
    pub page: Page,
}

/// Some of the keys.
#[derive(Debug, Clone)]
pub struct AdminKeyPage {
    /// These.
    pub keys: Vec<Model>,
    /// How many there are in all.
    pub total: u64,
}

impl Ask for ListAdminKeys {
    type Reply = Result<AdminKeyPage, StoreError>;
}

/// "This key is good no longer." Answered with its row, or `None` when there is none; revoking
/// twice is revoking once.
#[derive(Debug, Clone)]
pub struct RevokeAdminKey {
    /// Which.
    pub id: Uuid,
    /// Who revokes it.
    pub admin: String,
    /// The request behind it.
    pub origin: Origin,
}

impl Ask for RevokeAdminKey {
    type Reply = Result<Option<Model>, StoreError>;
}
