//! The command line does the same on the store and on a server, and says the same.

use serde_json::{Value, json};

use crate::kit::client::claims;
use crate::kit::postgres::PrivateCluster;
use crate::kit::process::{Ended, Installation};
use crate::kit::{Backend, TokenClient, on_both_databases};

const KEY: &str = "an-admin-key-for-the-command-line";

/// What an operator types, one line after the other; `$1` is the id that line 1 printed.
const STORY: &[&str] = &[
    "client create --name robot --grant-types client_credentials --scope a",
    "client get $1",
    "client list --source admin --limit 5",
    "client update $1 --name droid --scope b",
    "client rotate-secret $1",
    "client suspend $1",
    "client reactivate $1",
    "client get nobody",
    "user create --email ada@example.com --password-stdin",
    "user get ada@example.com",
    "user list",
    "user update ada@example.com --name Ada --role admin",
    "user update ada@example.com --role emperor",
    "user disable ada@example.com",
    "user enable ada@example.com",
    "user force-logout ada@example.com",
    "resource create --slug notes --uri https://notes.example/mcp --scopes read||Look",
    "resource create --slug notes --uri https://notes.example/mcp",
    "resource get notes",
    "resource list",
    "resource update notes --display-name Notes --discoverable true",
    "resource runtime-client add notes $1",
    "resource runtime-client list notes",
    "resource runtime-client remove notes $1",
    "resource exchange-client add notes $1",
    "resource exchange-client list notes",
    "exchange explain --subject-client $1 --acting-client $1 --resource notes --machine",
    "exchange explain --subject-client $1 --acting-client nobody --resource notes --machine",
    "exchange explain --subject-client $1 --acting-client $1 --user ada@example.com --depth 11",
    "client update $1 --grant-types client_credentials,urn:ietf:params:oauth:grant-type:token-exchange --scope read",
    "exchange explain --subject-client $1 --acting-client $1 --resource notes --user ada@example.com",
    "exchange explain --subject-client $1 --acting-client $1 --resource notes --scopes read",
    "exchange explain --subject-client $1 --acting-client $1 --resource notes --scopes erase",
    "exchange explain --subject-client $1 --acting-client $1 --resource notes --source notes --machine --proof other-key",
    "resource exchange-client remove notes $1",
    "resource return-url add notes https://app.example/back",
    "resource return-url list notes",
    "resource return-url remove notes https://app.example/back",
    "resource create --slug files --uri https://files.example/mcp --scopes list --scopes get",
    "fronting create --source notes --target files --scope-map read:none",
    "fronting create --source notes --target files --scope-map read:list:get",
    "fronting create --source notes --target files --scope-map read:list+get --dry-run",
    "fronting create --source notes --target files --scope-map read:list+get",
    "fronting create --source notes --target files --scope-map read:list",
    "fronting create --source files --target notes --scope-map list:read",
    "fronting create --source notes --target nowhere --scope-map read:list",
    "fronting list --source notes",
    "fronting get notes files",
    "fronting get files notes",
    "fronting update notes files --scope-map read=get --dry-run",
    "fronting update notes files --scope-map read=get",
    "fronting delete notes files --dry-run",
    "resource delete files",
    "fronting delete notes files",
    "fronting delete notes files",
    "grant list-user-grants ada@example.com",
    "grant revoke-consent 00000000-0000-7000-8000-000000000000",
    "issuance list --client $1 --since 7d",
    "issuance get 00000000-0000-7000-8000-000000000000",
    "issuance revoke 00000000-0000-7000-8000-000000000000",
    "lockout list",
    "lockout lift --email ada@example.com",
    "lockout lift --client $1",
    "lockout lift --address 2001:db8::1",
    "lockout lift --address nowhere",
    "key list",
    "dcr get",
    "dcr set admin_only",
    "dcr reset",
    "audit list --action client.updated --since 2w",
    "stats",
    "resource delete notes",
    "user delete ada@example.com",
    "client revoke $1",
    "client delete $1 --force",
    "client list",
];

