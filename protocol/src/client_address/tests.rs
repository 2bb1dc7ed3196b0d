use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "203.0.113.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The proxies of these tests: 10.0.0.0/8 and fd00::/8.
fn trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
    }
}

fn seen(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> IpAddr {
    let forwarded: Vec<_> = forwarded.iter().copied().map(Some).collect();
    let x_forwarded_for: Vec<_> = x_forwarded_for.iter().copied().map(Some).collect();
    let headers = ForwardingHeaders { forwarded: &forwarded, x_forwarded_for: &x_forwarded_for };
    client_address(ip(peer), headers, trusted)
}

#[test]
fn without_headers_it_is_the_peer() {
    assert_eq!(seen(CLIENT, &[], &[]), ip(CLIENT));
    assert_eq!(seen(PROXY, &[], &[]), ip(PROXY));
    assert_eq!(seen("::ffff:203.0.113.7", &[], &[]), ip(CLIENT));
}

#[test]
fn a_proxy_that_is_trusted_says_who_asks() {
    for (forwarded, x) in [
        (&[] as &[&str], &["203.0.113.7"] as &[&str]),
        (&[], &["203.0.113.7:4711"]),
        (&[], &["::ffff:203.0.113.7"]),
        (&[], &["203.0.113.7, 10.0.0.2"]),
        (&[], &["203.0.113.7", "10.0.0.3", "10.0.0.2"]),
        (&[], &["203.0.113.7,, 10.0.0.2,"]),
        (&["for=203.0.113.7"], &[]),
        (&["for=203.0.113.7:4711;proto=https"], &[]),
        (&["For=\"203.0.113.7:_hidden\" ; by=_me"], &[]),
        (&["proto=https;host=\"a,b;c\";for=203.0.113.7"], &[]),
        (&["for=203.0.113.7, for=10.0.0.2"], &[]),
        (&["for=203.0.113.7", "for=\"[fd00::1]:80\""], &[]),
        (&["for=203.0.113.7;"], &[]),
        (&["for=203.0.113.7"], &["203.0.113.7"]),
    ] {
        assert_eq!(seen(PROXY, forwarded, x), ip(CLIENT), "{forwarded:?} {x:?}");
    }
    for x in ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:443"] {
        assert_eq!(seen("fd00::2", &[], &[x]), ip("2001:db8::7"), "{x}");
        assert_eq!(seen(PROXY, &[&format!("for=\"{x}\"")], &[]), ip("2001:db8::7"), "{x}");
    }
}

#[test]
fn what_the_client_wrote_itself_is_not_looked_at() {
    for x in ["10.9.9.9, 203.0.113.7", "6.6.6.6, 203.0.113.7", "<script>, 203.0.113.7, 10.0.0.2"] {
        assert_eq!(seen(PROXY, &[], &[x]), ip(CLIENT), "{x}");
    }
    for forwarded in ["for=6.6.6.6, for=203.0.113.7", "for=unknown, for=203.0.113.7"] {
        assert_eq!(seen(PROXY, &[forwarded], &[]), ip(CLIENT), "{forwarded}");
    }
    // An open quote swallows what the proxy adds, which shows.
    for forwarded in ["for=\", for=203.0.113.7", "for=6.6.6.6;x=\", for=\"203.0.113.7\""] {
        assert_eq!(seen(PROXY, &[forwarded], &[]), ip(PROXY), "{forwarded}");
    }
}

#[test]
fn somebody_who_is_no_proxy_is_not_believed() {
    for stranger in [CLIENT, "2001:db8::9", "127.0.0.1", "11.0.0.1"] {
        assert_eq!(seen(stranger, &["for=6.6.6.6"], &[]), ip(stranger));
        assert_eq!(seen(stranger, &[], &["6.6.6.6, 10.0.0.2"]), ip(stranger));
    }
}

