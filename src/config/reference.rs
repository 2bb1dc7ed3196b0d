//! The reference of all settings, as `docs/configuration.md` has it.

use std::fmt::Write as _;

use super::section::{Section as _, Setting};
use super::{Config, availability};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated: `authserver docs config > docs/configuration.md`. A test compares it. -->

With no file and no variables `authserver serve` works: SQLite in `data/`, keys generated, issuer
`http://localhost:9000`.

**The file.** YAML, the first of: `--config FILE`, the variable `AUTHPLANE_CONFIG`, `config.yaml` in
the working directory. Keys are nested: `server.issuer` below is `issuer` under `server`. A key
without a value counts as not set.

**Variables.** Every setting has a variable, named below, that overrides the file. A variable set to
the empty string counts as not set. Lists are separated by commas.

**`${NAME}`** in a value of the file is replaced from the environment; a name that is not set refuses
to start. `$${` is a literal `${`.

**Mistakes** refuse to start, all of them named at once: unknown keys and `AUTHPLANE_*` variables,
values of the wrong form, and settings for what is marked *not built yet*. Names under
`AUTHPLANE_VAULT_` that are not listed here are left to secrets of broker providers.

**Durations** need a unit: `500ms`, `30s`, `15m`, `1h30m`, `30d`, `2w`.

**Secrets** are never logged or shown. Off localhost `session.secret` and `admin.api_key` are
required; `openssl rand -base64 32` makes a good one.
";

const RESOURCES: &str = "
Entries of `resources`:

```yaml
resources:
  - slug: notes                       # a-z, 0-9 and -, not - first, at most 63; what operators call it
    uri: https://notes.example.com/mcp  # becomes `aud`
    aliases: []                       # other identifiers that mean it too
    discoverable: false               # whether its scopes appear in the server's metadata
    backend_kind: mint                # `broker` is not built yet
    display_name: Notes
    scopes:
      - name: notes:read
        description: Read your notes
        default: true                 # given to a request without `scope`
      - name: notes:write
    policy:
      exchange: {allowed_client_ids: []}
      runtime: {client_ids: []}       # who may act as the resource, e.g. introspect its tokens
```
";

/// The reference of all settings in Markdown: what `authserver docs config` prints and
/// `docs/configuration.md` holds.
#[must_use]
pub fn reference_markdown() -> String {
    let table = Config::table();
    let mut text = INTRODUCTION.to_owned();
    for (name, about) in Config::children() {
        let inside = format!("{name}.");
        let settings: Vec<&Setting> =
            table.iter().filter(|setting| setting.key.starts_with(&inside)).collect();
        section(&mut text, &format!("`{name}`"), &about, &settings);
    }
    let settings: Vec<&Setting> =
        table.iter().filter(|setting| !setting.key.contains('.')).collect();
    section(&mut text, "Top level", "Settings outside any section.", &settings);
    text.push_str(RESOURCES);
    text
}

fn section(text: &mut String, title: &str, about: &str, settings: &[&Setting]) {
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n## {title}\n\n{about}\n\n| Key | Type | Default | Variable | Meaning |\n|---|---|---|---|---|\n"
    );
    for setting in settings {
        let default = match setting.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let secret = if setting.secret { " Secret." } else { "" };
        let note =
            availability::note(setting.key).map(|note| format!(" *{note}*")).unwrap_or_default();
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | `{}` | {}{secret}{note} |",
            setting.key, setting.kind, setting.variable, setting.about
        );
    }
}