/// What differs from one installation to the next: ids, times, secrets, keys, who did it.
fn settled(value: Value) -> Value {
    const VARY: [&str; 14] = [
        "id",
        "client_id",
        "client_secret",
        "kid",
        "created_at",
        "updated_at",
        "issued_at",
        "changes_at",
        "actor_id",
        "ip",
        "trace_id",
        "client_ids",
        "allowed_client_ids",
        "detail",
    ];
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| {
                let varies = VARY.contains(&name.as_str()) && !member.is_null();
                let size = member.as_array().map_or(1, Vec::len);
                let member = if varies { Value::from(size) } else { settled(member) };
                (name, member)
            })
            // The address and the correlation id come with a request, and only then.
            .filter(|(name, _)| !["ip", "trace_id"].contains(&name.as_str()))
            .collect(),
        Value::Array(items) => items.into_iter().map(settled).collect(),
        other => other,
    }
}

/// One line's end: how it ended, what it printed, and what it complained about.
fn outcome(ended: &Ended) -> (Option<i32>, Value, String) {
    let printed = if ended.out.is_empty() {
        Value::Null
    } else {
        settled(serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}")))
    };
    (ended.status.code(), printed, ended.err.clone())
}

async fn told(installation: &Installation) -> Vec<(Option<i32>, Value, String)> {
    let mut outcomes = Vec::new();
    let mut first_id = String::new();
    for line in STORY {
        let line = line.replace("$1", &first_id);
        let mut arguments = vec!["admin", "--json"];
        arguments.extend(line.split(' '));
        let mut ended = installation.run(&arguments, "correct horse battery\n").await;
        if first_id.is_empty() {
            let created: Value = serde_json::from_str(&ended.out).expect("line 1 prints JSON");
            first_id = created["client_id"].as_str().unwrap().to_owned();
        }
        ended.out = ended.out.replace(&first_id, "$1");
        let (code, printed, complaint) = outcome(&ended);
        outcomes.push((code, printed, complaint.replace(&first_id, "$1")));
    }
    outcomes
}

async fn installation(backend: Backend) -> Installation {
    Installation::new(backend).await.with("AUTHPLANE_ADMIN_API_KEY", KEY)
}

