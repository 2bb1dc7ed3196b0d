//! Changes that are drafted from a thing as it is, and made only if it still is so.

use actors::catalog::CatalogError;
use actors::users::UserError;

use super::AdminError;

/// How often a change is drafted when others change the same thing meanwhile.
const ATTEMPTS: usize = 3;

/// Why a keeper did not take a draft.
pub(super) trait Overtaken: Into<AdminError> {
    /// Whether the thing had become another since it was looked at.
    fn is_overtaken(&self) -> bool;
}

impl Overtaken for CatalogError {
    fn is_overtaken(&self) -> bool {
        matches!(self, CatalogError::ChangedMeanwhile(_))
    }
}

impl Overtaken for UserError {
    fn is_overtaken(&self) -> bool {
        matches!(self, UserError::ChangedMeanwhile(_))
    }
}

/// Looks, drafts and makes the change with `once`, and again if somebody was faster.
pub(super) async fn until_made<T, E: Overtaken>(
    mut once: impl AsyncFnMut() -> Result<Result<T, E>, AdminError>,
) -> Result<T, AdminError> {
    for _ in 1..ATTEMPTS {
        match once().await? {
            Err(error) if error.is_overtaken() => {}
            made => return made.map_err(E::into),
        }
    }
    once().await?.map_err(E::into)
}
