//! The reference of all commands, as `docs/cli.md` has it.

use clap::Command;

const INTRODUCTION: &str = "\
# Command line

<!-- Generated: bin/generate (`authserver docs cli`). -->

`authserver admin` works on the configured store, or, with `--server URL` and the admin key in
`AUTHPLANE_ADMIN_KEY`, on a server through its [admin API](admin-api.md). What it prints is the same.
`authserver status` always asks a server, because nobody else knows how it is: the one that `--server` names, or
the one on this machine at `admin.address`, with the configured `admin.api_key`. It ends with 0 when all is well and
with 1 when something is not or no server answers. `--json` prints what the API answers; without it tables are printed, for people.

Times that are asked for are RFC 3339, or how long ago: `36h`, `7d`, `2w`.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | it failed; the message says why |
| 2 | the command line or a value in it is no good |
| 3 | there is no such thing |
| 4 | it cannot be done as things are: a name is taken, something is in use |
| 5 | the admin key is no good, or lacks a right |
| 75 | not now: try again |
";

/// All commands in Markdown.
pub(super) fn markdown(mut program: Command) -> String {
    program.build();
    let mut page = INTRODUCTION.to_owned();
    for command in program.get_subcommands() {
        describe(&mut page, "authserver", command);
    }
    page
}

fn describe(page: &mut String, parent: &str, command: &Command) {
    let name = format!("{parent} {}", command.get_name());
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        for inner in command.get_subcommands() {
            describe(page, &name, inner);
        }
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    page.push_str(&format!("\n## {name}\n\n{about}.\n"));
    let flags = command.get_arguments().filter(|it| !it.is_hide_set() && !it.is_global_set());
    let mut rows = String::new();
    for flag in flags.filter(|flag| flag.get_id() != "help" && flag.get_id() != "version") {
        let values: Vec<&str> =
            flag.get_value_names().unwrap_or_default().iter().map(|value| value.as_str()).collect();
        let takes = flag.get_action().takes_values();
        let shown = match (flag.get_long(), takes) {
            (Some(long), true) => format!("--{long} {}", values.join(" ")),
            (Some(long), false) => format!("--{long}"),
            (None, _) => format!("<{}>", values.join(" ")),
        };
        let help = flag.get_long_help().or(flag.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let help = help.replace('\n', " ").replace('|', "\\|");
        let needed = if flag.is_required_set() { " *Required.*" } else { "" };
        let shown = shown.replace('|', "\\|");
        rows.push_str(&format!("| `{shown}` | {help}{needed} |\n"));
    }
    if !rows.is_empty() {
        page.push_str(&format!("\n| | |\n|---|---|\n{rows}"));
    }
}
