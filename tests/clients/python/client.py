"""One stock MCP client: the official SDK's session, transport and OAuthClientProvider, nothing patched."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from browser import visit_page
from loopback import Loopback, expect_our_answer
from report import StepFailed, expect
from settings import Settings

CLIENT_NAME = "Journey in Python"


class AccessDenied(StepFailed):
    """The person said no, and the server told the client so."""


class InMemoryStorage:
    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class McpClient:
    """The application around the SDK: storage, browser, loopback listener, and a memory of requests."""

    def __init__(self, settings: Settings, loopback: Loopback) -> None:
        self.settings = settings
        self.loopback = loopback
        self.storage = InMemoryStorage()
        self.requests: list[str] = []
        self.visits: list[dict[str, Any]] = []
        self.authorize_parameters: dict[str, list[str]] = {}
        self.provider = OAuthClientProvider(
            server_url=settings.resource_url,
            client_metadata=OAuthClientMetadata.model_validate(
                {
                    "client_name": CLIENT_NAME,
                    "redirect_uris": [f"http://127.0.0.1:{loopback.port}/callback"],
                    "grant_types": ["authorization_code", "refresh_token"],
                    "response_types": ["code"],
                    "token_endpoint_auth_method": "none",
                }
            ),
            storage=self.storage,
            redirect_handler=self.open_browser,
            callback_handler=self.wait_for_answer,
        )

    @property
    def tokens(self) -> OAuthToken:
        assert self.storage.tokens is not None, "the SDK stored no tokens"
        return self.storage.tokens

    @property
    def refresh_token(self) -> str:
        assert self.tokens.refresh_token, "the client holds no refresh token"
        return self.tokens.refresh_token

    @property
    def client_id(self) -> str:
        assert self.storage.client is not None and self.storage.client.client_id, "no client was registered"
        return self.storage.client.client_id

    @property
    def approved(self) -> list[str]:
        return self.visits[-1]["consent"]["approved"]

    async def open_browser(self, authorize_url: str) -> None:
        self.authorize_parameters = parse_qs(urlsplit(authorize_url).query)
        scenario = self.settings.scenario
        self.visits.append(
            await visit_page(
                {
                    "authorize_url": authorize_url,
                    "email": self.settings.email,
                    "password": self.settings.password,
                    "decision": "deny" if scenario == "deny" else "approve",
                    "client_name": CLIENT_NAME,
                    "scopes": self.settings.scopes,
                    "untick": self.settings.scopes[-1:] if scenario == "untick" else [],
                    "timeout_ms": self.settings.step_timeout * 1000,
                    "artifacts": self.settings.artifacts,
                }
            )
        )

    async def wait_for_answer(self) -> tuple[str, str | None]:
        answer = await self.loopback.answer
        expect_our_answer(answer, self.settings.issuer)
        if "error" in answer:
            expect("code" not in answer, "a refusal came with a code")
            raise AccessDenied(answer["error"][0])
        return answer["code"][0], answer["state"][0]

    async def remember(self, response: httpx.Response) -> None:
        request = response.request
        grant = ""
        if request.headers.get("content-type") == "application/x-www-form-urlencoded":
            grant = f" ({parse_qs(request.content.decode()).get('grant_type', ['?'])[0]})"
        self.requests.append(f"{request.method} {request.url.path} {response.status_code}{grant}")

    def drain(self) -> list[str]:
        drained, self.requests = self.requests, []
        return drained

    def expire_access_token(self) -> None:
        """As if `expires_in` seconds had passed: the SDK has to refresh before the next request."""
        self.provider.context.token_expiry_time = time.time() - 1

    async def adopt(self, tokens: OAuthToken) -> None:
        """Tokens refreshed outside the SDK, as another process of the same client would leave them."""
        await self.storage.set_tokens(tokens)
        self.provider.context.current_tokens = tokens
        self.provider.context.update_token_expiry(tokens)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[ClientSession]:
        web = httpx.AsyncClient(
            auth=self.provider, timeout=self.settings.step_timeout, event_hooks={"response": [self.remember]}
        )
        async with (
            web,
            streamable_http_client(self.settings.resource_url, http_client=web) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            yield session


async def call(
    session: ClientSession, name: str, arguments: dict[str, Any] | None = None
) -> tuple[bool, str]:
    """Calls a tool; returns whether it was refused, and its text."""
    result = await session.call_tool(name, arguments or {})
    return result.isError, "".join(getattr(part, "text", "") for part in result.content)


async def knock(web: httpx.AsyncClient, resource_url: str, access_token: str) -> int:
    """Asks an MCP server directly with a bare token, to see what it makes of it."""
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "knock", "version": "1"},
        },
    }
    headers = {
        "authorization": f"Bearer {access_token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }
    async with web.stream("POST", resource_url, content=json.dumps(hello), headers=headers) as response:
        return response.status_code
