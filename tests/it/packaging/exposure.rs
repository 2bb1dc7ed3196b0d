//! Who reaches what: the admin port is never where the public one is.

use serde_json::{Value, json};

use super::tools::{arrangements, chart, named, of_kind};

/// The ports that a service leads to.
fn targets(service: &Value) -> Vec<&str> {
    let ports = service["spec"]["ports"].as_array().unwrap();
    ports.iter().map(|port| port["targetPort"].as_str().unwrap()).collect()
}

#[test]
fn the_admin_port_is_behind_a_service_of_its_own_that_no_setting_exposes() {
    for (name, objects) in arrangements() {
        for service in of_kind(&objects, "Service") {
            let targets = targets(service);
            assert_eq!(targets.len(), 1, "{name}: {service}");
            assert!(targets[0] == "public" || service["spec"]["type"] == "ClusterIP", "{name}");
        }
        assert_eq!(targets(named(&objects, "Service", "it-authserver")), ["public"], "{name}");
        assert_eq!(targets(named(&objects, "Service", "it-authserver-admin")), ["admin"], "{name}");
        for ingress in of_kind(&objects, "Ingress") {
            let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
            assert_eq!(backend, &json!({ "name": "it-authserver", "port": { "name": "public" } }));
            assert_eq!(ingress["spec"]["rules"][0]["host"], "auth.example.com");
        }
    }
}

#[test]
fn nobody_in_the_cluster_reaches_the_admin_port_unless_they_are_named() {
    let ports_of = |objects: &[Value]| -> Vec<(String, bool)> {
        let policy = named(objects, "NetworkPolicy", "it-authserver");
        let rules = policy["spec"]["ingress"].as_array().unwrap();
        let port = |rule: &Value| {
            let ports = rule["ports"].as_array().expect("a rule without ports opens all of them");
            assert_eq!(ports.len(), 1, "{rule}");
            (ports[0]["port"].as_str().unwrap().to_owned(), rule["from"].is_array())
        };
        rules.iter().map(port).collect()
    };
    assert_eq!(ports_of(&chart(&[])), [("public".to_owned(), false)]);
    let open =
        chart(&[r#"networkPolicy={"adminFrom":[{"podSelector":{"matchLabels":{"a":"b"}}}]}"#]);
    assert_eq!(ports_of(&open), [("public".to_owned(), false), ("admin".to_owned(), true)]);
    assert_eq!(of_kind(&chart(&[r#"networkPolicy={"enabled":false}"#]), "NetworkPolicy").len(), 0);
}

#[test]
fn where_connections_out_are_limited_names_can_still_be_resolved() {
    let free = chart(&[]);
    let policy = named(&free, "NetworkPolicy", "it-authserver");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
    let shut = chart(&[r#"networkPolicy={"egress":[]}"#]);
    let policy = named(&shut, "NetworkPolicy", "it-authserver");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    let rules = policy["spec"]["egress"].as_array().unwrap();
    assert_eq!(rules.len(), 1);
    assert!(rules[0]["ports"].as_array().unwrap().iter().all(|port| port["port"] == 53));
}
