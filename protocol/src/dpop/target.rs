//! The URL a proof is for (RFC 9449 §4.3, check 9).

use url::Url;

/// Longest `htu`, in bytes.
const MAX_LENGTH: usize = 4096;

/// What two spellings of one URL have in common after the normalisations of RFC 3986
/// §6.2.2 and §6.2.3: scheme and host in lower case, no default port, no dot segments, no
/// needless escapes; query and fragment dropped. `None` for what is no http(s) URL.
pub(super) fn normal(url: &str) -> Option<String> {
    let is_clean = url.len() <= MAX_LENGTH
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte));
    let url = Url::parse(url).ok().filter(|_| is_clean)?;
    if !matches!(url.scheme(), "https" | "http")
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return None;
    }
    let host = url.host_str()?;
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}://{host}{port}{}", url.scheme(), without_needless_escapes(url.path())))
}

/// `%7E` is `~`, and `%2f` is `%2F` (RFC 3986 §6.2.2.1, §6.2.2.2).
fn without_needless_escapes(path: &str) -> String {
    let mut parts = path.split('%');
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
                normal.push_str(&part[2..]);
            }
            Some(byte) => {
                normal.push_str(&format!("%{byte:02X}"));
                normal.push_str(&part[2..]);
            }
            None => {
                normal.push('%');
                normal.push_str(part);
            }
        }
    }
    normal
}