#[test]
fn what_cannot_be_read_leaves_the_proxy() {
    for x in [
        "unknown",
        "_hidden",
        "203.0.113",
        "203.0.113.7:",
        "203.0.113.7:port",
        "203.0.113.7:123456",
        "[203.0.113.7]",
        "[2001:db8::7",
        "[2001:db8::7]443",
        "2001:db8::7:",
        "fe80::1%eth0",
        "203.0.113.07",
        "\"203.0.113.7\"",
        "203.0.113.7 10.0.0.2",
        "0x7f.1",
        ",",
        "",
    ] {
        assert_eq!(seen(PROXY, &[], &[x]), ip(PROXY), "{x}");
        assert_eq!(
            seen(PROXY, &[], &[&format!("{x}, 10.0.0.2")]),
            if matches!(x, "," | "") {
                // Nothing but a proxy is named: the request is the proxy's own.
                ip("10.0.0.2")
            } else {
                ip(PROXY)
            }
        );
    }
    for forwarded in [
        "for=unknown",
        "for=_hidden",
        "by=203.0.113.7",
        "for",
        "for=",
        "=203.0.113.7",
        "for=203.0.113.7 for=203.0.113.7",
        "for=203.0.113.7;for=203.0.113.7",
        "for=\"203.0.113.7",
        "for=\"203.0.113\\.7\"",
        "for=2001:db8::7x",
        "203.0.113.7",
        "for=203.0.113.7;\u{e9}=1",
    ] {
        assert_eq!(seen(PROXY, &[forwarded], &[]), ip(PROXY), "{forwarded}");
    }
    let unreadable = ForwardingHeaders { forwarded: &[], x_forwarded_for: &[Some(CLIENT), None] };
    assert_eq!(client_address(ip(PROXY), unreadable, trusted), ip(PROXY));
}

#[test]
fn of_two_headers_that_do_not_agree_neither_is_believed() {
    assert_eq!(seen(PROXY, &["for=6.6.6.6"], &[CLIENT]), ip(PROXY));
    assert_eq!(seen(PROXY, &["for=203.0.113.7"], &["6.6.6.6"]), ip(PROXY));
    assert_eq!(seen(PROXY, &["for=unknown"], &[CLIENT]), ip(PROXY));
    assert_eq!(seen(PROXY, &[""], &[CLIENT]), ip(PROXY));
}

#[test]
fn where_only_proxies_are_named_it_is_the_furthest() {
    assert_eq!(seen(PROXY, &[], &["10.3.3.3, 10.2.2.2"]), ip("10.3.3.3"));
}

#[test]
fn the_addresses_of_one_network_share_what_they_have() {
    let network = |address: &str| network_of(ip(address));
    assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:1:2"));
    assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
}

fn stranger() -> impl Strategy<Value = IpAddr> {
    any::<IpAddr>()
        .prop_map(|address| address.to_canonical())
        .prop_filter("a proxy", |a| !trusted(*a))
}

fn proxy() -> impl Strategy<Value = IpAddr> {
    any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::from([10, a, b, c]))
}

/// An address as proxies write it.
fn written(address: IpAddr, port: Option<u16>) -> String {
    match (address, port) {
        (IpAddr::V6(v6), Some(port)) => format!("[{v6}]:{port}"),
        (address, Some(port)) => format!("{address}:{port}"),
        (address, None) => address.to_string(),
    }
}

#[test]
fn a_site_is_a_48_of_ipv6_and_ipv4_has_none() {
    let site = |text: &str| site_of(text.parse().unwrap()).map(|site| site.to_string());
    assert_eq!(site("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1::"));
    assert_eq!(site("2001:db8:1:ff00::").as_deref(), Some("2001:db8:1::"));
    assert_eq!(site("192.0.2.1"), None);
    assert_eq!(site("::ffff:192.0.2.1"), None);
}

proptest! {
    #[test]
    fn nothing_a_stranger_sends_changes_its_address(
        peer in stranger(), forwarded in ".{0,200}", x in ".{0,200}",
    ) {
        prop_assert_eq!(seen(&peer.to_string(), &[&forwarded], &[&x]), peer);
    }

    #[test]
    fn whatever_the_client_wrote_before_the_proxies_say_who_it_is(
        client in stranger(), port in any::<Option<u16>>(), forged in "[^\r\n]{0,200}",
        proxies in prop::collection::vec(proxy(), 0..4), peer in proxy(),
    ) {
        let hops: Vec<String> = std::iter::once(written(client, port))
            .chain(proxies.iter().map(IpAddr::to_string)).collect();
        let x = [&forged, &hops.join(", ") as &str];
        prop_assert_eq!(seen(&peer.to_string(), &[], &x), client);
        let forwarded: Vec<String> = hops.iter().map(|hop| format!("for=\"{hop}\"")).collect();
        let joined = format!("{forged}, {}", forwarded.join(", "));
        let found = seen(&peer.to_string(), &[&joined], &[]);
        // In the same line it may spoil the whole, never name somebody else.
        prop_assert!(found == client || found == peer, "{}", found);
    }

    #[test]
    fn no_text_makes_it_panic(peer in proxy(), one in ".{0,80}", other in "[for=\",;:\\[\\]_ 0-9a-f.]{0,80}") {
        seen(&peer.to_string(), &[&one, &other], &[&other, &one]);
        seen(&peer.to_string(), &[&other], &[]);
    }
}
