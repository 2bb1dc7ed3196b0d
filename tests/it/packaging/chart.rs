//! What the chart promises of starting, stopping, upgrading and of several replicas.

use std::time::Duration;

use serde_json::{Value, json};

use super::tools::{
    AUTOSCALED, EVERYTHING, FILES, FLEET, FLEET_WITH_FILES, SQLITE, arrangements, chart, config_in,
    leaves, longest_stop, named, of_kind, seconds, setting, settings, text,
};

const NAME: &str = "it-authserver";

fn deployment(objects: &[Value]) -> &Value {
    &named(objects, "Deployment", NAME)["spec"]
}

fn pod(objects: &[Value]) -> &Value {
    &deployment(objects)["template"]["spec"]
}

#[test]
fn the_version_is_that_of_the_program_and_so_is_the_image() {
    let chart_file = text("helm/Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    assert!(chart_file.contains(&format!("\nversion: {version}\n")), "{chart_file}");
    assert!(chart_file.contains(&format!("\nappVersion: \"{version}\"\n")), "{chart_file}");
    let objects = chart(&[]);
    assert_eq!(pod(&objects)["containers"][0]["image"], format!("authserver:{version}"));
    let pinned = chart(&EVERYTHING);
    let image = pod(&pinned)["containers"][0]["image"].as_str().unwrap();
    assert!(image.starts_with("authserver@sha256:"), "{image}");
}

#[test]
fn the_configuration_has_settings_that_there_are_and_no_secret() {
    let settings = settings();
    for (name, objects) in arrangements() {
        for map in of_kind(&objects, "ConfigMap") {
            for key in leaves(&config_in(map)).keys() {
                let known = settings.iter().find(|it| it.key == *key);
                assert!(known.is_some_and(|it| !it.is_secret), "{name}: {key}");
            }
        }
    }
}

#[test]
fn ports_agree_with_where_the_server_listens() {
    for (name, objects) in arrangements() {
        let config = config_in(named(&objects, "ConfigMap", NAME));
        let ports = pod(&objects)["containers"][0]["ports"].as_array().unwrap();
        for (section, port) in [("server", &ports[0]), ("admin", &ports[1])] {
            let listens = format!(":{}", port["containerPort"]);
            assert_eq!(config[section]["address"], listens, "{name}");
            assert_eq!(setting(&format!("{section}.address")).default, listens);
        }
        assert_eq!((&ports[0]["name"], &ports[1]["name"]), (&json!("public"), &json!("admin")));
    }
}

#[test]
fn kubernetes_waits_longer_than_a_stop_takes() {
    for (name, objects) in arrangements() {
        let config = config_in(named(&objects, "ConfigMap", NAME));
        let wait = seconds(config["server"]["shutdown_wait"].as_str().unwrap());
        let pod = pod(&objects);
        let delay =
            pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
        let patience = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        let needed = Duration::from_secs(delay) + longest_stop(wait);
        assert!(Duration::from_secs(patience) > needed, "{name}: {patience} s, {needed:?} needed");
        assert!(delay > 0, "{name}: load balancers need a moment");
    }
}

#[test]
fn a_slow_start_is_waited_for_and_a_database_that_is_away_restarts_nothing() {
    for (name, objects) in arrangements() {
        let container = &pod(&objects)["containers"][0];
        let path = |probe: &str| container[probe]["httpGet"]["path"].as_str().unwrap().to_owned();
        assert_eq!(path("readinessProbe"), "/ready", "{name}");
        // `/livez` asks no database.
        assert_eq!(
            (path("livenessProbe"), path("startupProbe")),
            ("/livez".into(), "/livez".into())
        );
        let startup = &container["startupProbe"];
        let allowed = startup["periodSeconds"].as_u64().unwrap()
            * startup["failureThreshold"].as_u64().unwrap();
        assert!(allowed >= 600, "{name}: {allowed} s for a start with migrations");
    }
}

#[test]
fn the_schema_is_brought_up_to_date_before_anything_else_is_there() {
    for values in [&[][..], &FLEET, &EVERYTHING] {
        let objects = chart(values);
        let (job, map) = (
            named(&objects, "Job", "it-authserver-migrate"),
            named(&objects, "ConfigMap", "it-authserver-migrate"),
        );
        let weight = |it: &Value| -> i32 {
            assert_eq!(it["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade");
            it["metadata"]["annotations"]["helm.sh/hook-weight"].as_str().unwrap().parse().unwrap()
        };
        assert!(weight(map) < weight(job), "the configuration is there first");
        assert_eq!(
            map["data"],
            named(&objects, "ConfigMap", NAME)["data"],
            "the same configuration"
        );
        let inside = &job["spec"]["template"]["spec"];
        assert_eq!(inside["containers"][0]["args"], json!(["migrate"]));
        assert_eq!(inside["containers"][0]["image"], pod(&objects)["containers"][0]["image"]);
        assert_eq!(inside["containers"][0]["env"], pod(&objects)["containers"][0]["env"]);
        let made_later = inside["volumes"].as_array().unwrap().iter().all(|volume| {
            volume["persistentVolumeClaim"].is_null() && volume["configMap"]["name"] != NAME
        });
        assert!(made_later && inside["serviceAccountName"].is_null(), "{inside}");
    }
    assert_eq!(of_kind(&chart(&SQLITE), "Job").len(), 0, "the database is for one at a time");
    assert_eq!(of_kind(&chart(&[r#"migration={"job":false}"#]), "Job").len(), 0);
}

#[test]
fn several_replicas_are_spread_replaced_one_by_one_and_never_drained_all_at_once() {
    for values in [&[][..], &FLEET, &FLEET_WITH_FILES, &AUTOSCALED] {
        let objects = chart(values);
        let strategy = &deployment(&objects)["strategy"];
        assert_eq!(strategy["type"], "RollingUpdate");
        assert_eq!(strategy["rollingUpdate"], json!({ "maxUnavailable": 0, "maxSurge": 1 }));
        let budget = named(&objects, "PodDisruptionBudget", NAME);
        assert_eq!(budget["spec"]["maxUnavailable"], 1);
        assert_eq!(budget["spec"]["selector"], deployment(&objects)["selector"]);
        let spread = pod(&objects)["topologySpreadConstraints"].as_array().unwrap();
        assert_eq!(spread[0]["topologyKey"], "kubernetes.io/hostname");
        assert!(spread.iter().all(|it| it["labelSelector"] == deployment(&objects)["selector"]));
    }
    assert_eq!(deployment(&chart(&FLEET))["replicas"], 3);
    let scaled = chart(&AUTOSCALED);
    assert!(deployment(&scaled)["replicas"].is_null(), "an upgrade does not undo the scaling");
    let scaler = &named(&scaled, "HorizontalPodAutoscaler", NAME)["spec"];
    assert_eq!(scaler["scaleTargetRef"]["name"], NAME);
    assert!(scaler["minReplicas"].as_u64().unwrap() >= 2);
}

#[test]
fn what_is_for_one_at_a_time_is_let_go_of_before_the_next_begins() {
    let shared = r#"data={"accessMode":"ReadWriteMany"}"#;
    for values in [&FILES[..], &SQLITE, &[SQLITE[0], SQLITE[1], shared]] {
        let objects = chart(values);
        assert_eq!(deployment(&objects)["strategy"], json!({ "type": "Recreate" }));
        assert_eq!(
            of_kind(&objects, "PodDisruptionBudget").len(),
            0,
            "it would forbid every drain"
        );
    }
}

#[test]
fn selectors_find_the_server_and_not_the_migration() {
    for (name, objects) in arrangements() {
        let labels = &deployment(&objects)["template"]["metadata"]["labels"];
        let selects = |selector: &Value| {
            selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value)
        };
        assert!(selects(&deployment(&objects)["selector"]["matchLabels"]), "{name}: {labels}");
        for service in of_kind(&objects, "Service") {
            assert!(selects(&service["spec"]["selector"]), "{name}");
            assert_eq!(service["spec"]["selector"]["app.kubernetes.io/component"], "server");
        }
    }
}

#[test]
fn key_files_are_on_a_volume_that_outlives_the_release() {
    let objects = chart(&FILES);
    let claim = named(&objects, "PersistentVolumeClaim", "it-authserver-data");
    assert_eq!(claim["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    let mounts = pod(&objects)["containers"][0]["volumeMounts"].as_array().unwrap();
    let data = mounts.iter().find(|it| it["name"] == "data").unwrap();
    let config = config_in(named(&objects, "ConfigMap", NAME));
    let keys = config["signing"]["key_path"].as_str().unwrap();
    // Below it: Kubernetes opens the top of a volume to its group, which the server refuses.
    assert!(keys.starts_with(&format!("{}/", data["mountPath"].as_str().unwrap())), "{keys}");
    assert!(data["readOnly"].is_null(), "keys rotate");
    let theirs = chart(&[FILES[0], FILES[1], r#"data={"existingClaim":"mine"}"#]);
    assert_eq!(of_kind(&theirs, "PersistentVolumeClaim").len(), 0);
    assert!(pod(&theirs)["volumes"].to_string().contains(r#"{"claimName":"mine"}"#));
}

#[test]
fn keys_in_the_database_need_no_volume_and_their_master_key_comes_from_the_secret() {
    for (values, old) in
        [(&[][..], None), (&[r#"secretKeys={"oldMasterKey":"before"}"#], Some("before"))]
    {
        let objects = chart(values);
        assert_eq!(of_kind(&objects, "PersistentVolumeClaim").len(), 0);
        assert!(
            !pod(&objects).to_string().contains("/var/lib/authserver"),
            "nothing is kept there"
        );
        let config = config_in(named(&objects, "ConfigMap", NAME));
        assert_eq!(config["signing"], json!({ "key_store": "database" }));
        assert_eq!(config["data_encryption"]["driver"], "aes_master");
        let variables = pod(&objects)["containers"][0]["env"].as_array().unwrap();
        let key_behind = |leaf: &str| {
            let variable = &config["data_encryption"]["aes_master"][leaf];
            let found = variables.iter().find(|it| it["name"] == *variable);
            found.map(|it| it["valueFrom"]["secretKeyRef"]["key"].as_str().unwrap().to_owned())
        };
        assert_eq!(key_behind("key_env").as_deref(), Some("master-key"));
        assert_eq!(key_behind("old_key_env").as_deref(), old);
    }
}
