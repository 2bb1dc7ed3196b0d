//! How a section of settings is declared: struct, table rows, reading and showing from one text.

use super::availability;
use super::environment;
use super::reader::Reader;
use super::types::SettingValue;

/// One row of the table of settings.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Dotted path, `server.issuer`.
    pub(crate) key: &'static str,
    /// What kind of value, as the reference names it.
    pub(crate) kind: String,
    /// The value in effect when nobody sets one; empty when there is none.
    pub(crate) default: &'static str,
    /// The environment variable that overrides it.
    pub(crate) variable: String,
    /// What it does.
    pub(crate) about: String,
    /// Whether its value must never be shown.
    pub(crate) secret: bool,
}

impl Setting {
    /// The row of a leaf of type `T`.
    pub(crate) fn of<T: SettingValue>(key: &'static str, default: &'static str, doc: &str) -> Self {
        Self {
            key,
            kind: T::kind(),
            default: availability::resting_value(availability::ROWS, key).unwrap_or(default),
            variable: environment::variable_of(key),
            about: one_line(doc),
            secret: T::SECRET,
        }
    }
}

/// A struct of settings.
pub(crate) trait Section: Sized {
    /// Appends its rows to the table.
    fn settings(into: &mut Vec<Setting>);
    /// Takes its values out of the reader; `None` only if a declared default is itself unreadable.
    fn read(reader: &mut Reader) -> Option<Self>;
    /// Its values as JSON, secrets masked.
    fn show(&self) -> serde_json::Value;
    /// Names and descriptions of the sections directly inside.
    fn children() -> Vec<(&'static str, String)>;
}

/// Doc comments arrive line by line, each with its leading space.
pub(crate) fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Declares a section: leaves as `name: Type = "default",`, inner sections in `with { name: Type, }`.
/// The doc comment of a leaf is its description in the reference.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident at $prefix:literal {
            $( $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:literal, )*
        } $( with {
            $( $(#[doc = $inner_doc:literal])+ $inner:ident: $section:ty, )*
        } )?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
            $($( $(#[doc = $inner_doc])+ pub $inner: $section, )*)?
        }

        impl $crate::config::section::Section for $name {
            fn settings(into: &mut Vec<$crate::config::section::Setting>) {
                $( into.push($crate::config::section::Setting::of::<$type>(
                    concat!($prefix, stringify!($field)),
                    $default,
                    concat!($($doc, "\n"),+),
                )); )*
                $($( <$section as $crate::config::section::Section>::settings(into); )*)?
            }

            fn read(reader: &mut $crate::config::reader::Reader) -> Option<Self> {
                // Every leaf is read before the first `?`, so that every problem is found.
                $( let $field = reader.leaf::<$type>(concat!($prefix, stringify!($field)), $default); )*
                $($( let $inner = <$section as $crate::config::section::Section>::read(reader); )*)?
                Some(Self { $( $field: $field?, )* $($( $inner: $inner?, )*)? })
            }

            fn show(&self) -> serde_json::Value {
                let mut shown = serde_json::Map::new();
                $( shown.insert(
                    stringify!($field).to_owned(),
                    $crate::config::types::SettingValue::show(&self.$field),
                ); )*
                $($( shown.insert(
                    stringify!($inner).to_owned(),
                    $crate::config::section::Section::show(&self.$inner),
                ); )*)?
                serde_json::Value::Object(shown)
            }

            fn children() -> Vec<(&'static str, String)> {
                vec![$($( (
                    stringify!($inner),
                    $crate::config::section::one_line(concat!($($inner_doc, "\n"),+)),
                ), )*)?]
            }
        }
    };
}

pub(crate) use section;
