//! Limits on length. Past 500 lines a file is two ideas, past 70 a function is two functions, past
//! 40 a handler does more than parse, ask and render.
//!
//! `size_exceptions.txt` holds what is too long and why, each line with its present length. An entry
//! that is too generous or no longer needed fails too, so the list can only shrink.

use super::scan::{blank_out, functions};
use super::tree::{SourceFile, assert_none, rust_files};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
/// For every `async fn` below [`HANDLERS`].
const HANDLER_LINES: usize = 40;
const HANDLERS: &str = "src/http/";

const EXCEPTIONS: &str = include_str!("size_exceptions.txt");

/// Something longer than its limit.
#[derive(Debug, PartialEq, Eq)]
struct Excess {
    /// `path` for a file, `path::name` for a function.
    subject: String,
    lines: usize,
    limit: usize,
}

#[derive(Debug)]
struct Exception<'text> {
    subject: &'text str,
    lines: usize,
}

fn too_long(file: &SourceFile) -> Vec<Excess> {
    let mut found = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES {
        found.push(Excess { subject: file.path.clone(), lines, limit: FILE_LINES });
    }
    for function in functions(&blank_out(&file.text)) {
        let is_handler = function.is_async && file.path.starts_with(HANDLERS);
        let limit = if is_handler { HANDLER_LINES } else { FUNCTION_LINES };
        if function.lines > limit {
            let subject = format!("{}::{}", file.path, function.name);
            found.push(Excess { subject, lines: function.lines, limit });
        }
    }
    found
}

/// Lines of the form `<lines> <subject>`; `#` starts a comment.
fn parse_exceptions(text: &str) -> Vec<Exception<'_>> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (lines, subject) = line.split_once(' ').expect("an entry is `<lines> <subject>`");
            Exception { subject: subject.trim(), lines: lines.parse().expect("a number of lines") }
        })
        .collect()
}

fn complaints(excesses: &[Excess], exceptions: &[Exception<'_>]) -> Vec<String> {
    let excused = |excess: &&Excess| {
        exceptions.iter().any(|it| it.subject == excess.subject && it.lines >= excess.lines)
    };
    let too_long = excesses.iter().filter(|excess| !excused(excess)).map(|excess| {
        format!("{} has {} lines, limit {}: split it", excess.subject, excess.lines, excess.limit)
    });
    let loose = exceptions.iter().filter_map(|exception| {
        let longest = excesses.iter().filter(|it| it.subject == exception.subject);
        let subject = exception.subject;
        match longest.map(|excess| excess.lines).max() {
            None => Some(format!("{subject} is within its limit: remove the exception")),
            Some(now) if now < exception.lines => {
                Some(format!("{subject} has shrunk to {now} lines: lower the exception"))
            }
            Some(_) => None,
        }
    });
    too_long.chain(loose).collect()
}

#[test]
fn files_functions_and_handlers_stay_within_their_limits_and_exceptions_only_shrink() {
    let excesses: Vec<Excess> = rust_files().iter().flat_map(too_long).collect();
    let complaints = complaints(&excesses, &parse_exceptions(EXCEPTIONS));
    assert_none("lengths (tests/it/house/sizes.rs):", &complaints);
}

#[test]
fn a_file_of_501_lines_is_too_long() {
    let file = SourceFile::sample("src/long.rs", &"// line\n".repeat(501));
    assert_eq!(
        too_long(&file),
        [Excess { subject: "src/long.rs".to_owned(), lines: 501, limit: 500 }]
    );
}

#[test]
fn a_function_of_71_lines_is_too_long_and_a_handler_of_41_too() {
    let function =
        |lines: usize| format!("async fn long() {{\n{}}}\n", "step();\n".repeat(lines - 2));
    let longest =
        |path: &str, lines: usize| too_long(&SourceFile::sample(path, &function(lines))).len();

    assert_eq!(longest("src/grants/code.rs", 70), 0);
    assert_eq!(longest("src/grants/code.rs", 71), 1);
    assert_eq!(longest("src/http/token.rs", 40), 0);
    assert_eq!(longest("src/http/token.rs", 41), 1);
}

#[test]
fn an_exception_covers_its_subject_until_it_shrinks_and_no_further() {
    let excess = [Excess { subject: "src/a.rs".to_owned(), lines: 612, limit: 500 }];
    let said = |list: &str| complaints(&excess, &parse_exceptions(list)).join(" / ");

    assert_eq!(said("# nothing\n612 src/a.rs # until the split"), "");
    assert!(said("611 src/a.rs").contains("split it"));
    assert!(said("700 src/a.rs").contains("lower the exception"));
    assert!(said("612 src/a.rs\n80 src/b.rs::f").contains("remove the exception"));
}
