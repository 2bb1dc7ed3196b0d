//! What is done in a soak, and what a right answer is.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::Outcome;
use crate::http::{Answer, Connection, get, member};
use crate::scene::{Installation, code_in, registration};

/// Something somebody does; one or a few requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A machine asks for a token.
    Issue,
    /// A resource server asks about a token, which is good.
    Introspect,
    /// An app rotates its refresh token.
    Refresh,
    /// A person who is signed in sends an app on its way: authorization request and code.
    Authorize,
    /// A machine gives a token back, which is not good from then on.
    RevokeToken,
    /// An app gives a refresh token back, which is refused from then on.
    RevokeFamily,
    /// Somebody registers a client.
    Register,
    /// A client's secret is guessed.
    GuessSecret,
    /// A person's password is guessed.
    GuessPassword,
    /// A refresh token is made up.
    ForgeRefreshToken,
    /// A person signs in, in a new browser.
    SignIn,
}

/// Of a hundred acts so many are this.
const MIX: [(Act, u32); 11] = [
    (Act::Issue, 40),
    (Act::Introspect, 28),
    (Act::Refresh, 14),
    (Act::Authorize, 6),
    (Act::RevokeToken, 3),
    (Act::RevokeFamily, 2),
    (Act::Register, 2),
    (Act::GuessSecret, 2),
    (Act::GuessPassword, 1),
    (Act::ForgeRefreshToken, 1),
    (Act::SignIn, 1),
];
/// Has no divisor in common with a hundred, so that all hundred places of the mix are
/// visited in turn, and acts of a kind are spread out.
const STRIDE: u32 = 37;

/// A token is asked about for so long; they live a minute.
const ASKED_ABOUT: Duration = Duration::from_secs(30);
/// Access tokens and refresh tokens that are kept for later acts.
const KEPT: usize = 1000;

/// What the acts have in common.
#[derive(Debug)]
pub struct World {
    /// The server's.
    pub installation: Installation,
    cookies: String,
    tokens: RefCell<VecDeque<(Instant, String)>>,
    next_token: Cell<usize>,
    refresh_tokens: RefCell<VecDeque<String>>,
}

impl World {
    /// A world in which a person has signed in and agreed.
    ///
    /// # Errors
    /// When the pages are not as expected.
    pub async fn new(installation: Installation) -> Outcome<World> {
        let cookies = installation.signed_in().await?;
        Ok(World {
            installation,
            cookies,
            tokens: RefCell::default(),
            next_token: Cell::new(0),
            refresh_tokens: RefCell::default(),
        })
    }

    fn keep_token(&self, token: String) {
        let mut tokens = self.tokens.borrow_mut();
        tokens.push_back((Instant::now(), token));
        let crowded = tokens.len() > KEPT;
        if crowded || tokens.front().is_some_and(|(since, _)| since.elapsed() > ASKED_ABOUT) {
            tokens.pop_front();
        }
    }

    /// A token that is good, each in its turn.
    fn a_token(&self) -> Option<String> {
        let tokens = self.tokens.borrow();
        let at = self.next_token.get();
        self.next_token.set(at.wrapping_add(1));
        let (since, token) = tokens.get(at % tokens.len().max(1))?;
        (since.elapsed() <= ASKED_ABOUT).then(|| token.clone())
    }

    /// A token that nobody asks about any more.
    fn take_token(&self) -> Option<String> {
        self.tokens.borrow_mut().pop_back().map(|(_, token)| token)
    }

    fn keep_refresh_token(&self, token: String) {
        let mut tokens = self.refresh_tokens.borrow_mut();
        tokens.push_back(token);
        if tokens.len() > KEPT {
            tokens.pop_front();
        }
    }

    fn take_refresh_token(&self) -> Option<String> {
        self.refresh_tokens.borrow_mut().pop_front()
    }
}

impl Act {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Act> {
        MIX.into_iter().map(|(act, _)| act)
    }

    /// The act that comes `number`th.
    #[must_use]
    pub fn number(number: u32) -> Act {
        let mut place = (number % 100) * STRIDE % 100;
        for (act, share) in MIX {
            if place < share {
                return act;
            }
            place -= share;
        }
        Act::Issue
    }

