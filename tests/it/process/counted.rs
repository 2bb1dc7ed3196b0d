//! What is counted has happened: what could not be committed counts nothing.

use crate::kit::behind::{accept_rows, refuse_rows};
use crate::kit::process::Installation;
use crate::kit::tenant::{App, Machine, code_in};
use crate::kit::{Pkce, on_both_databases};

const COUNTED: [&str; 4] = [
    "authserver_auth_code_reuse_total{",
    "authserver_tokens_revoked_total{reason=\"code_reuse\"}",
    "authserver_auth_flow_duration_seconds_count",
    "authserver_tokens_refreshed_total",
];

/// Each of these is written in the transaction of something that is counted.
const BROKEN: [&str; 2] = ["audit_events", "authorization_codes"];

/// What each of [`COUNTED`] is at. A process of its own: nobody else counts into it.
async fn counts(installation: &Installation) -> [f64; 4] {
    let text =
        reqwest::get(installation.admin_url("/metrics")).await.unwrap().text().await.unwrap();
    COUNTED.map(|name| {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    })
}

on_both_databases! {
    async fn what_cannot_be_written_down_is_not_counted_and_counts_once_it_is(backend: Backend) {
        let installation = Installation::new(backend).await;
        let mut server = installation.start().await;
        Machine::create(&installation, &mut server).await;
        let (app, refresh_tokens) = App::sign_in(&installation, &server.url(""), 1).await;
        let store = installation.store().await;
        let (base, endpoint) = (server.url(""), server.url("/oauth/token"));
        let pkce = Pkce::new("counted");
        let code = code_in(&app.ask_for_code(&base, &pkce).await.unwrap()).unwrap();
        assert_eq!(app.redeem(&endpoint, &code, &pkce).await.unwrap().status, 200);
        let before = counts(&installation).await;
        assert!(before[2] > 0.0, "{before:?}");

        for table in BROKEN {
            refuse_rows(&store, table).await;
        }
        let replayed = app.redeem(&endpoint, &code, &pkce).await.unwrap();
        assert_eq!(replayed.status, 500, "{replayed:?}");
        let refreshed = app.refresh(&endpoint, &refresh_tokens[0]).await.unwrap();
        assert_eq!(refreshed.status, 500, "{refreshed:?}");
        let asked = app.ask_for_code(&base, &pkce).await.unwrap();
        assert_eq!(code_in(&asked), None, "{asked:?}");
        assert_eq!(counts(&installation).await, before);

        for table in BROKEN {
            accept_rows(&store, table).await;
        }
        let replayed = app.redeem(&endpoint, &code, &pkce).await.unwrap();
        assert_eq!(replayed.status, 400, "{replayed:?}");
        let refreshed = app.refresh(&endpoint, &refresh_tokens[0]).await.unwrap();
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        assert!(code_in(&app.ask_for_code(&base, &pkce).await.unwrap()).is_some());
        assert_eq!(counts(&installation).await, before.map(|count| count + 1.0));
        store.close().await;
        server.stop().await;
    }
}
