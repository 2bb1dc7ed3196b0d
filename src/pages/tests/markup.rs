//! What holds for the markup of every page.

use super::*;

const TEMPLATES: [&str; 8] = [
    include_str!("../templates/base.html"),
    include_str!("../templates/consent.html"),
    include_str!("../templates/decided.html"),
    include_str!("../templates/other_account.html"),
    include_str!("../templates/problem.html"),
    include_str!("../templates/sign_in.html"),
    include_str!("../templates/signed_in.html"),
    include_str!("../templates/signed_out.html"),
];

/// Names of all elements and their attributes, in document order.
fn shape(html: &Html) -> Vec<String> {
    let names = |element: ElementRef<'_>| {
        let mut attributes: Vec<_> = element.value().attrs().map(|(name, _)| name).collect();
        attributes.sort_unstable();
        format!("{} {attributes:?}", element.value().name())
    };
    all(html, "*").into_iter().map(names).collect()
}

#[test]
fn hostile_text_in_any_field_changes_no_element_and_no_attribute() {
    for (hostile, benign) in all_pages(HOSTILE).iter().zip(&all_pages("benign")) {
        assert_eq!(shape(hostile), shape(benign));
    }
}

#[test]
fn hostile_text_is_shown_as_the_text_it_is() {
    let page = parse(&consent(HOSTILE));
    assert_eq!(text(one(&page, ".address")), HOSTILE);
    assert_eq!(text(one(&page, "label[for=scope-1]")), HOSTILE);
    assert_eq!(one(&page, "#scope-1").attr("value"), Some(HOSTILE));
    let page = parse(&problem(HOSTILE));
    assert!(text(one(&page, "main")).contains(HOSTILE));
}

#[test]
fn no_page_has_script_inline_style_event_handlers_or_anything_remote() {
    for page in all_pages(HOSTILE) {
        assert!(all(&page, "script, style, img, iframe, object, embed, base, [style]").is_empty());
        for element in all(&page, "*") {
            for (name, value) in element.value().attrs() {
                assert!(!name.starts_with("on"), "{name}");
                assert!(
                    !matches!(name, "href" | "action" | "src") || value.starts_with("/auth/"),
                    "{value}"
                );
            }
        }
    }
}

#[test]
fn no_template_switches_escaping_off() {
    for template in TEMPLATES {
        for word in ["safe", "escape", "<script", "style=", " on"] {
            let found = template.match_indices(word).filter(|(at, _)| {
                // `on` is also a word; only `on…=` is an event handler.
                word != " on"
                    || template[at + 1..].split([' ', '>']).next().is_some_and(|w| w.contains('='))
            });
            assert_eq!(found.count(), 0, "{word}");
        }
    }
}

#[test]
fn every_page_names_its_language_title_and_landmarks() {
    for page in all_pages("x") {
        assert_eq!(one(&page, "html").attr("lang"), Some("en"));
        assert!(text(one(&page, "title")).ends_with("· AuthPlane"));
        one(&page, "header");
        one(&page, "main h1");
        let stylesheet = one(&page, "link[rel=stylesheet]").attr("href").expect("href");
        assert_eq!(stylesheet, format!("/auth{}", stylesheet_path()));
    }
}

#[test]
fn every_input_has_a_label_and_every_reference_a_target() {
    for page in all_pages("x") {
        for input in all(&page, "input:not([type=hidden])") {
            let id = input.attr("id").expect("id");
            assert!(!text(one(&page, &format!("label[for={id}]"))).is_empty());
        }
        for name in ["aria-describedby", "aria-labelledby"] {
            for element in all(&page, &format!("[{name}]")) {
                for id in element.attr(name).unwrap_or_default().split(' ') {
                    one(&page, &format!("#{id}"));
                }
            }
        }
    }
}

#[test]
fn debug_output_holds_no_token() {
    let printed = format!("{:?}{:?}{:?}", sign_in("tok"), consent("tok"), signed_in("tok"));
    assert!(!printed.contains("tok"));
}
