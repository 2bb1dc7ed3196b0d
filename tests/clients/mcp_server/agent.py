"""The tool that makes an MCP server an agent: it hands the question on to the next MCP server, with a token
that it got in exchange for the one it was asked with (RFC 8693), as the SDK's documentation has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
from authplane.errors import AuthError
from authplane.oauth import TokenExchangeOptions
from authplane_mcp.auth import AuthplaneAuthResult
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.fastmcp import FastMCP
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp.types import URL_ELICITATION_REQUIRED


class Refused(Exception):
    """The next MCP server, or the authorization server, said no."""


@dataclass(frozen=True)
class Role:
    """An agent's place in the chain."""

    next_server: str | None


def role_from(environment: dict[str, str]) -> Role | None:
    if environment.get("AGENT") != "1":
        return None
    return Role(environment.get("NEXT_SERVER") or None)


def add_tool(server: FastMCP, auth: AuthplaneAuthResult, role: Role) -> None:
    @server.tool()
    async def ask(scope: str = "") -> str:
        """What each MCP server from this one on was told by its token, in order, as JSON.

        The tokens come with it, which no other MCP server may ever do: the journey comes again with each.
        """
        asked_with = get_access_token()
        assert asked_with is not None
        seen = await auth.token_verifier.verifier.verify(asked_with.token)
        answers = [{"claims": thawed(seen.raw), "token": asked_with.token}]
        if role.next_server is not None:
            token = await exchanged(auth, asked_with.token, role.next_server, scope)
            answers += json.loads(await ask_next(role.next_server, token))
        return json.dumps(answers)


def thawed(value: Any) -> Any:
    """The SDK's verified claims are read-only; JSON knows dicts and lists."""
    if hasattr(value, "items"):
        return {name: thawed(inner) for name, inner in value.items()}
    return [thawed(inner) for inner in value] if isinstance(value, tuple) else value


async def exchanged(auth: AuthplaneAuthResult, token: str, resource: str, scope: str) -> str:
    """A token for `resource`. That the person has to agree passes through: the SDK makes it MCP's -32042."""
    options = TokenExchangeOptions(subject_token=token, resources=(resource,), scope=scope)
    try:
        return (await auth.client.exchange(options)).access_token
    except AuthError as refusal:
        raise Refused(f"{refusal.status_code} {refusal.code}: {refusal}") from refusal


async def ask_next(resource: str, token: str) -> str:
    """Asks the next MCP server. A task group would wrap what is raised inside, so nothing is."""
    web = httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=30)
    refusal: Exception | None = None
    text = ""
    async with (
        web,
        streamable_http_client(resource, http_client=web) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        try:
            result = await session.call_tool("ask")
        except McpError as error:
            if error.error.code != URL_ELICITATION_REQUIRED:
                raise
            refusal = UrlElicitationRequiredError.from_error(error.error)
        else:
            text = "".join(getattr(part, "text", "") for part in result.content)
            refusal = Refused(text) if result.isError else None
    if refusal is not None:
        raise refusal
    return text
