//! What every container of the chart is held to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::tools::{arrangements, chart, of_kind, settings};

/// The pods of everything that runs.
fn pods(objects: &[Value]) -> Vec<&Value> {
    let kinds = ["Deployment", "Job"];
    let running = kinds.into_iter().flat_map(|kind| of_kind(objects, kind));
    running.map(|it| &it["spec"]["template"]["spec"]).collect()
}

/// What a pod lacks of what all of them have.
fn faults(pod: &Value) -> Vec<String> {
    let mut wanted = vec![
        ("/securityContext/runAsNonRoot", json!(true)),
        ("/securityContext/runAsUser", json!(65532)),
        ("/securityContext/seccompProfile/type", json!("RuntimeDefault")),
        ("/securityContext/fsGroupChangePolicy", json!("OnRootMismatch")),
        ("/automountServiceAccountToken", json!(false)),
        ("/enableServiceLinks", json!(false)),
        ("/containers/0/securityContext/allowPrivilegeEscalation", json!(false)),
        ("/containers/0/securityContext/readOnlyRootFilesystem", json!(true)),
        ("/containers/0/securityContext/privileged", json!(false)),
        ("/containers/0/securityContext/capabilities", json!({ "drop": ["ALL"] })),
    ];
    wanted.retain(|(at, value)| pod.pointer(at) != Some(value));
    let mut found: Vec<String> =
        wanted.iter().map(|(at, value)| format!("{at}: {value}")).collect();
    for needed in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
        let at = format!("/containers/0/resources{needed}");
        if pod.pointer(&at).is_none() {
            found.push(at);
        }
    }
    if pod["containers"].as_array().map(Vec::len) != Some(1) {
        found.push("one container".to_owned());
    }
    found
}

/// Variables of a pod that give a secret away, or that the server would refuse.
fn bad_variables(pod: &Value) -> Vec<String> {
    let settings = settings();
    let secrets: BTreeSet<&str> =
        settings.iter().filter(|it| it.is_secret).map(|it| it.variable.as_str()).collect();
    let known: BTreeSet<&str> = settings.iter().map(|it| it.variable.as_str()).collect();
    let variables = pod["containers"][0]["env"].as_array().unwrap();
    let is_bad = |variable: &&Value| {
        let name = variable["name"].as_str().unwrap();
        let by_reference = variable["valueFrom"]["secretKeyRef"]["name"].is_string();
        let is_master = ["AUTHSERVER_MASTER_KEY", "AUTHSERVER_OLD_MASTER_KEY"].contains(&name);
        let is_known = known.contains(name) || is_master || name == "AUTHPLANE_CONFIG";
        !is_known
            || ((is_master || secrets.contains(name))
                && (!by_reference || !variable["value"].is_null()))
    };
    variables.iter().filter(is_bad).map(ToString::to_string).collect()
}

#[test]
fn whatever_runs_has_no_rights_it_does_not_need_and_its_secrets_by_reference() {
    for (name, objects) in arrangements() {
        let pods = pods(&objects);
        assert_eq!(pods.len(), if name == "sqlite" { 1 } else { 2 }, "{name}");
        for pod in pods {
            assert_eq!(faults(pod), [""; 0], "{name}");
            assert_eq!(bad_variables(pod), [""; 0], "{name}");
        }
    }
}

#[test]
fn what_a_container_must_not_have_is_found() {
    let objects = chart(&[]);
    let good = pods(&objects)[0];
    for (at, bad) in [
        ("/securityContext/runAsUser", json!(0)),
        ("/enableServiceLinks", json!(true)),
        ("/containers/0/securityContext/readOnlyRootFilesystem", json!(false)),
        (
            "/containers/0/securityContext/capabilities",
            json!({ "drop": ["ALL"], "add": ["SYS_ADMIN"] }),
        ),
        ("/containers/0/resources/limits", json!({})),
    ] {
        let mut pod = good.clone();
        *pod.pointer_mut(at).unwrap() = bad;
        assert_eq!(faults(&pod).len(), 1, "{at}");
    }
    for bad in [
        json!({ "name": "AUTHPLANE_SESSION_SECRET", "value": "literal" }),
        json!({ "name": "AUTHSERVER_MASTER_KEY", "value": "literal" }),
        json!({ "name": "AUTHPLANE_SERVER_ISSUED", "value": "https://a" }),
    ] {
        let mut pod = good.clone();
        pod["containers"][0]["env"].as_array_mut().unwrap().push(bad);
        assert_eq!(bad_variables(&pod).len(), 1);
    }
}
