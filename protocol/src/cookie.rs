//! `Cookie` headers (RFC 6265 §4.2), read for one cookie of ours.

/// The value of the cookie called `name` in these header lines; the first, if there are several.
///
/// Other applications on the same host have cookies of their own, in whatever encoding; they must
/// not hide ours, so what cannot be read is passed over.
pub fn value<'a>(lines: impl Iterator<Item = &'a [u8]>, name: &str) -> Option<&'a str> {
    let mut pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_those_of_others_and_only_by_its_whole_name() {
        let read = |lines: &[&'static [u8]]| value(lines.iter().copied(), "s");
        assert_eq!(read(&[b"a=1; s=x; b=2"]), Some("x"));
        assert_eq!(read(&[b"\xff=\xff; s_browser=1", b"s=x=y"]), Some("x=y"));
        assert_eq!(read(&[b"s=first; s=second"]), Some("first"));
        assert_eq!(read(&[b"s=", b"s=late"]), Some(""));
        for none in [b"".as_slice(), b"s", b"S=x", b"xs=x", b"s =x", b"=s"] {
            assert_eq!(value([none].into_iter(), "s"), None, "{none:?}");
        }
    }
}
