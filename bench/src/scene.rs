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
use crate::http::{Connection, get, member, percent_encoded, post};
use crate::program::{Program, free_address};

const RESOURCE: &str = "https://mcp.example/mcp";
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
    /// with `algorithm`.
    ///
    /// # Errors
    /// When a command fails.
    pub fn create(
        program: &Path,
        folder: PathBuf,
        dsn: Option<&str>,
        algorithm: &str,
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
        match dsn {
            Some(dsn) => {
                set("STORAGE_DRIVER", "postgres".to_owned());
                set("STORAGE_POSTGRES_DSN", dsn.to_owned());
            }
            None => set("STORAGE_SQLITE_PATH", path("authserver.db")),
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
        self.guard = confidential(&self.admin(&[&client[..], &machine].concat(), "")?)?;
        let guard = self.guard.id.clone();
        self.admin(&["resource", "runtime-client", "add", "mcp", &guard], "")?;
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
        let Confidential { id, secret } = &self.machine;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("resource", RESOURCE),
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
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.app.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("code", code),
        ];
        post("/oauth/token", &[], &form)
    }

    /// The app's authorization request.
    #[must_use]
    pub fn authorization(&self) -> String {
        let params = [
            ("response_type", "code"),
            ("client_id", self.app.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
            ("scope", "read"),
            ("state", "some-state"),
        ];
        let pairs = params.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        format!("/oauth/authorize?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    /// Lets the person sign in and agree; the cookies of their browser, with which each
    /// further authorization request is answered with a code at once.
    ///
    /// # Errors
    /// When the pages are not as expected.
    pub async fn signed_in(&self) -> Outcome<String> {
        let mut browser = Browser::new(Connection::to(self.address).await?);
        let mut page = browser.visit(get(&self.authorization(), None)).await?;
        for _ in 0..2 {
            let mut form: Vec<(String, String)> = ["csrf", "request"]
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), hidden_field(&page, name)?)))
                .collect();
            let path = if page.contains("name=\"password\"") {
                form.push(("email".to_owned(), EMAIL.to_owned()));
                form.push(("password".to_owned(), PASSWORD.to_owned()));
                "/login"
            } else if page.contains("name=\"decision\"") {
                form.push(("scope".to_owned(), "read".to_owned()));
                form.push(("decision".to_owned(), "approve".to_owned()));
                "/consent"
            } else {
                return Err(format!("neither a sign-in nor a consent page:\n{page}").into());
            };
            let form: Vec<(&str, &str)> =
                form.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            page = browser.visit(post(path, &browser.cookie_header(), &form)).await?;
        }
        match page.starts_with(REDIRECT) {
            true => Ok(browser.cookies()),
            false => Err(format!("no code after sign-in and consent:\n{page}").into()),
        }
    }
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

/// The value of an `<input type="hidden">`.
fn hidden_field(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// A browser as far as it is needed: cookies and redirects.
struct Browser {
    connection: Connection,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new(connection: Connection) -> Browser {
        Browser { connection, cookies: BTreeMap::new() }
    }

    fn cookies(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn cookie_header(&self) -> Vec<String> {
        vec![format!("cookie: {}", self.cookies())]
    }

    /// Sends a request and follows redirects within the server; the page at the end, or
    /// the address that leads away.
    async fn visit(&mut self, mut request: Vec<u8>) -> Outcome<String> {
        loop {
            let answer = self.connection.exchange(&request).await?;
            for line in answer.head.lines() {
                let Some((name, value)) = line.split_once(':') else { continue };
                let pair = value.split(';').next().and_then(|pair| pair.trim().split_once('='));
                if let Some((key, value)) = pair.filter(|_| name.eq_ignore_ascii_case("set-cookie"))
                {
                    self.cookies.insert(key.to_owned(), value.to_owned());
                }
            }
            match answer.header("location").map(str::to_owned) {
                Some(next) if next.starts_with('/') => {
                    request = get(&next, Some(&self.cookies()));
                }
                Some(away) => return Ok(away),
                None => return Ok(answer.text()),
            }
        }
    }
}

/// The first refresh token of the family that `code` gives.
///
/// # Errors
/// When the code is refused.
pub async fn first_refresh_token(
    installation: &Installation,
    connection: &mut Connection,
    code: &str,
) -> Outcome<String> {
    let answer = connection.exchange(&installation.code_exchange(code)).await?;
    let token = member(answer.body, "refresh_token").map(str::to_owned);
    token.ok_or_else(|| format!("no refresh token: {}", answer.text()).into())
}
