use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::admin::Right;

fn some_rights() -> impl Strategy<Value = Rights> {
    vec(any::<prop::sample::Index>(), 1..8).prop_map(|picks| {
        let all: Vec<Right> = Rights::all().iter().collect();
        picks.into_iter().map(|pick| *pick.get(&all)).collect()
    })
}

fn narrowing() -> impl Strategy<Value = Narrowing> {
    let end = proptest::option::of(-3600i64..40 * 86400);
    let label = proptest::option::of("[a-z]{1,8}");
    (proptest::option::of(some_rights()), end, label).prop_map(|(rights, end, label)| Narrowing {
        rights,
        expires_at: end.map(|end| now() + TimeDelta::seconds(end)),
        label: label.map(|label| label.parse().unwrap()),
    })
}

fn set(rights: &Rights) -> BTreeSet<Right> {
    rights.iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_holders_append_a_key_never_does_more_or_longer_than_the_one_before(
        minted in some_rights(),
        steps in vec(narrowing(), 0..4),
        later in 0i64..40 * 86400,
    ) {
        let at = now() + TimeDelta::seconds(later);
        let public = root().public();
        let mut key = root().mint(&Minted { rights: minted, ..wanted("keys:read") }, [1; 32]).unwrap();
        for less in steps {
            // What the holder's own tool refuses is not appended; what it does not, is.
            let Ok(narrowed) = key.narrow(&less, [2; 32]) else { continue };
            let (before, after) = (public.verify(&key, at), public.verify(&narrowed, at));
            if let Ok(after) = after {
                let before = before.unwrap();
                prop_assert!(set(&after.rights).is_subset(&set(&before.rights)));
                prop_assert!(after.expires_at <= before.expires_at);
                prop_assert_eq!(after.id, before.id);
                prop_assert_eq!(&after.name, &before.name);
                if let Some(wanted) = &less.rights {
                    prop_assert!(set(&after.rights).is_subset(&set(wanted)));
                }
                if let Some(end) = less.expires_at {
                    prop_assert!(at < end);
                }
            }
            key = narrowed;
        }
    }

    /// Reading and the Biscuit engine agree: what is shown to a holder is what holds.
    #[test]
    fn what_is_read_is_what_is_granted(minted in some_rights(), less in some_rights()) {
        let key = root().mint(&Minted { rights: minted.clone(), ..wanted("keys:read") }, [1; 32]).unwrap();
        let common = minted.and(&less);
        let key = match common.is_empty() {
            true => key,
            false => key.narrow(&Narrowing { rights: Some(common), ..Narrowing::default() }, [2; 32]).unwrap(),
        };
        prop_assert_eq!(verify(&key).unwrap().rights, Inspected::of(&key).unwrap().rights);
    }

    #[test]
    fn a_key_that_was_changed_anywhere_is_refused(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let key = mint("clients:read").narrow(&to("clients:read"), [2; 32]).unwrap();
        let mut bytes = key.bytes().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let changed = verify(&MintedKey::from_bytes(&bytes));
        // A field that nobody knows is skipped: then it is the same key.
        prop_assert!(changed.is_err() || changed == verify(&key), "{changed:?}");
    }

    #[test]
    fn a_key_that_was_cut_off_is_refused(at in any::<prop::sample::Index>()) {
        let key = mint("clients:read");
        let text = key.expose();
        let cut = &text[..PREFIX.len() + at.index(text.len() - PREFIX.len())];
        prop_assert!(verify(&MintedKey::presented(cut).unwrap()).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&MintedKey::from_bytes(&bytes)).is_err());
        prop_assert!(Inspected::of(&MintedKey::from_bytes(&bytes)).is_err());
    }
}
