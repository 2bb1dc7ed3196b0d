//! Tickets to the page on which a person agrees that a client reaches a resource.
//!
//! A token exchange that lacks the person's consent is answered with a link (contract 04,
//! the consent gate). What the link is about is in the link, under a MAC: nothing is written
//! down for it, so that exchanges in vain cost no row, and every replica can read it. A ticket
//! gives nobody anything: it is a question to one person, who has to sign in to answer it, and
//! can answer it as often as they like until it expires.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::scope::ScopeSet;
use crate::secret::HashKey;
use crate::secret_ring::Living;

/// How long a ticket can be used: as long as somebody may take to sign in and decide.
pub const TICKET_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Most bytes of scopes in one ticket, so that its URL passes every browser and proxy. What
/// does not fit is asked for next time.
pub const MAX_TICKET_SCOPES: usize = 3 * 1024;
/// Longest ticket that is looked at, in characters.
const MAX_TICKET: usize = 8 * 1024;

const MAC: usize = 32;
/// User, resource, expiry, length of the client id.
const FIXED: usize = 16 + 16 + 8 + 2;

/// What a person is asked to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Who is asked.
    pub user_id: Uuid,
    /// The client that is to reach the resource.
    pub client_id: String,
    /// The resource.
    pub resource_id: Uuid,
    /// The scopes that are needed; best without those that were agreed to before.
    pub scopes: ScopeSet,
}

/// Why a ticket is good for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefusal {
    /// It is none of ours.
    #[error("it is no ticket of this installation")]
    Forged,
    /// It was, too long ago.
    #[error("it has expired")]
    Expired,
}

/// Makes tickets and reads them.
#[derive(Clone, Debug)]
pub struct TicketKey(Living<HashKey>);

impl TicketKey {
    /// Uses `keys`, which are for nothing else.
    #[must_use]
    pub fn new(keys: impl Into<Living<HashKey>>) -> TicketKey {
        TicketKey(keys.into())
    }

