//! What browsers send: cookies, and the forms of our pages.

use std::sync::LazyLock;

use protocol::cookie;
use protocol::form::{self, MAX_CONSENT_TOTAL, Parameters};
use protocol::known_browser::KnownBrowser;
use protocol::secret::{BrowserToken, HashKey, Purpose, RootSecret, SessionToken};
use protocol::secret_ring::Living;

/// A key that the fuzzer does not have.
static KEY: LazyLock<Living<HashKey>> =
    LazyLock::new(|| RootSecret::from_bytes([7; 32]).key_for(Purpose::Cookie).into());
const NAME: &str = "session";

/// Lines of a `Cookie` header, one a line.
pub fn cookies(bytes: &[u8]) {
    let lines = || bytes.split(|byte| *byte == b'\n');
    let found = cookie::value(lines(), NAME);
    if let Some(value) = found {
        assert!(!value.contains([';', '\n']), "a value reaches into the next cookie: {value:?}");
        assert_eq!(value, value.trim_end(), "white space ends a value");
    }
    // Whatever other applications of the host keep: it hides ours no more than it makes one up.
    let others = b"other=%ff\xff; =; x; session_browser=1; SESSION=2".as_slice();
    let behind: Vec<&[u8]> = std::iter::once(others).chain(lines()).collect();
    assert_eq!(cookie::value(behind.into_iter(), NAME), found);
    let ours = b"session=first".as_slice();
    let first: Vec<&[u8]> = std::iter::once(ours).chain(lines()).collect();
    assert_eq!(cookie::value(first.into_iter(), NAME), Some("first"), "the first counts");

    let Some(value) = found else { return };
    if let Some(token) = SessionToken::presented(value) {
        assert_eq!(token.expose(), value);
        assert_eq!(format!("{token:?}"), "apst_…", "a session is shown");
    }
    if let Some(token) = BrowserToken::presented(value) {
        assert_eq!(token.expose(), value);
    }
}

/// The cookie that says who has signed in with a browser before, and a MAC over it.
pub fn known_browser(bytes: &[u8]) {
    let ada = "ada@example.com";
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(browser) = KnownBrowser::parse(text) else { return };
    assert_eq!(browser.text(), text, "one cookie, two spellings");
    assert_eq!(browser.known_for(ada, &KEY), None, "a forged mark was believed");
    let marked = browser.clone().remembering(ada, &KEY);
    let again = KnownBrowser::parse(&marked.text()).expect("our own cookie");
    assert_eq!(again, marked);
    assert!(again.known_for(ada, &KEY).is_some());
    assert_eq!(again.known_for("grace@example.com", &KEY), None);
    // Twice is once, and what others had is not made good by it.
    assert_eq!(again.clone().remembering(ada, &KEY), again);
    assert!(!KEY.verify(bytes, bytes), "bytes are their own MAC");
}

/// The consent form: one tick box per scope, everything else once.
pub fn consent_form(bytes: &[u8]) {
    let Ok(form) = Parameters::parse_consent(bytes) else { return };
    assert!(bytes.len() <= MAX_CONSENT_TOTAL);
    let sent = |name: &str| {
        let pairs = bytes.split(|byte| *byte == b'&');
        let names = pairs.map(|pair| pair.split(|byte| *byte == b'=').next().unwrap_or_default());
        names.filter(|sent| form::decode(sent).as_deref() == Some(name)).count()
    };
    for name in form.names() {
        let values: Vec<&str> = form.all(name).collect();
        assert!(name == "scope" || sent(name) == 1, "{name} was sent twice");
        assert!(values.iter().all(|value| !value.contains(['\0', '\r', '\n'])));
        assert!(values.len() <= sent(name), "{name} has values that nobody sent");
    }
    for name in ["csrf", "request", "decision"] {
        assert_eq!(form.get(name), form.all(name).next());
    }
}
