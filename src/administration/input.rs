//! How what operators send is read: parts of lists, and members of a patch.

use entities::Page;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::AdminError;

/// Rows of a list when nobody says how many.
pub const DEFAULT_LIMIT: u64 = 100;
/// Rows of a list at most.
pub const MAX_LIMIT: u64 = 1000;

/// A member of a patch: left out, `null`, or a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Left out: stays as it is.
    #[default]
    Keep,
    /// `null`: is emptied.
    Clear,
    /// Becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the member was left out.
    #[must_use]
    pub fn is_keep(&self) -> bool {
        matches!(self, Change::Keep)
    }

    /// The new value of a member that cannot be empty, if there is one.
    pub(super) fn value(self, member: &str) -> Result<Option<T>, AdminError> {
        match self {
            Change::Keep => Ok(None),
            Change::Set(value) => Ok(Some(value)),
            Change::Clear => Err(AdminError::Invalid(format!(
                "{member} cannot be null; leave it out to keep it as it is"
            ))),
        }
    }
}

impl Change<String> {
    /// The new value of a member that may be empty, if it is to change. The empty string
    /// empties it, like `null`.
    pub(super) fn text(self) -> Option<Option<String>> {
        match self {
            Change::Keep => None,
            Change::Clear => Some(None),
            Change::Set(text) => Some(Some(text).filter(|text| !text.is_empty())),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Change<T>, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Change::Clear, Change::Set))
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Change::Set(value) => serializer.serialize_some(value),
            Change::Keep | Change::Clear => serializer.serialize_none(),
        }
    }
}

/// Reads `null` as if the member were left out.
pub(super) fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The part of a list that is meant, when it is one that may be asked for.
pub(super) fn page(
    limit: Option<u64>,
    offset: Option<u64>,
    longest: u64,
) -> Result<Page, AdminError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=longest).contains(&limit) {
        return Err(AdminError::Invalid(format!("limit must be 1 to {longest}")));
    }
    let offset = offset.unwrap_or(0);
    if i64::try_from(offset).is_err() {
        return Err(AdminError::invalid("offset is larger than any list"));
    }
    Ok(Page { limit, offset })
}

/// One visible line of at most `limit` characters.
pub(super) fn text(member: &str, given: &str, limit: usize) -> Result<String, AdminError> {
    let visible = protocol::text::visible(given, limit);
    if visible.is_empty() || given.chars().count() > limit {
        return Err(AdminError::Invalid(format!(
            "{member} must have 1 to {limit} visible characters"
        )));
    }
    Ok(visible)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::administration::client::ClientPatch;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Patch {
        #[serde(skip_serializing_if = "Change::is_keep")]
        name: Change<String>,
    }

    #[test]
    fn left_out_null_and_a_value_are_three_things_both_ways() {
        for (json, name) in [
            ("{}", Change::Keep),
            (r#"{"name":null}"#, Change::Clear),
            (r#"{"name":"x"}"#, Change::Set("x".to_owned())),
        ] {
            let patch: Patch = serde_json::from_str(json).unwrap();
            assert_eq!(patch, Patch { name });
            assert_eq!(serde_json::to_string(&patch).unwrap(), json);
        }
    }

    #[test]
    fn a_part_of_a_list_has_bounds() {
        assert_eq!(page(None, None, MAX_LIMIT).unwrap(), Page { limit: 100, offset: 0 });
        assert_eq!(page(Some(5), Some(7), 10).unwrap(), Page { limit: 5, offset: 7 });
        for (limit, offset) in [(Some(0), None), (Some(11), None), (None, Some(u64::MAX))] {
            assert!(page(limit, offset, 10).is_err(), "{limit:?} {offset:?}");
        }
    }

    proptest! {
        /// Whatever is sent, a patch means what it says, and what is sent on means the same.
        #[test]
        fn a_patch_is_refused_or_travels_unchanged(body in any_json()) {
            let Ok(patch) = serde_json::from_value::<ClientPatch>(body.clone()) else {
                return Ok(());
            };
            let sent = serde_json::to_value(&patch).unwrap();
            let (given, sent) = (body.as_object().unwrap(), sent.as_object().unwrap());
            prop_assert_eq!(given.keys().collect::<Vec<_>>(), sent.keys().collect::<Vec<_>>());
            for (name, value) in given {
                prop_assert_eq!(value.is_null(), sent[name].is_null(), "{}", name);
            }
        }

        #[test]
        fn a_part_of_a_list_is_never_longer_than_it_may_be(
            limit in any::<Option<u64>>(), offset in any::<Option<u64>>()
        ) {
            if let Ok(part) = page(limit, offset, MAX_LIMIT) {
                prop_assert!((1..=MAX_LIMIT).contains(&part.limit));
                // The databases count with a sign.
                prop_assert!(i64::try_from(part.offset).is_ok());
                prop_assert_eq!(part.limit, limit.unwrap_or(DEFAULT_LIMIT));
                prop_assert_eq!(part.offset, offset.unwrap_or(0));
            }
        }
    }

    /// Members of a patch and others, with values of every kind.
    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let name = prop_oneof![
            Just("client_name"),
            Just("redirect_uris"),
            Just("grant_types"),
            Just("scope"),
            Just("agent"),
            Just("jwks"),
            Just("status"),
            Just("id"),
        ];
        let value = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
            prop::collection::vec(".{0,8}", 0..3).prop_map(Into::into),
            Just(serde_json::json!({ "keys": [] })),
        ];
        prop::collection::btree_map(name, value, 0..4).prop_map(|members| {
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        })
    }
}