    /// A ticket for what is wanted, good for [`TICKET_LIFETIME`] from `now`. It is made of
    /// characters that need no escaping in a URL, and at most 8 KiB of them.
    #[must_use]
    pub fn ticket(&self, wanted: &Wanted, now: DateTime<Utc>) -> String {
        let expires_at = now.checked_add_signed(TICKET_LIFETIME).unwrap_or(now);
        let client = wanted.client_id.as_bytes();
        // A client id is 2048 bytes at most; a longer one would make a ticket that nobody can read.
        let length = u16::try_from(client.len()).unwrap_or(u16::MAX);
        let mut bytes = Vec::with_capacity(FIXED + client.len() + MAC);
        bytes.extend_from_slice(wanted.user_id.as_bytes());
        bytes.extend_from_slice(wanted.resource_id.as_bytes());
        bytes.extend_from_slice(&expires_at.timestamp_millis().to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(client);
        bytes.extend_from_slice(fitting(&wanted.scopes).to_string().as_bytes());
        let mac = self.0.hash(&bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a ticket asks for.
    ///
    /// # Errors
    /// Why it is good for nothing.
    pub fn read(&self, ticket: &str, now: DateTime<Utc>) -> Result<Wanted, TicketRefusal> {
        let (wanted, expires_at) = self.open(ticket).ok_or(TicketRefusal::Forged)?;
        if now.timestamp_millis() >= expires_at {
            return Err(TicketRefusal::Expired);
        }
        Ok(wanted)
    }

    fn open(&self, ticket: &str) -> Option<(Wanted, i64)> {
        if ticket.len() > MAX_TICKET {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(ticket).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        if !self.0.verify(body, mac) {
            return None;
        }
        let (user, rest) = body.split_at_checked(16)?;
        let (resource, rest) = rest.split_at_checked(16)?;
        let (expires_at, rest) = rest.split_at_checked(8)?;
        let (length, rest) = rest.split_at_checked(2)?;
        let length = u16::from_be_bytes(length.try_into().ok()?);
        let (client, scopes) = rest.split_at_checked(usize::from(length))?;
        let wanted = Wanted {
            user_id: Uuid::from_slice(user).ok()?,
            client_id: std::str::from_utf8(client).ok()?.to_owned(),
            resource_id: Uuid::from_slice(resource).ok()?,
            scopes: ScopeSet::parse_stored(std::str::from_utf8(scopes).ok()?).ok()?,
        };
        Some((wanted, i64::from_be_bytes(expires_at.try_into().ok()?)))
    }
}

/// The first of the scopes, as many as a ticket holds.
fn fitting(scopes: &ScopeSet) -> ScopeSet {
    let mut length = 0;
    let fits = |scope: &&str| {
        length += scope.len() + 1;
        length <= MAX_TICKET_SCOPES
    };
    scopes.iter().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::scopes;
    use crate::secret::{Purpose, RootSecret};

    fn key(seed: u8) -> TicketKey {
        TicketKey::new(RootSecret::from_bytes([seed; 32]).key_for(Purpose::Agreement))
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn wanted() -> Wanted {
        Wanted {
            user_id: Uuid::from_u128(1),
            client_id: "https://app.example/client".to_owned(),
            resource_id: Uuid::from_u128(2),
            scopes: scopes("read write"),
        }
    }

    #[test]
    fn a_ticket_is_good_for_ten_minutes() {
        let ticket = key(1).ticket(&wanted(), at(0));
        assert_eq!(key(1).read(&ticket, at(0)), Ok(wanted()));
        assert_eq!(key(1).read(&ticket, at(599)), Ok(wanted()));
        assert_eq!(key(1).read(&ticket, at(600)), Err(TicketRefusal::Expired));
    }

    #[test]
    fn the_largest_ticket_is_short_enough_to_be_read_and_holds_the_first_scopes() {
        let many: ScopeSet = (0..256)
            .map(|n| format!("{n:0>256}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect();
        let largest = Wanted { client_id: "c".repeat(2048), scopes: many.clone(), ..wanted() };
        let ticket = key(1).ticket(&largest, at(0));
        assert!(ticket.len() < crate::form::MAX_VALUE, "{}", ticket.len());
        let read = key(1).read(&ticket, at(0)).unwrap();
        assert_eq!(
            read.scopes.iter().collect::<Vec<_>>(),
            many.iter().take(11).collect::<Vec<_>>()
        );
        assert_eq!(read.client_id, largest.client_id);
    }

    #[test]
    fn a_client_id_beyond_every_bound_makes_no_ticket_for_another_client() {
        let endless = Wanted { client_id: "c".repeat(70_000), ..wanted() };
        let ticket = key(1).ticket(&endless, at(0));
        assert_eq!(key(1).read(&ticket, at(0)), Err(TicketRefusal::Forged));
    }

    proptest! {
        #[test]
        fn a_ticket_says_what_was_wanted_and_only_under_its_key(
            user: u128, resource: u128, client in "[ -~]{0,200}", scope in "[a-d ]{0,8}"
        ) {
            let wanted = Wanted {
                user_id: Uuid::from_u128(user),
                client_id: client,
                resource_id: Uuid::from_u128(resource),
                scopes: scopes(&scope),
            };
            let ticket = key(1).ticket(&wanted, at(0));
            prop_assert!(ticket.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
            prop_assert_eq!(key(1).read(&ticket, at(0)), Ok(wanted));
            prop_assert_eq!(key(2).read(&ticket, at(0)), Err(TicketRefusal::Forged));
        }

        #[test]
        fn any_altered_character_makes_it_a_forgery(at_place in 0_usize..100, with in "[A-Za-z0-9_=.-]") {
            let ticket = key(1).ticket(&wanted(), at(0));
            let mut altered = ticket.clone();
            altered.replace_range(at_place..=at_place, &with);
            prop_assume!(altered != ticket);
            prop_assert_eq!(key(1).read(&altered, at(0)), Err(TicketRefusal::Forged));
        }

        #[test]
        fn any_truncation_or_extension_makes_it_a_forgery(keep in 0_usize..100, more in "[A-Za-z0-9_=-]{1,9}") {
            let ticket = key(1).ticket(&wanted(), at(0));
            prop_assert_eq!(key(1).read(&ticket[..keep], at(0)), Err(TicketRefusal::Forged));
            let longer = format!("{ticket}{more}");
            prop_assert_eq!(key(1).read(&longer, at(0)), Err(TicketRefusal::Forged));
        }

        #[test]
        fn arbitrary_text_is_a_forgery(text in ".{0,200}") {
            prop_assert_eq!(key(1).read(&text, at(0)), Err(TicketRefusal::Forged));
        }
    }
}
