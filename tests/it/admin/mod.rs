//! The admin surface: what stands in front of it, and story by story what it does.

mod command_line;
mod description;
mod entrance;
mod reading;
mod stories;

use authserver::admin::{Operation, Registrar, every_operation};
use protocol::admin::Right;
use serde_json::{Value, json};

use crate::kit::server::ADMIN_KEY;
use crate::kit::{Answer, Server};

/// An id that nothing has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// What a test wants to know of an operation.
struct Entry {
    name: &'static str,
    method: String,
    template: &'static str,
    right: Option<Right>,
    success: u16,
}

impl Entry {
    /// The path, about something that does not exist.
    fn path(&self) -> String {
        let filled = self.template.split('/').map(|part| match part.starts_with('{') {
            true => NOBODY,
            false => part,
        });
        filled.collect::<Vec<_>>().join("/")
    }
}

#[derive(Default)]
struct Register(Vec<Entry>);

impl Registrar for Register {
    fn enter<O: Operation>(&mut self) {
        self.0.push(Entry {
            name: O::NAME,
            method: O::METHOD.as_str().to_owned(),
            template: O::PATH,
            right: O::RIGHT,
            success: O::SUCCESS.as_u16(),
        });
    }
}

/// Every operation there is.
fn operations() -> Vec<Entry> {
    let mut register = Register::default();
    every_operation(&mut register);
    register.0
}

/// One request with the root key; without a body when there is none.
async fn ask(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Answer {
    ask_with(server, ADMIN_KEY, method, path, body).await
}

/// The same with another key.
async fn ask_with(
    server: &Server,
    key: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = reqwest::Client::new().request(method, server.admin_url(path)).bearer_auth(key);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    Answer::of(request.send().await.unwrap()).await
}

/// A key with this one right, minted by root.
async fn key_with(server: &Server, right: &str) -> String {
    let body = json!({ "name": "narrow", "rights": [right] });
    let answer = ask(server, "POST", "/admin/admin-keys", Some(&body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.member("key")
}
