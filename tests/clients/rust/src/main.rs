//! The story of a stock MCP client in Rust: the official SDK discovers, registers, takes the person's answer,
//! refreshes and calls tools; only the browser and the ear on loopback are ours.

mod loopback;
mod report;
mod settings;

use rmcp::model::CallToolRequestParams;
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationManager, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};

use crate::loopback::Loopback;
use crate::report::{Failure, expect, journey, step};
use crate::settings::Settings;

const CLIENT_NAME: &str = "A client in Rust";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    journey("rmcp/full", story()).await;
}

async fn story() -> Result<(), Failure> {
    let settings = Settings::from_environment()?;
    let loopback = Loopback::listen().await?;
    let mut state = OAuthState::new(settings.resource_url.as_str(), None).await?;
    let url = step("discover_and_register", discover(&settings, &loopback, &mut state)).await?;
    // The browser waits for the page behind the redirect, so both go on at once.
    let both = async { tokio::try_join!(settings.visit(&url), loopback.answer()) };
    let ((), answer) = step("browser", both).await?;
    step("code_for_tokens", async {
        expect(answer.contains("iss="), "the answer does not name the issuer")?;
        Ok(state.handle_callback_url(&answer).await?)
    })
    .await?;
    let manager = state.into_authorization_manager().ok_or("the SDK holds no tokens")?;
    step("refresh", refresh(&manager)).await?;
    let session = step("connect", connect(&settings, manager)).await?;
    step("tools", use_tools(&settings, &session)).await?;
    session.cancel().await?;
    Ok(())
}

/// Everything up to the URL that the person opens.
async fn discover(
    settings: &Settings,
    loopback: &Loopback,
    state: &mut OAuthState,
) -> Result<String, Failure> {
    let request = AuthorizationRequest::new(loopback.redirect_uri())
        .with_client_name(CLIENT_NAME)
        .with_application_type("native")
        .with_scopes(settings.scopes.iter().cloned());
    state.start_authorization(request).await?;
    let url = state.get_authorization_url().await?;
    expect(url.contains("code_challenge_method=S256"), "the SDK did not use S256")?;
    expect(url.starts_with(&format!("{}/", settings.issuer)), "the SDK found another server")?;
    Ok(url)
}

/// The SDK refreshes by itself only when a token is about to expire; here it is told to.
async fn refresh(manager: &AuthorizationManager) -> Result<(), Failure> {
    let mut seen = vec![manager.get_access_token().await?];
    for _ in 0..2 {
        manager.refresh_token().await?;
        let token = manager.get_access_token().await?;
        expect(!seen.contains(&token), "a refresh gave an access token there was before")?;
        seen.push(token);
    }
    Ok(())
}

type Session = RunningService<RoleClient, ()>;

async fn connect(settings: &Settings, manager: AuthorizationManager) -> Result<Session, Failure> {
    let client = AuthClient::new(reqwest::Client::new(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(settings.resource_url.as_str());
    Ok(().serve(StreamableHttpClientTransport::with_client(client, config)).await?)
}

async fn use_tools(settings: &Settings, session: &Session) -> Result<(), Failure> {
    let mut names: Vec<String> =
        session.list_all_tools().await?.into_iter().map(|tool| tool.name.into_owned()).collect();
    names.sort();
    expect(names == ["add", "whoami"], &format!("the server lists {names:?}"))?;
    let who: Value = serde_json::from_str(&call(session, "whoami", json!({})).await?)?;
    expect(who["resource"] == settings.resource_url, &format!("the server sees {who}"))?;
    let sum = call(session, "add", json!({ "a": 2, "b": 40 })).await?;
    expect(sum.contains("42"), &format!("add answered {sum}"))
}

async fn call(session: &Session, tool: &'static str, arguments: Value) -> Result<String, Failure> {
    let mut request = CallToolRequestParams::new(tool);
    request.arguments = arguments.as_object().cloned();
    let answer = serde_json::to_value(session.call_tool(request).await?)?;
    expect(answer["isError"] != true, &format!("{tool} was refused: {answer}"))?;
    let text = answer["content"][0]["text"].as_str().unwrap_or_default();
    Ok(text.to_owned())
}
