//! The sign-in and problem pages.

use super::*;

#[test]
fn sign_in_helps_password_managers_and_posts_what_the_handler_reads() {
    let page = parse(&sign_in("ada@example.com"));
    assert_eq!(one(&page, "form[method=post]").attr("action"), Some("/auth/login"));
    assert_eq!(one(&page, "[name=email]").attr("autocomplete"), Some("username"));
    assert_eq!(one(&page, "[name=email]").attr("value"), Some("ada@example.com"));
    assert_eq!(one(&page, "[name=password]").attr("autocomplete"), Some("current-password"));
    assert_eq!(one(&page, "[name=password]").attr("value"), None);
    one(&page, "[type=hidden][name=csrf]");
    one(&page, "[type=hidden][name=ticket]");
    one(&page, "[role=alert]#problem");
}

#[test]
fn sign_in_without_a_request_or_a_problem_leaves_both_out() {
    let page =
        parse(&SignInPage { email_prefill: Some("x".repeat(9000)), ..SignInPage::default() });
    assert!(
        all(&page, "[name=request], [name=ticket], [role=alert], [aria-describedby]").is_empty()
    );
    assert_eq!(one(&page, "[name=email]").attr("value"), Some(""));
}

#[test]
fn each_usual_problem_says_what_happened_what_it_means_and_what_to_do() {
    for problem in [
        ProblemPage::request_expired(""),
        ProblemPage::link_not_good(""),
        ProblemPage::nothing_to_approve(""),
        ProblemPage::form_not_accepted(""),
        ProblemPage::not_found(""),
        ProblemPage::too_many_attempts("", 30),
        ProblemPage::unavailable("", "Nothing was changed.", 2),
        ProblemPage::internal_error("", "reference-1"),
    ] {
        let page = parse(&problem);
        let said = text(one(&page, "main"));
        for part in [&problem.title, &problem.what_happened, &problem.what_it_means] {
            assert!(part.len() > 10 && said.contains(part.as_str()), "{said}");
        }
        assert_eq!(
            all(&page, "[aria-labelledby=todo-title] p").len(),
            problem.what_to_do.lines().count()
        );
        assert!(problem.correlation_id.is_none_or(|reference| said.contains(&reference)));
    }
}
