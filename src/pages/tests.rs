//! What the pages promise, read from the HTML they render. Here: the samples and
//! how to look at them.

use scraper::{ElementRef, Html, Selector};

use super::*;

mod consent_page;
mod markup;
mod other_pages;

/// Tries to leave every context a template puts text into.
const HOSTILE: &str = "\"'>--></title></label><script>alert(1)</script><img src=x onerror=alert(1)><b style=color:red onclick=x>";

fn sign_in(text: &str) -> SignInPage {
    SignInPage {
        issuer_path: "/auth".to_owned(),
        csrf_token: text.to_owned(),
        awaited: Some(Awaited::Ticket(text.to_owned())),
        email_prefill: Some(text.to_owned()),
        problem: Some(text.to_owned()),
        client_name: Some(text.to_owned()),
    }
}

fn consent(text: &str) -> ConsentPage {
    let described = ScopeView { name: text.to_owned(), description: Some(text.to_owned()) };
    let bare = ScopeView { name: text.to_owned(), description: None };
    ConsentPage {
        issuer_path: "/auth".to_owned(),
        csrf_token: text.to_owned(),
        awaited: Awaited::Ticket(text.to_owned()),
        client: ClientView {
            name: text.to_owned(),
            operator_registered: false,
            host: Some(text.to_owned()),
        },
        signed_in_as: text.to_owned(),
        target: Some(RedirectTargetView {
            host_or_scheme: text.to_owned(),
            kind: RedirectTargetKind::Web,
        }),
        resources: vec![ResourceView { display_name: text.to_owned(), uri: text.to_owned() }],
        scopes: vec![described, bare],
        offline: true,
        lifetime_text: text.to_owned(),
    }
}

fn consent_to(kind: RedirectTargetKind, host_or_scheme: &str) -> ConsentPage {
    let target = RedirectTargetView { host_or_scheme: host_or_scheme.to_owned(), kind };
    ConsentPage { target: Some(target), ..consent("x") }
}

fn problem(text: &str) -> ProblemPage {
    ProblemPage {
        issuer_path: "/auth".to_owned(),
        status: 400,
        title: text.to_owned(),
        what_happened: text.to_owned(),
        what_it_means: text.to_owned(),
        what_to_do: text.to_owned(),
        correlation_id: Some(text.to_owned()),
        code: Some(text.to_owned()),
        retry_after: None,
    }
}

fn signed_in(text: &str) -> SignedInPage {
    SignedInPage {
        issuer_path: "/auth".to_owned(),
        name: text.to_owned(),
        csrf_token: text.to_owned(),
    }
}

fn other_account(text: &str) -> OtherAccountPage {
    OtherAccountPage {
        issuer_path: "/auth".to_owned(),
        csrf_token: text.to_owned(),
        awaited: Awaited::Ticket(text.to_owned()),
        signed_in_as: text.to_owned(),
    }
}

/// Every page, with `text` in every field that holds text.
fn all_pages(text: &str) -> Vec<Html> {
    let signed_out = SignedOutPage { issuer_path: "/auth".to_owned() };
    vec![
        parse(&sign_in(text)),
        parse(&consent(text)),
        parse(&ConsentPage {
            target: consent_to(RedirectTargetKind::Loopback, text).target,
            ..consent(text)
        }),
        parse(&ConsentPage {
            target: consent_to(RedirectTargetKind::PrivateUse, text).target,
            client: ClientView { operator_registered: true, ..consent(text).client },
            ..consent(text)
        }),
        parse(&ConsentPage { target: None, ..consent(text) }),
        parse(&problem(text)),
        parse(&DecidedPage { issuer_path: "/auth".to_owned(), agreed: true }),
        parse(&DecidedPage { issuer_path: "/auth".to_owned(), agreed: false }),
        parse(&other_account(text)),
        parse(&signed_in(text)),
        parse(&signed_out),
    ]
}

fn parse(page: &impl Template) -> Html {
    Html::parse_document(&page.render().expect("renders"))
}

fn all<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).expect("selector");
    html.select(&selector).collect()
}

fn one<'a>(html: &'a Html, selector: &str) -> ElementRef<'a> {
    let found = all(html, selector);
    assert_eq!(found.len(), 1, "{selector} occurs {} times", found.len());
    found[0]
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
