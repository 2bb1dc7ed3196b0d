//! Keys of ours, keys narrowed by their holders, and everything else that may be presented.

mod hostile;
mod properties;
mod words;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;

const ID: Uuid = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn root() -> RootKey {
    RootKey::from_seed(&[7; 32]).unwrap()
}

fn rights(list: &str) -> Rights {
    list.parse().unwrap()
}

fn wanted(list: &str) -> Minted {
    Minted {
        id: ID,
        name: "ci-deploy".parse().unwrap(),
        rights: rights(list),
        now: now(),
        expires_at: now() + TimeDelta::days(30),
    }
}

fn mint(list: &str) -> MintedKey {
    root().mint(&wanted(list), [1; 32]).unwrap()
}

fn to(list: &str) -> Narrowing {
    Narrowing { rights: Some(rights(list)), ..Narrowing::default() }
}

fn verify(key: &MintedKey) -> Result<Verified, Refusal> {
    root().public().verify(key, now())
}

#[test]
fn a_minted_key_says_who_it_is_for_and_what_it_may_do_until_it_ends() {
    let key = mint("clients:read,keys:write");

    let verified = verify(&key).unwrap();
    assert_eq!(verified.id, ID);
    assert_eq!(verified.identity(), format!("admin:key:ci-deploy:{ID}"));
    assert_eq!(verified.rights, rights("clients:read,keys:write"));
    assert_eq!(verified.expires_at, now() + TimeDelta::days(30));

    let last = now() + TimeDelta::days(30) - TimeDelta::seconds(1);
    assert!(root().public().verify(&key, last).is_ok());
    let end = last + TimeDelta::seconds(1);
    assert_eq!(root().public().verify(&key, end), Err(Refusal::Expired));
}

#[test]
fn the_largest_key_that_can_be_made_is_still_short_enough_to_be_presented() {
    let name = "n".repeat(48);
    let all =
        Minted { name: name.parse().unwrap(), rights: Rights::all(), ..wanted("clients:read") };
    let mut key = root().mint(&all, [1; 32]).unwrap();
    for time in 0..MAX_NARROWINGS {
        let less = Narrowing {
            rights: Some(Rights::all()),
            expires_at: Some(now() + TimeDelta::days(7)),
            label: Some(name.parse().unwrap()),
        };
        key = key.narrow(&less, [u8::try_from(time).unwrap(); 32]).unwrap();
    }
    assert!(key.expose().len() < MAX_LENGTH, "{}", key.expose().len());
    assert_eq!(verify(&key).unwrap().rights, Rights::all());

    let once_more = key.narrow(&to("clients:read"), [9; 32]);
    assert_eq!(once_more.err(), Some(NotNarrowed::Key(Refusal::TooManyBlocks)));
}

#[test]
fn what_makes_no_sense_is_not_minted() {
    let minted = |minted: Minted| root().mint(&minted, [1; 32]).err();
    let good = wanted("clients:read");
    let none = Minted { rights: Rights::default(), ..good.clone() };
    assert_eq!(minted(none), Some(NotMinted::NoRights));
    assert_eq!(minted(Minted { expires_at: now(), ..good.clone() }), Some(NotMinted::NoLifetime));
    let long = now() + TimeDelta::days(MAX_LIFETIME_DAYS) + TimeDelta::seconds(1);
    assert_eq!(minted(Minted { expires_at: long, ..good }), Some(NotMinted::TooLong));
}

#[test]
fn a_holder_narrows_a_key_without_the_server_and_it_stays_the_same_key_for_revocation() {
    let key = mint("clients:read,clients:write,keys:read");
    let less = Narrowing {
        rights: Some(rights("clients:read")),
        expires_at: Some(now() + TimeDelta::hours(1)),
        label: Some("build-42".parse().unwrap()),
    };

    let narrowed = key.narrow(&less, [2; 32]).unwrap();

    let verified = verify(&narrowed).unwrap();
    assert_eq!(verified.id, ID);
    assert_eq!(verified.rights, rights("clients:read"));
    assert_eq!(verified.identity(), format!("admin:key:ci-deploy/build-42:{ID}"));
    let later = now() + TimeDelta::hours(1);
    assert_eq!(root().public().verify(&narrowed, later), Err(Refusal::Expired));
    assert!(root().public().verify(&key, later).is_ok(), "the wider key goes on");
}

#[test]
fn narrowing_that_would_widen_is_refused_with_what_is_wrong() {
    let key = mint("clients:read");
    let narrow = |less: Narrowing| key.narrow(&less, [2; 32]).err();

    let wider = "keys:write".parse().unwrap();
    assert_eq!(narrow(to("clients:read,keys:write")), Some(NotNarrowed::Wider(wider)));
    let end = now() + TimeDelta::days(30);
    let later = Some(end + TimeDelta::seconds(1));
    let longer = Narrowing { expires_at: later, ..Narrowing::default() };
    assert_eq!(narrow(longer), Some(NotNarrowed::Later(end)));
    assert_eq!(narrow(Narrowing::default()), Some(NotNarrowed::Nothing));
    let none = Narrowing { rights: Some(Rights::default()), ..Narrowing::default() };
    assert_eq!(narrow(none), Some(NotNarrowed::NoRights));
}

#[test]
fn what_a_key_says_can_be_read_without_the_installation() {
    let key = mint("clients:read,keys:read").narrow(&to("keys:read"), [2; 32]).unwrap();

    let inspected = Inspected::of(&key).unwrap();

    assert_eq!(inspected.id, ID);
    assert_eq!(inspected.name.as_str(), "ci-deploy");
    assert_eq!(inspected.minted_rights, rights("clients:read,keys:read"));
    assert_eq!(inspected.rights, rights("keys:read"));
    assert_eq!(inspected.narrowings.len(), 1);
    assert_eq!(inspected.narrowings[0].rights, Some(rights("keys:read")));
    assert_eq!(inspected.expires_at, now() + TimeDelta::days(30));
}

#[test]
fn a_key_does_not_print() {
    let key = mint("clients:read");
    assert_eq!(format!("{key:?}"), "ap_admin_…");
    assert_eq!(format!("{:?}", root()), "RootKey(…)");
}
