//! The one stylesheet, served under a name that changes with its content.

use std::sync::LazyLock;

/// The stylesheet of all pages, to be served as `text/css; charset=utf-8` at
/// [`stylesheet_path`] with `Cache-Control: public, max-age=31536000, immutable`.
pub const STYLESHEET: &str = include_str!("style.css");

static PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/style.{:016x}.css", fnv1a(STYLESHEET.as_bytes())));

/// Path of the stylesheet below the issuer: `/assets/style.<hash>.css`.
///
/// The hash names the content and protects nothing.
#[must_use]
pub fn stylesheet_path() -> &'static str {
    &PATH
}

/// FNV-1a, 64 bit.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{STYLESHEET, fnv1a, stylesheet_path};

    /// Text on ground, each at least 4.5 : 1 (WCAG 2.2 §1.4.3).
    const TEXT_PAIRS: [(&str, &str); 12] = [
        ("ink", "page"),
        ("ink", "card"),
        ("ink", "raised"),
        ("ink", "warn-ground"),
        ("muted", "page"),
        ("muted", "card"),
        ("muted", "raised"),
        ("accent", "card"),
        ("accent", "raised"),
        ("on-accent", "accent"),
        ("warn-ink", "warn-ground"),
        ("bad-ink", "bad-ground"),
    ];
    /// Outlines of controls and the focus ring, at least 3 : 1 (§1.4.11).
    const EDGE_PAIRS: [(&str, &str); 4] =
        [("edge", "card"), ("accent", "page"), ("accent", "warn-ground"), ("warn-edge", "card")];

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_path_carries_sixteen_hex_digits() {
        let hash = stylesheet_path()
            .strip_prefix("/assets/style.")
            .and_then(|rest| rest.strip_suffix(".css"))
            .expect("path of the documented form");
        assert!(hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn the_stylesheet_loads_nothing_from_elsewhere() {
        assert!(!STYLESHEET.contains("url(") && !STYLESHEET.contains("@import"));
    }

    #[test]
    fn colours_have_enough_contrast_in_light_and_in_dark() {
        let (light, dark) =
            STYLESHEET.split_once("@media (prefers-color-scheme: dark)").expect("a dark scheme");
        for (scheme, css) in [("light", light), ("dark", dark)] {
            for (pairs, least) in [(&TEXT_PAIRS[..], 4.5), (&EDGE_PAIRS[..], 3.0)] {
                for (front, ground) in pairs {
                    let ratio = contrast(luminance(css, front), luminance(css, ground));
                    assert!(ratio >= least, "{scheme}: {front} on {ground} is {ratio:.2}");
                }
            }
        }
    }

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Relative luminance of the custom property `--name: #rrggbb`.
    fn luminance(css: &str, name: &str) -> f64 {
        let declaration = format!("--{name}: #");
        let (_, rest) = css.split_once(&declaration).expect("colour is declared");
        let channel = |at: usize| {
            let value = u8::from_str_radix(&rest[at..at + 2], 16).expect("six hex digits");
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    }
}
