//! The page behind the `consent_url` of an exchange: who can answer it, what an answer changes.

mod forged;
mod in_flight;
mod story;

use actors::consent::FindGrants;
use authserver::flows::agreement;
use protocol::agreement::Wanted;
use protocol::scope::ScopeSet;
use uuid::Uuid;

use crate::kit::scene::EMAIL;
use crate::kit::server::ISSUER;
use crate::kit::{Answer, Browser, Scene, Server};

/// What the page with the question has.
const QUESTION: &str = "name=\"decision\"";
const APPROVED: &str = "You approved";
const NOT_APPROVED: &str = "You did not approve";
const NOT_GOOD: &str = "not good any more";
const NOTHING_TO_APPROVE: &str = "nothing to approve any more";

/// A person whose app wants to exchange for a second resource, `files` with `list`, `get` and
/// `put`.
struct Exchange {
    scene: Scene,
    files: Uuid,
}

impl Exchange {
    async fn set(server: &Server) -> Exchange {
        let scene = Scene::set(server).await;
        let scopes = ["list", "get", "put"];
        let files = server.resource("files", "https://files.example/mcp", &scopes).await.id;
        Exchange { scene, files }
    }

    fn wanted(&self, scopes: &str) -> Wanted {
        Wanted {
            user_id: self.scene.person,
            client_id: self.scene.app.id.clone(),
            resource_id: self.files,
            scopes: ScopeSet::parse(scopes).unwrap(),
        }
    }

    /// The address of the page, as a path.
    fn path(&self, server: &Server, scopes: &str) -> String {
        path_of(&agreement::url(&server.services, &self.wanted(scopes)))
    }

    /// A signed-in browser in front of the question for these scopes.
    async fn asked(&self, server: &Server, scopes: &str) -> (Browser, Answer) {
        let browser = Browser::signed_in(server, EMAIL).await;
        let page = browser.get(server, &self.path(server, scopes)).await;
        page.is_page(200, QUESTION);
        (browser, page)
    }

    /// The scopes of `files` that the person agreed to, sorted.
    async fn agreed(&self, server: &Server) -> Vec<String> {
        let (user_id, client_id) = (self.scene.person, self.scene.app.id.clone());
        let question = FindGrants { user_id, client_id };
        let grants = server.services.keepers.consent.ask(question).await.unwrap().unwrap();
        let about_files = grants.into_iter().filter(|(resource, _)| *resource == self.files);
        let scopes = about_files
            .flat_map(|(_, scopes)| scopes.iter().map(str::to_owned).collect::<Vec<_>>());
        let mut scopes: Vec<String> = scopes.collect();
        scopes.sort();
        scopes
    }
}

/// The path of an address under the issuer.
fn path_of(url: &str) -> String {
    url.strip_prefix(ISSUER).unwrap_or_else(|| panic!("not ours: {url}")).to_owned()
}
