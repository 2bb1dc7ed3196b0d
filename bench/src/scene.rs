//! What the server needs before it can be asked anything: a resource, a machine, a
//! runtime client, an app, a person who agreed. All of it comes about as operators and
//! people do it, by the command line and the pages.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::browser::{Arrived, Browser};
use crate::http::{Connection, percent_encoded, post, post_json};
use crate::program::{Program, free_address};

const RESOURCE: &str = "https://mcp.example/mcp";
/// What tokens for the first are exchanged for.
const OTHER_RESOURCE: &str = "https://files.example/mcp";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const REDIRECT: &str = "https://app.example/callback";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";
/// PKCE (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A client with its secret.
#[derive(Debug, Clone)]
pub struct Confidential {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
}

/// A folder, a database and settings: what the real program runs on.
#[derive(Debug)]
pub struct Installation {
    program: PathBuf,
    folder: PathBuf,
    settings: BTreeMap<String, String>,
    address: SocketAddr,
    /// Asks for tokens.
    pub machine: Confidential,
    /// Introspects what others hold.
    pub guard: Confidential,
    /// The public client of a person.
    pub app: String,
}

impl Installation {
    /// Sets up a database in `folder`, or at `dsn` when there is one, for tokens signed
    /// with `algorithm`. `more` are further variables without their prefix.
    ///
    /// # Errors
    /// When a command fails.
    pub fn create(
        program: &Path,
        folder: PathBuf,
        dsn: Option<&str>,
        algorithm: &str,
        more: &[(&str, &str)],
    ) -> Outcome<Installation> {
        std::fs::create_dir_all(&folder)?;
        let (address, admin) = (free_address()?, free_address()?);
        let path = |name: &str| folder.join(name).display().to_string();
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: String| {
            settings.insert(format!("AUTHPLANE_{name}"), value);
        };
        set("SERVER_ADDRESS", address.to_string());
        set("SERVER_ISSUER", format!("http://{address}"));
        set("ADMIN_ADDRESS", admin.to_string());
        set("SIGNING_KEY_PATH", path("keys"));
        set("SIGNING_ALGORITHM", algorithm.to_owned());
        // Everything comes from one address.
        set("RATE_LIMIT_ENABLED", "false".to_owned());
        // Codes are collected first and redeemed then.
        set("OAUTH_CODE_EXPIRY", "10m".to_owned());
        // More are collected in ten minutes than may wait at a time, and each is answered at once.
        set("OAUTH_STATE_MAX_AGE", "5s".to_owned());
        match dsn {
            Some(dsn) => {
                set("STORAGE_DRIVER", "postgres".to_owned());
                set("STORAGE_POSTGRES_DSN", dsn.to_owned());
            }
            None => set("STORAGE_SQLITE_PATH", path("authserver.db")),
        }
        for (name, value) in more {
            set(name, (*value).to_owned());
        }
        let nobody = Confidential { id: String::new(), secret: String::new() };
        let mut new = Installation {
            program: program.to_owned(),
            folder,
            settings,
            address,
            machine: nobody.clone(),
            guard: nobody,
            app: String::new(),
        };
        new.populate()?;
        Ok(new)
    }

    fn populate(&mut self) -> Outcome<()> {
        let scopes = "read||Read everything";
        self.admin(
            &["resource", "create", "--slug", "mcp", "--uri", RESOURCE, "--scopes", scopes],
            "",
        )?;
        let client = ["client", "create", "--json", "--scope", "read", "--name"];
        let machine = ["A machine", "--grant-types", "client_credentials"];
        let machine = [&machine[..], &["--auth-method", "client_secret_post"]].concat();
        self.machine = confidential(&self.admin(&[&client[..], &machine].concat(), "")?)?;
        let exchanging = format!("client_credentials,{TOKEN_EXCHANGE}");
        let guard =
            ["A guard", "--grant-types", &exchanging, "--auth-method", "client_secret_post"];
        self.guard = confidential(&self.admin(&[&client[..], &guard].concat(), "")?)?;
        let guard = self.guard.id.clone();
        let other = ["--slug", "files", "--uri", OTHER_RESOURCE, "--scopes", scopes];
        self.admin(&[&["resource", "create"][..], &other].concat(), "")?;
        for slug in ["mcp", "files"] {
            self.admin(&["resource", "runtime-client", "add", slug, &guard], "")?;
        }
        let app = ["An app", "--auth-method", "none", "--redirect-uris", REDIRECT];
        let app = self.admin(&[&client[..], &app].concat(), "")?;
        self.app = text(&serde_json::from_str(&app)?, "client_id")?;
        self.admin(&["user", "create", "--email", EMAIL, "--password-stdin"], PASSWORD)?;
        Ok(())
    }

