//! Scope maps as they are typed: `A:AA,B:BB+CC`.
//!
//! Names of scopes may have colons, commas and plus signs of their own. An entry with `=` is
//! divided there, so that `tools:read=mail:list+mail:send` says what it looks like; and what
//! begins with a brace is JSON, which can say anything.

use std::str::FromStr;

use protocol::fronting::ScopeMap;

use crate::administration::fronting::each_once;

/// A map as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypedMap(pub(super) ScopeMap);

impl FromStr for TypedMap {
    type Err = String;

    fn from_str(typed: &str) -> Result<TypedMap, String> {
        let typed = typed.trim();
        if typed.starts_with('{') {
            let mut json = serde_json::Deserializer::from_str(typed);
            let map = each_once(&mut json).and_then(|map| json.end().map(|()| map));
            return map.map(TypedMap).map_err(|error| format!("this is no scope map: {error}"));
        }
        let mut map = ScopeMap::new();
        for entry in typed.split(',').map(str::trim) {
            let (of, worth) = entry_of(entry)?;
            let worth: Vec<String> = worth.split('+').map(|it| it.trim().to_owned()).collect();
            if of.is_empty() || worth.iter().any(String::is_empty) {
                return Err(format!(
                    "'{entry}' lacks a name: write SCOPE:SCOPE, with '+' between several"
                ));
            }
            if map.insert(of.to_owned(), worth).is_some() {
                return Err(format!(
                    "'{of}' is there twice: write it once, with '+' between what it is worth"
                ));
            }
        }
        Ok(TypedMap(map))
    }
}

/// The two sides of an entry.
fn entry_of(entry: &str) -> Result<(&str, &str), String> {
    let (of, worth) = match entry.split_once('=') {
        Some(sides) => sides,
        None => match entry.split_once(':') {
            Some((_, rest)) if rest.contains(':') => {
                return Err(format!(
                    "'{entry}' has more than one ':', so it can be read in several ways: write '=' \
                     between the scope of the source and what it is worth"
                ));
            }
            Some(sides) => sides,
            None => {
                return Err(format!(
                    "'{entry}' does not say what it is worth: write SCOPE:SCOPE, with ',' between \
                     entries"
                ));
            }
        },
    };
    Ok((of.trim(), worth.trim()))
}

/// The entries of a map as they could be typed.
pub(super) fn entries(map: &ScopeMap) -> impl Iterator<Item = String> {
    map.iter().map(|(of, worth)| format!("{of}={}", worth.join("+")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        typed.parse().map(|TypedMap(map)| map.into_iter().collect())
    }

    fn map(entries: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let owned = |worth: &[&str]| worth.iter().map(|scope| (*scope).to_owned()).collect();
        entries.iter().map(|(of, worth)| ((*of).to_owned(), owned(worth))).collect()
    }

    #[test]
    fn every_way_of_writing_a_map_is_read() {
        let expected = Ok(map(&[("A", &["AA"]), ("B", &["BB", "CC"])]));
        for typed in [
            "A:AA,B:BB+CC",
            "A=AA,B=BB+CC",
            " A : AA , B = BB + CC ",
            r#"{"A": ["AA"], "B": ["BB", "CC"]}"#,
        ] {
            assert_eq!(read(typed), expected, "{typed}");
        }
        let colons = read("tools:read=mail:list+mail:send");
        assert_eq!(colons, Ok(map(&[("tools:read", &["mail:list", "mail:send"])])));
        let odd = read(r#"{"a,b+c=d": ["e:f"]}"#);
        assert_eq!(odd, Ok(map(&[("a,b+c=d", &["e:f"])])));
        assert_eq!(read("{}"), Ok(Vec::new()), "the server says what is wrong with that");
    }

    #[test]
    fn what_cannot_be_read_says_how_it_is_written() {
        for (typed, says) in [
            ("", "'' does not say what it is worth"),
            ("read", "'read' does not say what it is worth"),
            ("read:list,", "'' does not say"),
            ("read:", "'read:' lacks a name"),
            (":list", "':list' lacks a name"),
            ("read:list++send", "lacks a name"),
            ("=", "'=' lacks a name"),
            ("tools:read:mail:list", "more than one ':'"),
            ("read:list,read:send", "'read' is there twice"),
            (r#"{"read": "list"}"#, "no scope map"),
            (r#"{"read": ["list"], "read": ["send"]}"#, "'read' is there twice"),
            (r#"{"read": ["list"]} x"#, "no scope map"),
            ("{", "no scope map"),
        ] {
            let refused = read(typed).unwrap_err();
            assert!(refused.contains(says), "{typed}: {refused}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        let typed = "a:b=c+d,e=f";
        let TypedMap(map) = typed.parse().unwrap();
        assert_eq!(entries(&map).collect::<Vec<_>>().join(","), typed);
    }
}
