//! The lists in a resource's policy, entry by entry. Adding what is there and removing
//! what is not change nothing.

use actors::catalog::{ChangePolicyList, ListChange, PolicyList};
use protocol::resource::MintResource;

use super::super::{AdminError, Desk};
use super::{load, rules};

/// The entries of a list of the resource with this id or slug.
///
/// # Errors
/// [`AdminError::NotFound`], or a failure of the server.
pub async fn entries(
    desk: &Desk<'_>,
    which: &str,
    list: PolicyList,
) -> Result<Vec<String>, AdminError> {
    let MintResource { policy, .. } = load(desk, which).await?;
    Ok(match list {
        PolicyList::ExchangeClients => policy.exchange.allowed_client_ids,
        PolicyList::RuntimeClients => policy.runtime.client_ids,
        PolicyList::ReturnUrls => policy.connect.allowed_return_urls,
    })
}

/// Adds a client's id or a URL to a list, or removes it; the list as it is now.
///
/// # Errors
/// [`AdminError::NotFound`] for the resource, and for a client that is to be added,
/// [`AdminError::Invalid`] for a URL that nobody can return to and for a list that is
/// full, or a failure of the server.
pub async fn change(
    desk: &Desk<'_>,
    which: &str,
    list: PolicyList,
    entry: &str,
    change: ListChange,
) -> Result<Vec<String>, AdminError> {
    let id = load(desk, which).await?.id;
    if list == PolicyList::ReturnUrls && change == ListChange::Add {
        rules::check_return_url(entry)?;
    }
    let entry = entry.to_owned();
    let (admin, origin) = (desk.admin.to_owned(), desk.origin.clone());
    let order = ChangePolicyList { id, list, entry, change, admin, origin };
    Ok(desk.keepers.clients_and_resources.ask(order).await??)
}
