//! Local sign-in: an e-mail address and a password for a session.
//!
//! An unknown address costs as much time as a wrong password, gets the same answer, and is
//! locked after as many failures.

use std::time::Duration;

use actors::attempts::{BeginSignIn, Begun, EndSignIn, Outcome, Ticket};
use actors::audit::Origin;
use actors::denials::Denial;
use actors::passwords::Verify;
use actors::users::{EndSession, FindSession, FindUser, OpenSession, SignedIn};
use entities::user::canonical_email;
use protocol::secret::SessionToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::denied;
use crate::app::Services;
use crate::failure::Failure;
use crate::http::network;

/// Longest password that is looked at, in bytes: Argon2 reads all of it.
const MAX_PASSWORD: usize = 1024;

/// What somebody typed into the sign-in form.
pub struct Typed<'a> {
    /// E-mail address.
    pub email: &'a str,
    /// Password.
    pub password: &'a str,
    /// The browser, if it is known for the address; see `protocol::known_browser`.
    pub known_browser: Option<[u8; 16]>,
}

/// What came of it.
#[derive(Debug)]
pub enum SignIn {
    /// A session.
    Opened(SessionToken),
    /// Address and password do not belong together.
    Wrong,
    /// There were too many failures; nobody looked at the password. For this long.
    Locked(Duration),
}

impl std::fmt::Debug for Typed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

/// Opens a session, if address and password belong together. The session the browser
/// had before ends.
///
/// # Errors
/// Only when the server cannot do its work.
pub async fn sign_in(
    services: &Services,
    typed: Typed<'_>,
    replaces: Option<SessionToken>,
    origin: &Origin,
) -> Result<SignIn, Failure> {
    let attempts = &services.keepers.attempts;
    let begin = BeginSignIn {
        email: typed.email.to_owned(),
        network: network(origin),
        known_browser: typed.known_browser,
    };
    let ticket = match attempts.ask(begin).await?? {
        Begun::Admitted(ticket) => ticket,
        Begun::Locked(wait) => {
            count("locked");
            return Ok(SignIn::Locked(wait));
        }
    };
    let email = typed.email.to_owned();
    match check(services, typed, replaces, origin).await {
        Ok(Ok(session)) => {
            count("success");
            // Not forgotten, it is one failure too many, which expires with the window.
            drop(end(services, ticket, Outcome::Right).await);
            Ok(SignIn::Opened(session))
        }
        Ok(Err(user_id)) => {
            count("failure");
            denied::write_down(services, login_failed(services, &email, user_id, origin));
            if let Some(lockout) = ticket.lockout(user_id, origin) {
                denied::write_down(services, lockout);
            }
            Ok(SignIn::Wrong)
        }
        Err(failure) => {
            drop(end(services, ticket, Outcome::NotTried).await);
            Err(failure)
        }
    }
}

/// A session; or, where nobody may have one, whose account it would have been.
async fn check(
    services: &Services,
    typed: Typed<'_>,
    replaces: Option<SessionToken>,
    origin: &Origin,
) -> Result<Result<SessionToken, Option<Uuid>>, Failure> {
    let keepers = &services.keepers;
    let user = keepers.users.ask(FindUser::Email(typed.email.to_owned())).await??;
    let user_id = user.as_ref().map(|user| user.id);
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let short_enough = typed.password.len() <= MAX_PASSWORD;
    let password = if short_enough { typed.password } else { "" };
    let password = Zeroizing::new(password.to_owned());
    let right = keepers.passwords.ask(Verify { password, hash }).await? && short_enough;
    if let Some(user) = user.filter(|user| right && user.disabled_at.is_none()) {
        let amr = vec!["pwd".to_owned()];
        let open = OpenSession {
            user_id: user.id,
            amr,
            password_hash: user.password_hash,
            replaces,
            origin: origin.clone(),
        };
        if let Some(session) = keepers.users.ask(open).await?? {
            return Ok(Ok(session));
        }
    }
    Ok(Err(user_id))
}

async fn end(services: &Services, ticket: Ticket, outcome: Outcome) -> Result<(), Failure> {
    Ok(services.keepers.attempts.ask(EndSignIn { ticket, outcome }).await??)
}

/// What was typed goes into the log as a keyed hash: it shows that the same name is
/// tried over and over, and does not show a password typed into the wrong field.
fn login_failed(
    services: &Services,
    email: &str,
    user_id: Option<Uuid>,
    origin: &Origin,
) -> Denial {
    let identity = services.secrets.cookie.hash(canonical_email(email).as_bytes());
    let shown: String = identity[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let denial = Denial::new("user.login_failed", origin)
        .with("reason", "credentials")
        .with("identity", shown);
    match user_id {
        Some(user_id) => denial.by(user_id),
        None => denial,
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("authserver_login_attempts_total", "outcome" => outcome).increment(1);
}

/// Who is signed in with this cookie.
///
/// When the store cannot say, `session.fail_closed` decides between an error and
/// "nobody"; it is never "somebody".
///
/// # Errors
/// When the store cannot say and `session.fail_closed` is on.
pub async fn signed_in(
    services: &Services,
    session: Option<&SessionToken>,
) -> Result<Option<SignedIn>, Failure> {
    let Some(session) = session else { return Ok(None) };
    let found = services.keepers.users.ask(FindSession(session.clone())).await;
    match found.map_err(Failure::from).and_then(|found| found.map_err(Failure::from)) {
        Err(_) if !services.config.session.fail_closed => Ok(None),
        outcome => outcome,
    }
}

/// Ends the session of this cookie.
///
/// # Errors
/// When the server cannot do its work.
pub async fn sign_out(services: &Services, session: Option<SessionToken>) -> Result<(), Failure> {
    if let Some(session) = session {
        services.keepers.users.ask(EndSession(session)).await??;
    }
    Ok(())
}
