//! What the journey is told, and the person, who sits in front of the browser of the other clients.

use std::env::var;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::CLIENT_NAME;
use crate::report::{Failure, expect};

pub struct Settings {
    pub issuer: String,
    pub resource_url: String,
    pub scopes: Vec<String>,
    email: String,
    password: String,
}

impl Settings {
    pub fn from_environment() -> Result<Settings, Failure> {
        let required = |name: &str| var(name).map_err(|_| format!("{name} is not set"));
        let scopes = var("SCOPES").unwrap_or_else(|_| "tools:read tools:write".to_owned());
        Ok(Settings {
            issuer: required("ISSUER")?,
            resource_url: required("RESOURCE_URL")?,
            scopes: scopes.split(' ').map(str::to_owned).collect(),
            email: required("USER_EMAIL")?,
            password: required("USER_PASSWORD")?,
        })
    }

    /// The person opens the URL, signs in and agrees.
    pub async fn visit(&self, url: &str) -> Result<(), Failure> {
        let visit = json!({
            "authorize_url": url,
            "email": self.email,
            "password": self.password,
            "decision": "approve",
            "client_name": CLIENT_NAME,
            "scopes": self.scopes,
        });
        let mut browser = Command::new("node");
        browser.arg("build/browser/signin.js").arg(visit.to_string()).stdin(Stdio::null());
        let output = browser.output().await?;
        let seen: Value = serde_json::from_slice(&output.stdout)?;
        expect(seen["ok"] == true, &format!("the visit failed: {seen}"))
    }
}
