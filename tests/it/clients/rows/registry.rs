//! The rows of `docs/compatibility.md`: who does what, what the server does about it, and which tests
//! replay it. [`super::page`] writes the page and holds it to this list and to the tests there are.

/// How things stand with a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standing {
    /// The tests pass, so the rule holds.
    Holds,
    /// The tests pass; what they do not cover, and why.
    Partly(&'static str),
    /// Not built in this version; what happens instead, which the tests show.
    NotYet(&'static str),
}

/// One habit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) client: &'static str,
    pub(super) habit: &'static str,
    pub(super) rule: &'static str,
    pub(super) standing: Standing,
    /// Paths of tests below `tests/it`.
    pub(super) tests: &'static [&'static str],
}

use Standing::{Holds, NotYet, Partly};

const CIMD: &str = "URLs as `client_id` (CIMD) are not built yet. The metadata does not offer them, \
    so clients that prefer them register instead";

pub(super) const ROWS: &[Row] = &[
    Row {
        client: "Claude Code",
        habit: "registers `http://localhost/callback` and is answered at whichever port it got",
        rule: "the port of `localhost`, `127.0.0.1` and `[::1]` is free; host, path and query are not",
        standing: Holds,
        tests: &[
            "clients::rows::claude_code::it_registers_an_address_without_a_port_and_is_answered_at_any",
            "oauth::authorize::redirect::a_program_on_this_machine_may_listen_on_any_port",
            "oauth::authorize::redirect::only_the_port_of_a_program_on_this_machine_is_free",
        ],
    },
    Row {
        client: "Claude Code",
        habit: "calls the resource by its origin with a closing slash, even if the MCP server has a path; \
            others leave the slash off",
        rule: "an origin is the same with and without slash; a resource may have aliases; the token's \
            `aud` is the registered spelling",
        standing: Holds,
        tests: &[
            "clients::rows::claude_code::it_names_the_origin_with_a_slash_and_gets_the_registered_audience",
            "oauth::authorize::audience::a_resource_in_any_permitted_spelling_is_the_registered_one",
            "oauth::authorize::audience::a_resource_that_is_nearly_right_is_refused",
        ],
    },
    Row {
        client: "Claude Code, VS Code",
        habit: "says neither which resource nor which scope",
        rule: "the client's default resource, else the only one there is, else `invalid_target`; of its \
            scopes the default ones, never all by accident",
        standing: Holds,
        tests: &[
            "clients::rows::claude_code::it_names_neither_resource_nor_scope_and_gets_the_least_of_the_only_one",
            "oauth::authorize::audience::no_resource_named_means_the_clients_default_before_anything_else",
            "oauth::authorize::audience::no_resource_named_is_refused_when_there_are_none_or_several",
            "oauth::authorize::audience::a_request_that_names_no_scope_gets_the_default_ones_and_no_more",
        ],
    },
    Row {
        client: "Claude Code",
        habit: "uses one refresh token from several programs at once, and again when an answer was lost",
        rule: "within the grace window all of them get the same successor; after it, reuse ends the sign-in",
        standing: Holds,
        tests: &[
            "clients::rows::claude_code::eight_of_it_refresh_at_once_and_one_that_heard_nothing_asks_again",
            "oauth::refresh_races::hundreds_of_simultaneous_uses_are_one_rotation_with_one_successor",
            "oauth::refresh::after_the_grace_window_it_is_reuse",
        ],
    },
    Row {
        client: "Claude Code",
        habit: "goes on using a client that was deleted, for ever",
        rule: "exactly 401 `invalid_client` at the token endpoint, and a page that tells the person to add \
            the server again",
        standing: Holds,
        tests: &[
            "clients::rows::claude_code::it_is_told_that_its_deleted_client_is_gone_at_either_end",
            "oauth::authorize::redirect::a_client_nobody_knows_gets_a_page_that_says_how_to_mend_it",
        ],
    },
    Row {
        client: "Claude Code",
        habit: "refreshes after 403 `insufficient_scope`, where it would have to ask the person",
        rule: "a refresh gives everything the sign-in was granted and never more; asking for the union gets \
            the rest, after consent",
        standing: Holds,
        tests: &[
            "clients::rows::claude_code::it_refreshes_where_it_should_ask_and_keeps_all_it_was_granted",
            "oauth::refresh::a_narrower_scope_narrows_the_response_and_not_the_family",
        ],
    },
    Row {
        client: "claude.ai",
        habit: "asks for every scope in `scopes_supported`, in that order",
        rule: "the list has `offline_access` and the scopes of *discoverable* resources; the person can take \
            any of them back",
        standing: Holds,
        tests: &[
            "clients::rows::claude_ai::it_asks_for_every_scope_it_was_told_of_and_the_person_unticks_one",
            "oauth::discovery::documents::only_scopes_of_discoverable_resources_are_listed",
        ],
    },
    Row {
        client: "claude.ai, Claude Desktop",
        habit: "looks for the metadata at path-inserted addresses first, and makes up `/authorize`, `/token` \
            and `/register` when it finds none",
        rule: "an issuer with a path answers at every form of the well-known address; the made-up endpoints \
            exist",
        standing: Holds,
        tests: &[
            "clients::rows::claude_ai::it_looks_for_the_metadata_in_three_places_and_finds_it_in_each",
            "clients::rows::claude_ai::it_makes_up_the_endpoints_and_they_are_there",
        ],
    },
    Row {
        client: "claude.ai",
        habit: "registers anew with every connection, from addresses that its users share",
        rule: "a budget for an address and one for all, no limit on how many there are; a client in use stays",
        standing: Partly(
            "a client nobody used is swept; one a person agreed to stays for as long as that consent does",
        ),
        tests: &[
            "clients::rows::claude_ai::it_registers_with_every_connection_and_its_first_one_goes_on_working",
            "upkeep::unused_clients::a_client_that_is_used_stays_as_long_as_anything_of_it_does",
            "oauth::registration::modes::a_flood_of_registrations_is_slowed_down_and_told_how_long_to_wait",
        ],
    },
    Row {
        client: "claude.ai",
        habit: "brings an URL as `client_id` where that and the method `none` are offered",
        rule: "offer both, once such documents can be fetched safely",
        standing: NotYet(CIMD),
        tests: &[
            "clients::rows::claude_ai::an_url_as_client_id::is_not_offered_and_is_refused_with_words_where_it_is_tried",
        ],
    },
    Row {
        client: "ChatGPT",
        habit: "brings an URL as `client_id` and proves itself with `private_key_jwt`; its document lists \
            several methods, `none` among them",
        rule: "of the listed methods the best that the server has; keys from `jwks` or `jwks_uri`",
        standing: NotYet(CIMD),
        tests: &[
            "clients::rows::chatgpt::it_registers_where_it_cannot_bring_an_url_and_gets_in",
            "clients::rows::chatgpt::a_list_of_methods_beside_the_one_it_uses_does_not_confuse_the_server",
        ],
    },
    Row {
        client: "Cursor",
        habit: "registers three addresses, one with a scheme of its own, and calls itself a web application; \
            one refusal and it cannot connect",
        rule: "private-use schemes are accepted and matched to the byte; an application type that cannot be \
            is corrected",
        standing: Holds,
        tests: &[
            "clients::rows::editors::cursor_registers_three_addresses_and_is_answered_at_its_own_scheme",
            "clients::rows::editors::cursor_calls_itself_a_web_application_and_is_corrected_when_it_is_none",
        ],
    },
    Row {
        client: "VS Code",
        habit: "listens at `http://127.0.0.1:33418/`, at a random port, or has itself answered on the web",
        rule: "the loopback rule; ten addresses and more for one client",
        standing: Holds,
        tests: &[
            "clients::rows::editors::vs_code_is_answered_at_its_port_at_a_random_one_and_on_the_web",
            "clients::rows::editors::ten_addresses_of_one_editor_are_all_good",
        ],
    },
    Row {
        client: "VS Code",
        habit: "lists the device grant when it registers",
        rule: "what a client cannot have is left out, and the answer says what it has",
        standing: Holds,
        tests: &[
            "clients::rows::editors::vs_code_lists_the_device_grant_and_is_told_which_grants_it_has",
        ],
    },
    Row {
        client: "VS Code",
        habit: "refuses metadata whose `resource` is not the very address it asked about",
        rule: "one document for each resource, at its path, with the registered address byte for byte",
        standing: Holds,
        tests: &[
            "clients::rows::editors::vs_code_finds_each_resource_under_its_own_path_byte_for_byte",
            "oauth::front_door::a_resource_is_found_by_its_path_as_it_is_written",
        ],
    },
    Row {
        client: "Gemini CLI",
        habit: "derives the server from where its endpoints are",
        rule: "every endpoint and well-known document is under the issuer",
        standing: Holds,
        tests: &[
            "clients::rows::strict::gemini_finds_the_server_from_any_endpoint",
            "clients::rows::strict::gemini_finds_a_server_that_lives_under_a_path_too",
        ],
    },
    Row {
        client: "MCP SDKs, Gemini CLI",
        habit: "give up when an issuer differs by a slash, or when `iss` was promised and does not come",
        rule: "one string everywhere, as it is configured; `iss` in every authorization response",
        standing: Holds,
        tests: &[
            "clients::rows::strict::an_sdk_reads_one_issuer_everywhere_to_the_last_byte",
            "clients::journeys::a_strict_client_the_rust_sdk_and_the_conformance_runner_find_nothing_wrong",
            "oauth::authorize::request::the_answer_names_an_issuer_with_a_path_as_it_is_configured",
        ],
    },
    Row {
        client: "Claude, ChatGPT, Cursor",
        habit: "never ask for `offline_access` and expect to stay signed in",
        rule: "who is registered for the grant `refresh_token` gets one",
        standing: Holds,
        tests: &[
            "clients::rows::strict::who_never_asks_for_offline_access_refreshes_all_the_same",
            "oauth::refresh::a_client_without_the_refresh_grant_gets_no_token_and_uses_none",
        ],
    },
    Row {
        client: "MCP Inspector",
        habit: "calls from a browser: asks before every request, adds `MCP-Protocol-Version`, reads \
            `WWW-Authenticate`",
        rule: "CORS without credentials on everything a script needs, and on no page with cookies",
        standing: Holds,
        tests: &[
            "clients::rows::odd_requests::inspector_may_call_everything_it_needs_from_a_browser",
            "clients::rows::odd_requests::inspector_reads_why_its_credentials_were_refused",
            "clients::journeys::inspector_lists_the_tools_and_its_page_may_read_us_but_not_our_pages",
            "oauth::discovery::cors::pages_are_for_no_script",
        ],
    },
    Row {
        client: "anything behind a proxy",
        habit: "would read `http://` or another host in the metadata when the server believed the headers",
        rule: "the issuer comes from the configuration and from nothing else",
        standing: Holds,
        tests: &[
            "clients::rows::strict::behind_a_proxy_nothing_a_header_says_gets_into_the_metadata",
            "oauth::discovery::documents::no_header_changes_what_the_server_calls_itself",
        ],
    },
    Row {
        client: "agents without a browser",
        habit: "ask for the device flow",
        rule: "planned; nothing stands in its way",
        standing: NotYet(
            "the grant is not built yet. It is refused as unknown, a client that lists it gets in, and an \
            operator can give an agent a client for `client_credentials`",
        ),
        tests: &[
            "clients::rows::odd_requests::a_headless_agent_hears_that_the_device_flow_is_not_here_yet",
        ],
    },
    Row {
        client: "many",
        habit: "send JSON where a form belongs, another media type, or a parameter twice",
        rule: "400 with the reason, and nothing is spent",
        standing: Holds,
        tests: &[
            "clients::rows::odd_requests::what_is_no_form_or_says_a_thing_twice_is_refused_with_the_reason",
            "oauth::discovery::errors::what_is_not_a_form_is_refused_with_the_reason",
        ],
    },
    Row {
        client: "MCP 2026-07-28",
        habit: "wants `iss` in every authorization response",
        rule: "in codes, denials and errors alike",
        standing: Holds,
        tests: &["clients::rows::revision::every_authorization_response_names_the_issuer"],
    },
    Row {
        client: "MCP 2026-07-28",
        habit: "has clients say their `application_type`",
        rule: "it is taken, corrected where the addresses say otherwise, and said back",
        standing: Holds,
        tests: &[
            "clients::rows::revision::a_registration_says_what_kind_of_application_it_is_and_is_told",
        ],
    },
    Row {
        client: "MCP 2026-07-28",
        habit: "demands that refresh tokens of public clients rotate",
        rule: "those of every client do, with each use",
        standing: Holds,
        tests: &["clients::rows::revision::a_public_client_never_keeps_a_refresh_token"],
    },
    Row {
        client: "MCP 2026-07-28",
        habit: "demands that consent shows where the answer goes, and a warning when that is this machine",
        rule: "the host in a block of its own; the warning names the danger",
        standing: Holds,
        tests: &[
            "clients::rows::revision::the_person_reads_where_the_approval_goes_and_is_warned_of_this_machine",
            "oauth::consent::page::a_target_with_a_scheme_of_its_own_is_marked_and_warned_about",
            "oauth::consent::skipping::where_any_program_could_be_asking_the_person_is_asked_each_time",
        ],
    },
    Row {
        client: "MCP 2026-07-28",
        habit: "has `offline_access` in the server's metadata and never in a resource's",
        rule: "so it is",
        standing: Holds,
        tests: &[
            "clients::rows::revision::offline_access_is_the_servers_to_offer_and_no_resources",
        ],
    },
    Row {
        client: "MCP 2026-07-28",
        habit: "prefers URLs as `client_id` to registration",
        rule: "both, once such documents can be fetched safely",
        standing: NotYet(CIMD),
        tests: &[
            "clients::rows::claude_ai::an_url_as_client_id::is_not_offered_and_is_refused_with_words_where_it_is_tried",
        ],
    },
];
