//! Resources from the configuration: created when no row has the slug, never changed.

use actors::Keepers;
use actors::audit::{Event, Origin};
use actors::catalog::{AddResource, CatalogError};
use actors::runtime::Environment;
use protocol::resource::{
    ConnectPolicy, DpopPolicy, ExchangePolicy, MintResource, ResourcePolicy, ResourceUri,
    RuntimePolicy, ScopeEntry,
};

use super::BootError;
use crate::config::ResourceSeed;

/// Creates the resources that are not there yet.
pub(super) async fn resources(
    seeds: &[ResourceSeed],
    keepers: &Keepers,
    environment: &Environment,
) -> Result<(), BootError> {
    for seed in seeds {
        if keepers.catalog.resources().by_slug(&seed.slug).is_some() {
            continue;
        }
        let refused = |reason: String| BootError::Seed { slug: seed.slug.clone(), reason };
        ResourceUri::parse(&seed.uri).map_err(|error| refused(error.to_string()))?;
        let event = Event::new("resource.created", &Origin::local())
            .by("configuration")
            .with("slug", &seed.slug)
            .with("uri", &seed.uri);
        let resource = resource_of(seed, environment);
        let added = keepers.clients_and_resources.ask(AddResource { resource, event }).await;
        match added.map_err(|error| refused(error.to_string()))? {
            // Another replica booted at the same moment with the same configuration.
            Err(CatalogError::ResourceTaken { taken_by, .. }) if taken_by == seed.slug => {}
            outcome => outcome.map_err(|error| refused(error.to_string()))?,
        }
    }
    Ok(())
}

fn resource_of(seed: &ResourceSeed, environment: &Environment) -> MintResource {
    let scopes = seed.scopes.iter().map(|scope| ScopeEntry {
        name: scope.name.as_str().to_owned(),
        description: scope.description.clone(),
        default: scope.default,
    });
    let policy = &seed.policy;
    MintResource {
        id: environment.new_id(),
        slug: seed.slug.clone(),
        uri: seed.uri.clone(),
        aliases: seed.aliases.clone(),
        display_name: seed.display_name.clone(),
        discoverable: seed.discoverable,
        scopes: scopes.collect(),
        policy: ResourcePolicy {
            exchange: ExchangePolicy {
                allowed_client_ids: policy.exchange.allowed_client_ids.clone(),
            },
            runtime: RuntimePolicy { client_ids: policy.runtime.client_ids.clone() },
            connect: ConnectPolicy {
                allowed_return_urls: policy
                    .connect
                    .as_ref()
                    .map(|connect| connect.allowed_return_urls.clone())
                    .unwrap_or_default(),
            },
            dpop: DpopPolicy { required: policy.dpop.required },
        },
    }
}
