use proptest::prelude::*;

use super::*;

const LOCAL: FetchPolicy = FetchPolicy { require_https: false, allow_private_addresses: true };

fn refusal(text: &str) -> Option<DocumentUrlRefusal> {
    DocumentUrl::parse(text, FetchPolicy::STRICT).err()
}

fn public(address: &str) -> bool {
    is_public(address.parse().unwrap())
}

#[test]
fn plain_https_urls_are_taken_as_they_are() {
    for url in [
        "https://app.example/jwks.json",
        "https://APP.example:8443/.well-known/jwks.json?v=1",
        "https://8.8.8.8/jwks",
        "https://[2606:4700::1111]/jwks",
        "https://xn--bcher-kva.example/@user/jwks",
    ] {
        assert_eq!(refusal(url), None, "{url}");
    }
    let url = DocumentUrl::parse("https://APP.example:8443/a", FetchPolicy::STRICT).unwrap();
    assert_eq!(
        (url.host(), url.to_string().as_str()),
        ("app.example", "https://app.example:8443/a")
    );
}

#[test]
fn other_schemes_user_information_and_fragments_are_refused() {
    for url in [
        "http://app.example/jwks",
        "ftp://app.example/jwks",
        "file:///etc/passwd",
        "data:application/json,{}",
        "javascript:alert(1)",
        "https://u:p@app.example/jwks",
        "https://u@app.example/jwks",
        "https://app.example/jwks#k",
        "/jwks",
        "",
        "https://",
        "https://app.example/\n",
        "https://app.example\\@evil.example/",
    ] {
        assert_eq!(refusal(url), Some(DocumentUrlRefusal::Form), "{url}");
    }
    assert!(refusal(&format!("https://app.example/{}", "x".repeat(2048))).is_some());
}

#[test]
fn addresses_inside_are_refused_however_they_are_written() {
    for url in [
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fd00:ec2::254]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://0/",
        "https://127.0.0.1./",
        "https://%31%32%37.0.0.1/",
        "https://@127.0.0.1/",
        "https:127.0.0.1/",
        "https:///127.0.0.1/",
    ] {
        assert!(refusal(url).is_some(), "{url}");
    }
    // Also a public one: a number is no way to write a host.
    assert_eq!(refusal("https://134744072/"), Some(DocumentUrlRefusal::Host));
}

#[test]
fn on_a_developers_machine_what_is_local_is_let_go_and_nothing_else() {
    assert!(DocumentUrl::parse("http://127.0.0.1:8080/jwks", LOCAL).is_ok());
    assert!(DocumentUrl::parse("http://localhost/jwks", LOCAL).is_ok());
    for url in ["http://u@127.0.0.1/", "file:///x", "http://0x7f.1/", "http://h/#f"] {
        assert!(DocumentUrl::parse(url, LOCAL).is_err(), "{url}");
    }
    let https_only = FetchPolicy { require_https: true, ..LOCAL };
    assert!(DocumentUrl::parse("http://127.0.0.1/", https_only).is_err());
    let public_only = FetchPolicy { allow_private_addresses: false, ..LOCAL };
    assert!(DocumentUrl::parse("http://127.0.0.1/", public_only).is_err());
}

#[test]
fn special_addresses_are_not_public() {
    for inside in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!public(inside), "{inside}");
    }
}

#[test]
fn the_neighbours_of_special_addresses_are_public() {
    for outside in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "192.169.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450::1",
    ] {
        assert!(public(outside), "{outside}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_taken_is_safe(text in ".*", host in "[a-z0-9.:\\[\\]x%@-]{0,20}") {
        for text in [text, format!("https://{host}/jwks")] {
            if let Ok(url) = DocumentUrl::parse(&text, FetchPolicy::STRICT) {
                prop_assert_eq!(url.as_url().scheme(), "https");
                prop_assert!(url.as_url().username().is_empty());
                if let Ok(address) = url.host().trim_matches(['[', ']']).parse() {
                    prop_assert!(is_public(address));
                }
            }
        }
    }

    /// The standard library knows some of the special ones too.
    #[test]
    fn what_the_standard_library_calls_special_is_not_public(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        let special = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_multicast() || address.is_broadcast() || address.is_documentation()
            || address.is_unspecified();
        prop_assert!(!(special && is_public(IpAddr::V4(address))));
        prop_assert!(!is_public(IpAddr::V6(address.to_ipv6_mapped())));
        prop_assert!(!is_public(IpAddr::V6(address.to_ipv6_compatible())));
    }
}