    /// Runs the server and waits for its first answer.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&self) -> Outcome<Program> {
        let mut command = self.command();
        command.arg("serve");
        let log = self.folder.join("server.log");
        Program::start(command, self.address, "/ready", &log).await
    }

    /// Runs one server more on the same database and keys, elsewhere, and waits for its first
    /// answer.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_replica(&self) -> Outcome<Program> {
        let (address, admin) = (free_address()?, free_address()?);
        let mut command = self.command();
        command
            .env("AUTHPLANE_SERVER_ADDRESS", address.to_string())
            .env("AUTHPLANE_ADMIN_ADDRESS", admin.to_string())
            .arg("serve");
        let log = self.folder.join(format!("replica-{}.log", address.port()));
        Program::start(command, address, "/ready", &log).await
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file of the SQLite database, if that is what it runs on.
    #[must_use]
    pub fn sqlite(&self) -> Option<&Path> {
        self.settings.get("AUTHPLANE_STORAGE_SQLITE_PATH").map(Path::new)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(&self.settings).current_dir(&self.folder);
        command
    }

    fn admin(&self, arguments: &[&str], input: &str) -> Outcome<String> {
        let mut command = self.command();
        command.arg("admin").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            // A command that wants no input may be gone already.
            drop(pipe.write_all(input.as_bytes()));
        }
        let ended = child.wait_with_output()?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            return Err(format!("authserver admin {arguments:?}: {said}").into());
        }
        Ok(String::from_utf8(ended.stdout)?)
    }

    /// The form with which the machine asks for a token.
    #[must_use]
    pub fn token_request(&self) -> Vec<u8> {
        self.machine_asks(&[])
    }

    /// The same with a proof of possession.
    #[must_use]
    pub fn proven_token_request(&self, proof: &str) -> Vec<u8> {
        self.machine_asks(&[format!("dpop: {proof}")])
    }

    fn machine_asks(&self, headers: &[String]) -> Vec<u8> {
        let Confidential { id, secret } = &self.machine;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("resource", RESOURCE),
            ("scope", "read"),
        ];
        post("/oauth/token", headers, &form)
    }

    /// The form with which the runtime client exchanges the person's `token`.
    #[must_use]
    pub fn exchange(&self, token: &str) -> Vec<u8> {
        let Confidential { id, secret } = &self.guard;
        let form = [
            ("grant_type", TOKEN_EXCHANGE),
            ("client_id", id),
            ("client_secret", secret),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("resource", OTHER_RESOURCE),
            ("scope", "read"),
        ];
        post("/oauth/token", &[], &form)
    }

    /// The form with which the runtime client asks about `token`.
    #[must_use]
    pub fn introspection(&self, token: &str) -> Vec<u8> {
        let Confidential { id, secret } = &self.guard;
        let form = [("client_id", id.as_str()), ("client_secret", secret), ("token", token)];
        post("/oauth/introspect", &[], &form)
    }

    /// The form with which the app redeems `code`.
    #[must_use]
    pub fn code_exchange(&self, code: &str) -> Vec<u8> {
        code_exchange(&self.app, "/oauth/token", code)
    }

    /// The app's authorization request.
    #[must_use]
    pub fn authorization(&self) -> String {
        self.authorization_for(RESOURCE)
    }

    fn authorization_for(&self, resource: &str) -> String {
        let params = [
            ("response_type", "code"),
            ("client_id", self.app.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", resource),
            ("scope", "read"),
            ("state", "some-state"),
        ];
        let pairs = params.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        format!("/oauth/authorize?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    /// The form with which the app asks for the successor of `token`.
    #[must_use]
    pub fn rotation(&self, token: &str) -> Vec<u8> {
        rotation(&self.app, "/oauth/token", token)
    }

    /// The form with which the machine gives `token` back.
    #[must_use]
    pub fn revocation_by_machine(&self, token: &str) -> Vec<u8> {
        let Confidential { id, secret } = &self.machine;
        let form = [("client_id", id.as_str()), ("client_secret", secret), ("token", token)];
        post("/oauth/revoke", &[], &form)
    }

    /// The form with which the app gives `token` back.
    #[must_use]
    pub fn revocation_by_app(&self, token: &str) -> Vec<u8> {
        post("/oauth/revoke", &[], &[("client_id", &self.app), ("token", token)])
    }

    /// The form of somebody who claims to be `client_id` and cannot prove it.
    #[must_use]
    pub fn impostor(&self, client_id: &str) -> Vec<u8> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", "a guess"),
            ("resource", RESOURCE),
        ];
        post("/oauth/token", &[], &form)
    }

    /// Lets the person sign in and agree about both resources; the cookies of their browser,
    /// with which each further authorization request is answered with a code at once.
    ///
    /// # Errors
    /// When the pages are not as expected.
    pub async fn signed_in(&self) -> Outcome<String> {
        let mut browser = Browser::new(Connection::to(self.address).await?);
        for resource in [RESOURCE, OTHER_RESOURCE] {
            self.agree(&mut browser, resource).await?;
        }
        Ok(browser.cookies())
    }

    async fn agree(&self, browser: &mut Browser, resource: &str) -> Outcome<()> {
        let mut arrived = browser.visit(&self.authorization_for(resource)).await?;
        for _ in 0..3 {
            arrived = match arrived {
                Arrived::Away(address) if code_in(&address).is_some() => return Ok(()),
                Arrived::Page(page) if page.contains("name=\"password\"") => {
                    let form = [("email", EMAIL), ("password", PASSWORD)];
                    browser.submit(&page, "/login", &form).await?
                }
                Arrived::Page(page) if page.contains("name=\"decision\"") => {
                    let form = [("scope", "read"), ("decision", "approve")];
                    browser.submit(&page, "/consent", &form).await?
                }
                other => return Err(format!("not what a person expects: {other:?}").into()),
            }
        }
        Err("no code after sign-in and consent".into())
    }

    /// Somebody tries to sign in as `email` and does not know the password.
    ///
    /// # Errors
    /// When they are let in, or not told that they are not.
    pub async fn failed_sign_in(&self, email: &str) -> Outcome<()> {
        let mut browser = Browser::new(Connection::to(self.address).await?);
        let Arrived::Page(page) = browser.visit(&self.authorization()).await? else {
            return Err("somebody is signed in who was never here".into());
        };
        let form = [("email", email), ("password", "a guess")];
        match browser.submit(&page, "/login", &form).await? {
            Arrived::Page(page) if page.contains("are not right") => Ok(()),
            other => Err(format!("not what a wrong password deserves: {other:?}").into()),
        }
    }
}

