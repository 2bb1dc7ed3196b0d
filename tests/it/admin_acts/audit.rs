//! Asking the audit log.

use authserver::administration::audit::{self, AuditQuery};
use authserver::administration::client;
use chrono::TimeDelta;
use protocol::client::ClientStatus;

use super::{at_the_desk, is_invalid};
use crate::kit::stage::Stage;
use crate::kit::{Server, on_both_databases};

on_both_databases! {
    async fn the_log_is_asked_by_action_actor_client_and_time(server: Server) {
        let stage = Stage::set(server).await;
        stage.tokens(server).await;
        server.wait(60);
        let begun = server.services.environment.now();
        let (app, suspended) = (&stage.app.id, ClientStatus::Suspended);
        at_the_desk!(server, desk => client::set_status(&desk, app, suspended)).unwrap();
        let ask = async |query: AuditQuery| {
            let list = at_the_desk!(server, desk => audit::query(&desk, query)).unwrap();
            let actions: Vec<String> = list.events.into_iter().map(|it| it.action).collect();
            (actions, list.total)
        };
        let query = AuditQuery::default;
        let all = server.audit().await.len() as u64;
        let (actions, total) = ask(query()).await;
        assert_eq!((actions[0].as_str(), total), ("client.suspended", all));
        let part = AuditQuery { limit: Some(2), offset: Some(1), ..query() };
        assert_eq!(ask(part).await, (actions[1..3].to_vec(), all));
        let action = Some("token.issued".to_owned());
        assert_eq!(ask(AuditQuery { action, ..query() }).await.1, 1);
        let actor_id = Some(stage.person.id.to_string());
        let (done, _) = ask(AuditQuery { actor_id, ..query() }).await;
        assert!(done.contains(&"consent.granted".to_owned()) && !done.contains(&actions[0]));
        let client_id = Some(app.clone());
        let (about, _) = ask(AuditQuery { client_id: client_id.clone(), ..query() }).await;
        assert!(about.contains(&"client.created_admin".to_owned()));
        let since = Some(begun);
        let late = AuditQuery { client_id: client_id.clone(), since, ..query() };
        assert_eq!(ask(late).await, (vec!["client.suspended".to_owned()], 1));
        let early = AuditQuery { client_id, until: since, ..query() };
        assert!(!ask(early).await.0.contains(&"client.suspended".to_owned()));
    }

    async fn a_question_reaches_a_day_back_unless_it_says_and_a_month_at_most(server: Server) {
        server.person("ada@example.com").await;
        let made = server.services.environment.now();
        server.wait(25 * 3600);
        let ask = async |query: AuditQuery| {
            at_the_desk!(server, desk => audit::query(&desk, query))
        };
        let query =
            || AuditQuery { action: Some("user.created".to_owned()), ..AuditQuery::default() };
        assert_eq!(ask(query()).await.unwrap().total, 0);
        let since = Some(made);
        assert_eq!(ask(AuditQuery { since, ..query() }).await.unwrap().total, 1);
        let far = Some(server.services.environment.now() - TimeDelta::hours(721));
        is_invalid(ask(AuditQuery { since: far, ..query() }).await, "audit_max_lookback");
        let until = Some(made);
        is_invalid(ask(AuditQuery { since, until, ..query() }).await, "until");
        // Before then: as far back from there as otherwise from now.
        let until = Some(made + TimeDelta::minutes(1));
        assert_eq!(ask(AuditQuery { until, ..query() }).await.unwrap().total, 1);
        let until = Some(made + TimeDelta::hours(25));
        assert_eq!(ask(AuditQuery { until, ..query() }).await.unwrap().total, 0);
        is_invalid(ask(AuditQuery { limit: Some(1001), ..query() }).await, "limit");
        let unknown = serde_json::json!({ "actor": "x" });
        assert!(serde_json::from_value::<AuditQuery>(unknown).is_err());
    }
}