on_both_databases! {
    async fn a_story_is_the_same_on_the_store_and_on_a_server(backend: Backend) {
        let store = told(&installation(backend).await).await;
        let installation = installation(backend).await;
        let server = installation.start().await;
        let there = installation.clone()
            .with("AUTHPLANE_SERVER", &installation.admin_url(""))
            .with("AUTHPLANE_ADMIN_KEY", KEY);
        let server_told = told(&there).await;
        server.stop().await;
        for ((line, here), there) in STORY.iter().zip(store).zip(server_told) {
            assert_eq!(here, there, "{line}");
        }
    }

    async fn what_cannot_be_done_ends_with_a_code_and_says_what_to_do(backend: Backend) {
        let installation = installation(backend).await;
        let server = installation.start().await;
        let url = installation.admin_url("");
        let there = installation.clone().with("AUTHPLANE_SERVER", &url);
        let ends = async |installation: &Installation, line: &str, code: i32, says: &str| {
            let arguments: Vec<&str> = line.split(' ').collect();
            let ended = installation.run(&arguments, "").await;
            assert_eq!(ended.status.code(), Some(code), "{line}: {ended:?}");
            assert!(ended.err.contains(says), "{line}: {ended:?}");
        };
        ends(&there, "admin stats", 2, "AUTHPLANE_ADMIN_KEY").await;
        ends(&there, "admin stats --key wrong", 5, "valid admin key").await;
        let keyed = there.with("AUTHPLANE_ADMIN_KEY", KEY);
        ends(&keyed, "admin client get nobody", 3, "nobody").await;
        ends(&keyed, "admin user create --email no --password-stdin", 2, "e-mail").await;
        ends(&keyed, "status", 0, "").await;
        ends(&installation, "admin status", 2, "status").await;
        for (server, says) in [
            ("http://auth.example:9001", "https://"),
            ("https://u:p@auth.example", "--key"),
            ("https://auth.example?key=x", "--key"),
            ("nonsense", "URL"),
        ] {
            ends(&keyed, &format!("admin stats --server {server}"), 2, says).await;
        }
        server.stop().await;
        ends(&keyed, "admin stats", 1, "admin.address").await;
    }

    /// What an operator reads who tries an exchange: on the store, and on a server.
    async fn an_exchange_is_tried_gate_by_gate_and_what_to_do_is_said(backend: Backend) {
        let installation = installation(backend).await;
        for slug in ["notes", "files"] {
            let uri = format!("https://{slug}.example/mcp");
            let resource = ["resource", "create", "--slug", slug, "--uri", &uri];
            installation.admin(&[&resource[..], &["--scopes", "read||Look"]].concat(), "").await;
        }
        let mut ids = Vec::new();
        for name in ["agent", "gateway"] {
            let grants = "client_credentials,urn:ietf:params:oauth:grant-type:token-exchange";
            let client = ["client", "create", "--name", name, "--scope", "read"];
            let client = [&client[..], &["--grant-types", grants]].concat();
            let made = installation.admin_json(&client).await;
            ids.push(made["client_id"].as_str().unwrap().to_owned());
        }
        let [agent, gateway] = &ids[..] else { panic!("{ids:?}") };
        installation.admin(&["user", "create", "--email", "ada@example.com", "--password-stdin"],
            "correct horse battery\n").await;
        let explain = |acting: &str, more: &str| {
            let line = format!("exchange explain --subject-client {agent} --acting-client {acting} \
                --source notes --resource files {more}");
            line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let lines = [
            (explain(gateway, "--machine"), vec!["passed", "STOPS", "cross_client",
                "access_denied", "resource exchange-client add files"]),
            (explain(agent, "--machine"), vec!["allowed", "yes", "read", "Bearer", "3600 s"]),
            (explain(agent, ""), vec!["open", "depends on what the user has agreed to", "--user"]),
            (explain(agent, "--user ada@example.com"), vec!["consent_required", "consent_missing"]),
            (explain(agent, "--machine --subject-bound"), vec!["STOPS", "dpop_proof_missing"]),
        ];
        let server = installation.start().await;
        let there = installation.clone()
            .with("AUTHPLANE_SERVER", &installation.admin_url(""))
            .with("AUTHPLANE_ADMIN_KEY", KEY);
        for (line, says) in lines {
            let line: Vec<&str> = line.iter().map(String::as_str).collect();
            let printed = installation.admin(&line, "").await;
            for words in says {
                assert!(printed.contains(words), "{line:?} does not say {words}: {printed}");
            }
            assert_eq!(there.admin(&line, "").await, printed, "{line:?}");
        }
        server.stop().await;
    }

    /// Where a token comes from, who acts in it and what it rests on; the same with --json.
    async fn the_lineage_of_a_token_is_shown(backend: Backend) {
        let installation = installation(backend).await;
        let url = "https://notes.example/mcp";
        let resource = ["resource", "create", "--slug", "notes", "--uri", url];
        installation.admin(&[&resource[..], &["--scopes", "read||Look"]].concat(), "").await;
        let mut clients = Vec::new();
        for name in ["first", "second"] {
            let grants = "client_credentials,urn:ietf:params:oauth:grant-type:token-exchange";
            let client = ["client", "create", "--name", name, "--scope", "read", "--agent"];
            let made = installation.admin_json(&[&client[..], &["--grant-types", grants]].concat()).await;
            let secret = made["client_secret"].as_str().unwrap().to_owned();
            clients.push(TokenClient::new(made["client_id"].as_str().unwrap(), Some(&secret)));
        }
        let [first, second] = &clients[..] else { panic!("two") };
        installation.admin(&["resource", "exchange-client", "add", "notes", &second.id], "").await;
        let server = installation.start().await;
        let http = reqwest::Client::new();
        let token = async |client: &TokenClient, form: &[(&str, &str)]| {
            let asked = http.post(installation.url("/oauth/token"));
            let asked = asked.basic_auth(&client.id, client.secret.as_ref()).form(form);
            let said: Value = asked.send().await.unwrap().json().await.unwrap();
            said["access_token"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned()
        };
        let own = token(first, &[("grant_type", "client_credentials"), ("resource", url)]).await;
        let kind = "urn:ietf:params:oauth:token-type:access_token";
        let exchanged = token(second, &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &own), ("subject_token_type", kind), ("resource", "notes"),
        ]).await;
        let jti = |token: &str| claims(token)["jti"].as_str().unwrap().to_owned();
        let (parent, child) = (jti(&own), jti(&exchanged));
        let alone = installation.admin(&["issuance", "list", "--client", &first.id], "").await;
        assert!(!alone.contains("EXCHANGED FROM"), "{alone}");
        let list = installation.admin(&["issuance", "list", "--client", &second.id], "").await;
        for words in ["EXCHANGED FROM", "ACTING", "RESTS ON", &parent, &child] {
            assert!(list.contains(words), "{words}: {list}");
        }
        let one = installation.admin(&["issuance", "get", &child], "").await;
        let says = |name: &str, value: &str| {
            one.lines().any(|line| line.starts_with(name) && line.ends_with(value))
        };
        assert!(says("exchanged from", &parent) && says("acting", &second.id), "{one}");
        let json = installation.admin_json(&["issuance", "get", &child]).await;
        assert_eq!((&json["parent_jti"], &json["agent_chain"]), (&json!(parent), &json!([second.id])));
        server.stop().await;
    }

    async fn a_list_that_is_cut_says_how_much_there_is(backend: Backend) {
        let installation = installation(backend).await;
        for number in 1..=3 {
            let slug = format!("r{number}");
            let uri = format!("https://{slug}.example/mcp");
            installation.admin(&["resource", "create", "--slug", &slug, "--uri", &uri], "").await;
            let user = ["user", "create", "--email", &format!("u{number}@example.com")];
            installation.admin(&user, "").await;
            let client = ["client", "create", "--name", &slug, "--scope", "a"];
            let grants = ["--grant-types", "client_credentials"];
            installation.admin(&[&client[..], &grants].concat(), "").await;
            let mint = ["token", "mint", "--name", &slug, "--rights", "keys:read"];
            installation.admin(&mint, "").await;
        }
        for list in ["resource", "user", "client", "token"] {
            let whole = installation.admin(&[list, "list"], "").await;
            assert!(!whole.contains("--offset"), "{list}: {whole}");
            let first = installation.admin(&[list, "list", "--limit", "2"], "").await;
            assert!(first.contains("2 of 3; see --limit and --offset"), "{list}: {first}");
            let rest = installation.admin(&[list, "list", "--offset", "2"], "").await;
            assert!(rest.contains("3 to 3 of 3"), "{list}: {rest}");
            let none = installation.admin(&[list, "list", "--offset", "7"], "").await;
            assert!(none.contains("there are 3"), "{list}: {none}");
        }
        let audit = installation.admin(&["audit", "list", "--limit", "1"], "").await;
        assert!(audit.contains("1 of ") && audit.contains("--offset"), "{audit}");
        // For programs there is the total, and nothing beside the JSON.
        let list = installation.admin_json(&["token", "list", "--limit", "2"]).await;
        assert_eq!((list["keys"].as_array().unwrap().len(), &list["total"]), (2, &3.into()));
    }
}

/// SQLite has nothing that could be away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_for_now_ends_with_the_code_for_trying_again() {
    let cluster = PrivateCluster::start();
    let installation = Installation::in_cluster(&cluster).await;
    drop(cluster);
    let ended = installation.run(&["admin", "client", "list"], "").await;
    assert_eq!(ended.status.code(), Some(75), "{ended:?}");
    assert!(ended.err.contains("storage."), "{ended:?}");
}