    /// Does it.
    ///
    /// # Errors
    /// Any answer but the right one.
    pub async fn carry_out(
        self,
        number: u32,
        world: &World,
        connection: &mut Connection,
    ) -> Outcome<()> {
        let server = &world.installation;
        match self {
            Act::Issue => issue(world, connection).await,
            Act::Introspect => match world.a_token() {
                Some(token) => ask_about(world, connection, &token, true).await,
                None => issue(world, connection).await,
            },
            Act::Refresh => match world.take_refresh_token() {
                Some(token) => {
                    let answer = connection.exchange(&server.rotation(&token)).await?;
                    world.keep_refresh_token(text(answer, "refresh_token")?);
                    Ok(())
                }
                None => authorize(world, connection).await,
            },
            Act::Authorize => authorize(world, connection).await,
            Act::RevokeToken => revoke_token(world, connection).await,
            Act::RevokeFamily => revoke_family(world, connection).await,
            Act::Register => {
                let answer = connection.exchange(&registration()).await?;
                text(answer, "client_id").map(drop)
            }
            Act::GuessSecret => {
                let request = server.impostor(&format!("nobody-{number}"));
                refused(connection.exchange(&request).await?, "invalid_client")
            }
            Act::ForgeRefreshToken => {
                let request = server.rotation(&format!("rt_{number}"));
                refused(connection.exchange(&request).await?, "invalid_grant")
            }
            Act::GuessPassword => {
                server.failed_sign_in(&format!("nobody{number}@example.com")).await
            }
            Act::SignIn => server.signed_in().await.map(drop),
        }
    }
}

async fn issue(world: &World, connection: &mut Connection) -> Outcome<()> {
    let answer = connection.exchange(&world.installation.token_request()).await?;
    world.keep_token(text(answer, "access_token")?);
    Ok(())
}

async fn ask_about(
    world: &World,
    connection: &mut Connection,
    token: &str,
    good: bool,
) -> Outcome<()> {
    let answer = connection.exchange(&world.installation.introspection(token)).await?;
    let right = if good { "{\"active\":true" } else { "{\"active\":false" };
    let is_right = answer.status == 200 && answer.body.starts_with(right.as_bytes());
    is_right.then_some(()).ok_or_else(|| wrong(answer))
}

async fn authorize(world: &World, connection: &mut Connection) -> Outcome<()> {
    let request = get(&world.installation.authorization(), Some(&world.cookies));
    let answer = connection.exchange(&request).await?;
    let code = answer.header("location").and_then(code_in).map(str::to_owned);
    let code = code.ok_or_else(|| wrong(answer))?;
    let answer = connection.exchange(&world.installation.code_exchange(&code)).await?;
    world.keep_refresh_token(text(answer, "refresh_token")?);
    Ok(())
}

async fn revoke_token(world: &World, connection: &mut Connection) -> Outcome<()> {
    let Some(token) = world.take_token() else { return issue(world, connection).await };
    let request = world.installation.revocation_by_machine(&token);
    done(connection.exchange(&request).await?)?;
    ask_about(world, connection, &token, false).await
}

async fn revoke_family(world: &World, connection: &mut Connection) -> Outcome<()> {
    let Some(token) = world.take_refresh_token() else { return authorize(world, connection).await };
    done(connection.exchange(&world.installation.revocation_by_app(&token)).await?)?;
    let request = world.installation.rotation(&token);
    refused(connection.exchange(&request).await?, "invalid_grant")
}

fn text(answer: Answer<'_>, name: &str) -> Outcome<String> {
    member(answer.body, name).map(str::to_owned).ok_or_else(|| wrong(answer))
}

fn done(answer: Answer<'_>) -> Outcome<()> {
    (answer.status == 200).then_some(()).ok_or_else(|| wrong(answer))
}

fn refused(answer: Answer<'_>, error: &str) -> Outcome<()> {
    (member(answer.body, "error") == Some(error)).then_some(()).ok_or_else(|| wrong(answer))
}

fn wrong(answer: Answer<'_>) -> crate::Problem {
    format!("a wrong answer: {}{}", answer.head, answer.text()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_acts_in_turn_are_the_mix() {
        for (act, share) in MIX {
            let these = (700..800).filter(|number| Act::number(*number) == act).count();
            assert_eq!(u32::try_from(these).unwrap(), share, "{act:?}");
        }
    }
}
