//! `authserver admin resource runtime-client|exchange-client|return-url`

use std::io;

use clap::{Args, Subcommand};

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{
    self, AddExchangeClient, AddReturnUrl, AddRuntimeClient, ClientIds, ListExchangeClients,
    ListReturnUrls, ListRuntimeClients, ListedClient, ListedClientPath, RemoveExchangeClient,
    RemoveReturnUrl, RemoveRuntimeClient, ResourcePath, ReturnUrls,
};

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeClient {
    /// Let a client act as the resource.
    Add(ResourceAndClient),
    /// Let it no longer.
    Remove(ResourceAndClient),
    /// List them.
    List(Resource),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExchangeClient {
    /// Let a client exchange tokens for the resource.
    Add(ResourceAndClient),
    /// Take it off the list. With the last one gone, any client may.
    Remove(ResourceAndClient),
    /// List them.
    List(Resource),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReturnUrl {
    /// Let people return to a URL.
    Add(ResourceAndUrl),
    /// Let them no longer.
    Remove(ResourceAndUrl),
    /// List them.
    List(Resource),
}

#[derive(Debug, Args)]
pub(crate) struct Resource {
    /// The resource's slug or id.
    resource: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResourceAndClient {
    /// The resource's slug or id.
    resource: String,
    /// The client's id.
    client_id: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResourceAndUrl {
    /// The resource's slug or id.
    resource: String,
    /// The URL, exactly.
    url: String,
}

impl From<Resource> for ResourcePath {
    fn from(Resource { resource }: Resource) -> ResourcePath {
        ResourcePath { resource }
    }
}

fn clients(list: &ClientIds) -> io::Result<()> {
    list.client_ids.iter().try_for_each(|id| output::line(id))
}

fn urls(list: &ReturnUrls) -> io::Result<()> {
    list.allowed_return_urls.iter().try_for_each(|url| output::line(url))
}

pub(super) async fn runtime_client(
    command: RuntimeClient,
    counter: &Counter<'_>,
) -> Result<(), CliError> {
    match command {
        RuntimeClient::Add(ResourceAndClient { resource, client_id }) => {
            let (path, body) = (ResourcePath { resource }, ListedClient { client_id });
            counter.show(AddRuntimeClient { path, body }, clients).await
        }
        RuntimeClient::Remove(ResourceAndClient { resource, client_id }) => {
            let path = ListedClientPath { resource, client_id };
            counter.show(RemoveRuntimeClient { path }, clients).await
        }
        RuntimeClient::List(resource) => {
            counter.show(ListRuntimeClients { path: resource.into() }, clients).await
        }
    }
}

pub(super) async fn exchange_client(
    command: ExchangeClient,
    counter: &Counter<'_>,
) -> Result<(), CliError> {
    match command {
        ExchangeClient::Add(ResourceAndClient { resource, client_id }) => {
            let (path, body) = (ResourcePath { resource }, ListedClient { client_id });
            counter.show(AddExchangeClient { path, body }, clients).await
        }
        ExchangeClient::Remove(ResourceAndClient { resource, client_id }) => {
            let path = ListedClientPath { resource, client_id };
            counter.show(RemoveExchangeClient { path }, clients).await
        }
        ExchangeClient::List(resource) => {
            counter.show(ListExchangeClients { path: resource.into() }, clients).await
        }
    }
}

pub(super) async fn return_url(command: ReturnUrl, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        ReturnUrl::Add(ResourceAndUrl { resource, url }) => {
            let (path, body) = (ResourcePath { resource }, admin::ReturnUrl { url });
            counter.show(AddReturnUrl { path, body }, urls).await
        }
        ReturnUrl::Remove(ResourceAndUrl { resource, url }) => {
            let (path, query) = (ResourcePath { resource }, admin::ReturnUrl { url });
            counter.show(RemoveReturnUrl { path, query }, urls).await
        }
        ReturnUrl::List(resource) => {
            counter.show(ListReturnUrls { path: resource.into() }, urls).await
        }
    }
}
