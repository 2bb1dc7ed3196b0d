//! What the consent page tells and asks.

use super::*;

#[test]
fn scopes_are_ticked_boxes_and_both_decisions_are_offered() {
    let awaited = Awaited::Request(uuid::Uuid::nil());
    let page = parse(&ConsentPage { awaited, ..consent("tickets:read") });
    let form = "form[action='/auth/consent']";
    assert_eq!(
        all(&page, &format!("{form} fieldset [type=checkbox][name=scope][checked]")).len(),
        2
    );
    let decisions: Vec<_> = all(&page, &format!("{form} button[name=decision]"))
        .iter()
        .filter_map(|button| button.attr("value"))
        .collect();
    assert_eq!(decisions, ["deny", "approve"], "the first button is what Enter presses");
    for field in ["csrf", "request"] {
        one(&page, &format!("{form} [type=hidden][name={field}]"));
        one(&page, &format!("form[action='/auth/logout'] [type=hidden][name={field}]"));
    }
}

#[test]
fn an_exchange_is_decided_on_a_page_of_its_own_that_sends_the_approval_nowhere() {
    let page = parse(&ConsentPage { target: None, ..consent("x") });
    for form in ["/auth/agreement", "/auth/logout"] {
        for field in ["csrf", "ticket"] {
            one(&page, &format!("form[action='{form}'] [type=hidden][name={field}]"));
        }
    }
    assert!(text(one(&page, "section.target")).contains("stays at this server"));
    assert!(all(&page, ".address").is_empty());
    let approve = one(&page, "button[value=approve]").attr("aria-describedby");
    assert_eq!(approve, Some("who target-note"));
}

#[test]
fn a_web_target_is_shown_in_full_and_without_the_warning() {
    let host = format!("{}.example", "a.".repeat(122));
    let page = parse(&consent_to(RedirectTargetKind::Web, &host));
    assert_eq!(text(one(&page, "section.target .address")), host);
    assert!(all(&page, ".warn").is_empty());
}

#[test]
fn a_loopback_or_private_use_target_warns_that_any_program_could_ask() {
    for (kind, target, shown) in [
        (RedirectTargetKind::Loopback, "127.0.0.1:33418", "127.0.0.1:33418"),
        (RedirectTargetKind::PrivateUse, "cursor", "cursor:"),
    ] {
        let page = parse(&consent_to(kind, target));
        assert_eq!(text(one(&page, "section.target.warn .address")), shown);
        assert!(text(one(&page, "#target-note")).contains("Any program on this computer can"));
        let approve = one(&page, "button[value=approve]").attr("aria-describedby");
        assert_eq!(approve, Some("who target-note"));
    }
}

#[test]
fn only_an_operator_registered_name_goes_without_doubt() {
    let mut page = consent("Claude");
    assert!(text(one(&parse(&page), "#who")).contains("Self-declared name"));
    assert_eq!(text(one(&parse(&page), "h1")), "“Claude” asks for access");
    page.client.operator_registered = true;
    assert!(!text(one(&parse(&page), "main")).contains("Self-declared"));
    assert_eq!(text(one(&parse(&page), "h1")), "Claude asks for access");
    page.client.name = " \n".to_owned();
    assert_eq!(text(one(&parse(&page), "h1")), "Unnamed application asks for access");
}

#[test]
fn a_request_without_scopes_says_so() {
    let page = parse(&ConsentPage { scopes: Vec::new(), offline: false, ..consent("x") });
    assert!(all(&page, "[type=checkbox]").is_empty());
    assert!(text(one(&page, "fieldset")).contains("no particular permission"));
    assert!(!text(one(&page, "main")).contains("while you are away"));
}

#[test]
fn a_very_long_name_cannot_push_the_page_away() {
    let page = parse(&consent(&"x".repeat(100_000)));
    assert!(text(one(&page, "h1")).chars().count() < 110);
    assert!(text(one(&page, "main")).chars().count() < 8_000);
    assert_eq!(one(&page, "#scope-1").attr("value").map(str::len), Some(100_000));
}