/// A registration of a client that nobody will use.
#[must_use]
pub fn registration() -> Vec<u8> {
    let document = format!(
        "{{\"client_name\":\"A passer-by\",\"redirect_uris\":[\"{REDIRECT}\"],\
         \"token_endpoint_auth_method\":\"none\"}}"
    );
    post_json("/oauth/register", &document)
}

/// The form with which the public client `client_id` redeems a code at `path`.
#[must_use]
pub fn code_exchange(client_id: &str, path: &str, code: &str) -> Vec<u8> {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", code),
    ];
    post(path, &[], &form)
}

/// The form with which the public client `client_id` asks at `path` for the successor of
/// a refresh token.
#[must_use]
pub fn rotation(client_id: &str, path: &str, token: &str) -> Vec<u8> {
    let form =
        [("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", token)];
    post(path, &[], &form)
}

/// The code in the address that an authorization request was answered with.
#[must_use]
pub fn code_in(location: &str) -> Option<&str> {
    let (_, rest) = location.strip_prefix(REDIRECT)?.split_once("code=")?;
    rest.split('&').next()
}

fn text(value: &Value, name: &str) -> Outcome<String> {
    let text = value[name].as_str().ok_or_else(|| format!("no {name} in {value}"))?;
    Ok(text.to_owned())
}

fn confidential(printed: &str) -> Outcome<Confidential> {
    let client = serde_json::from_str(printed)?;
    Ok(Confidential { id: text(&client, "client_id")?, secret: text(&client, "client_secret")? })
}
