//! Clients whose own code runs against the server (`tests/clients`), with the versions that are pinned
//! there.

use std::fs;
use std::path::Path;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RealClient {
    pub(super) package: &'static str,
    /// Below `tests/clients`, where its version is pinned.
    manifest: &'static str,
    pub(super) does: &'static str,
    /// Path of a test below `tests/it`.
    pub(super) test: &'static str,
}

const STOCK: &str = "clients::journeys::stock_clients_get_in_are_turned_away_and_are_found_out";
const JUDGES: &str =
    "clients::journeys::a_strict_client_the_rust_sdk_and_the_conformance_runner_find_nothing_wrong";

pub(super) const REAL_CLIENTS: &[RealClient] = &[
    RealClient {
        package: "@modelcontextprotocol/sdk",
        manifest: "package.json",
        does: "the official TypeScript SDK: discovery to revocation, denial, replay",
        test: STOCK,
    },
    RealClient {
        package: "mcp",
        manifest: "requirements.in",
        does: "the official Python SDK, the same; also under the MCP server",
        test: STOCK,
    },
    RealClient {
        package: "authplane-mcp",
        manifest: "requirements.in",
        does: "the published AuthPlane SDK in the MCP server: checks tokens, introspects",
        test: "clients::journeys::a_revocation_shows_at_once_at_a_server_that_introspects",
    },
    RealClient {
        package: "authplane-sdk",
        manifest: "requirements.in",
        does: "token exchange in MCP servers that are agents: three of them ask one another, for a machine and \
            for a person who agrees to each hop, until consent to the first is revoked",
        test: "clients::delegation::three_agents_act_one_for_the_other_until_the_root_is_cut",
    },
    RealClient {
        package: "authplane-sdk",
        manifest: "requirements.in",
        does: "token exchange in a gateway: by way of a fronting link, without asking the person, until the \
            link is deleted",
        test: "clients::delegation::a_gateway_reaches_files_by_a_link_and_only_while_there_is_one",
    },
    RealClient {
        package: "rmcp",
        manifest: "rust/Cargo.toml",
        does: "the official Rust SDK: discovery, registration, PKCE, refresh, tools",
        test: JUDGES,
    },
    RealClient {
        package: "oauth4webapi",
        manifest: "package.json",
        does: "checks every answer against its RFC: metadata, registration, `iss`, tokens of each client \
            authentication method (`private_key_jwt` too), client credentials, token exchange, introspection, \
            revocation; then with everything bound to a key (DPoP), nonces and refresh tokens too",
        test: JUDGES,
    },
    RealClient {
        package: "schemathesis",
        manifest: "requirements.in",
        does: "asks everything that the OpenAPI documents of both listeners allow, and much that they do \
            not: every answer is one they describe, and none is a fault of ours",
        test: "clients::openapi::whatever_is_asked_the_answer_is_one_that_the_documents_describe",
    },
    RealClient {
        package: "@modelcontextprotocol/conformance",
        manifest: "package.json",
        does: "the MCP conformance runner, all its scenarios for authorization servers. Its one warning \
            is that URLs as `client_id` are not offered",
        test: JUDGES,
    },
    RealClient {
        package: "@modelcontextprotocol/inspector",
        manifest: "package.json",
        does: "MCP Inspector: its page in Chromium, from *Connect* to the list of tools; then scripts of \
            that page call every endpoint across origins",
        test: "clients::journeys::inspector_lists_the_tools_and_its_page_may_read_us_but_not_our_pages",
    },
];

impl RealClient {
    /// The version its manifest pins.
    pub(super) fn version(&self) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let text = fs::read_to_string(folder.join(self.manifest)).unwrap();
        pinned(&text, self.package).unwrap_or_else(|| panic!("{} is not pinned", self.package))
    }
}

/// What follows the name of a package: `"name": "1.2.3"`, `name==1.2.3`, `name = { version = "=1.2.3"`.
fn pinned(manifest: &str, package: &str) -> Option<String> {
    let named = |line: &&str| {
        let rest = line.trim_start().trim_start_matches('"').strip_prefix(package);
        rest.is_some_and(|rest| rest.starts_with(['"', '=', ' ']))
    };
    let line = manifest.lines().find(named)?.trim_start().trim_start_matches('"');
    let rest = line.strip_prefix(package)?;
    let rest = &rest[rest.find(|letter: char| letter.is_ascii_digit())?..];
    Some(rest.split(['"', ' ', ',']).next()?.to_owned())
}

#[test]
fn a_version_is_read_from_each_kind_of_manifest() {
    assert_eq!(pinned("{\n  \"a/b\": \"1.2.3-rc.1\",\n", "a/b").as_deref(), Some("1.2.3-rc.1"));
    assert_eq!(pinned("ab==2.0\na==1.0\n", "a").as_deref(), Some("1.0"));
    let cargo = "a = { version = \"=3.1.0\", features = [] }";
    assert_eq!(pinned(cargo, "a").as_deref(), Some("3.1.0"));
    assert_eq!(pinned(cargo, "b"), None);
}
