"""A stock MCP server: the official Python SDK over streamable HTTP, protected by the published AuthPlane SDK.

Prints one JSON line when it accepts connections, and stops when its standard input closes (with
``--until-stdin-closes``) or on SIGTERM. Configuration comes from the environment, see the README.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvicorn
from authplane import ASCredentials, IntrospectionRevocation
from authplane_mcp import authplane_mcp_auth, install_request_context, require_scope
from authplane_mcp.auth import AuthplaneAuthResult
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.fastmcp import FastMCP

import agent

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Settings:
    issuer: str
    resource_url: str
    scopes: list[str]
    advertise_scopes: bool
    introspects: bool
    credentials: ASCredentials | None
    agent: agent.Role | None

    @property
    def host(self) -> str:
        return urlsplit(self.resource_url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.resource_url).port or 80

    @property
    def path(self) -> str:
        return urlsplit(self.resource_url).path or "/"


def settings_from(environment: dict[str, str]) -> Settings:
    missing = [name for name in ("ISSUER", "RESOURCE_URL") if not environment.get(name)]
    if missing:
        sys.exit(f"missing in the environment: {', '.join(missing)}")
    client_id = environment.get("INTROSPECTION_CLIENT_ID", "")
    secret = environment.get("INTROSPECTION_CLIENT_SECRET", "")
    introspects = environment.get("SERVER_INTROSPECTS") == "1"
    role = agent.role_from(environment)
    authenticates = introspects or role is not None
    if authenticates and not (client_id and secret):
        sys.exit(
            "SERVER_INTROSPECTS=1 and AGENT=1 need INTROSPECTION_CLIENT_ID and INTROSPECTION_CLIENT_SECRET"
        )
    settings = Settings(
        issuer=environment["ISSUER"],
        resource_url=environment["RESOURCE_URL"],
        scopes=environment.get("SCOPES", "tools:read tools:write").split(),
        advertise_scopes=environment.get("ADVERTISE_SCOPES") == "1",
        introspects=introspects,
        credentials=ASCredentials(client_id, secret) if authenticates else None,
        agent=role,
    )
    if settings.host not in LOOPBACK:
        sys.exit(f"RESOURCE_URL has to be on the loopback interface, not {settings.host}")
    return settings


async def protection(settings: Settings) -> AuthplaneAuthResult:
    """What the AuthPlane SDK's own documentation tells an MCP server to do, in development mode for http."""
    return await authplane_mcp_auth(
        issuer=settings.issuer,
        resource=settings.resource_url,
        scopes=settings.scopes,
        enforce_scopes_on_all_requests=settings.advertise_scopes,
        as_credentials=settings.credentials,
        revocation_checker=IntrospectionRevocation() if settings.introspects else None,
        # The SDK fails open by default; here an introspection error has to be seen.
        fail_closed=settings.introspects,
        # An agent's journey looks at `exp`, to the second; the SDK's own tolerance is half a minute.
        clock_skew_seconds=0 if settings.agent else None,
        dev_mode=urlsplit(settings.issuer).scheme == "http",
    )


def server_with_tools(settings: Settings, auth: AuthplaneAuthResult) -> FastMCP:
    server = FastMCP(
        "Journey tools", host=settings.host, port=settings.port, streamable_http_path=settings.path, **auth
    )
    install_request_context(server)

    @server.tool()
    async def whoami() -> str:
        """Say who is asking, as the verified token tells it. Needs the first scope."""
        require_scope(settings.scopes[0])
        token = get_access_token()
        assert token is not None
        claims = await auth.token_verifier.verifier.verify(token.token)
        return json.dumps(
            {
                "subject": claims.sub,
                "client_id": token.client_id,
                "scopes": token.scopes,
                "resource": token.resource,
                "expires_at": token.expires_at,
            }
        )

    @server.tool()
    async def add(a: float, b: float) -> float:
        """Add two numbers. Needs the last scope, which a token may lack."""
        require_scope(settings.scopes[-1])
        return a + b

    if settings.agent is not None:
        agent.add_tool(server, auth, settings.agent)
    return server


class AnnouncingServer(uvicorn.Server):
    """Says so, in one JSON line, once the socket listens."""

    def __init__(self, config: uvicorn.Config, resource_url: str) -> None:
        super().__init__(config)
        self.resource_url = resource_url

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(json.dumps({"ready": True, "resource": self.resource_url, "pid": os.getpid()}), flush=True)

    def stop_when_stdin_closes(self) -> None:
        def wait() -> None:
            sys.stdin.buffer.read()
            self.should_exit = True

        threading.Thread(target=wait, daemon=True).start()


async def main(until_stdin_closes: bool) -> None:
    settings = settings_from(dict(os.environ))
    try:
        auth = await authplane_mcp_auth_or_reason(settings)
    except RuntimeError as reason:
        print(json.dumps({"ready": False, "reason": str(reason)}), flush=True)
        sys.exit(1)
    try:
        app = server_with_tools(settings, auth).streamable_http_app()
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
        server = AnnouncingServer(config, settings.resource_url)
        if until_stdin_closes:
            server.stop_when_stdin_closes()
        await server.serve()
    finally:
        await auth.aclose()


async def authplane_mcp_auth_or_reason(settings: Settings) -> AuthplaneAuthResult:
    try:
        return await asyncio.wait_for(protection(settings), timeout=30)
    except Exception as failure:
        raise RuntimeError(f"{type(failure).__name__}: {failure}") from failure


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--until-stdin-closes", action="store_true")
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "WARNING"), stream=sys.stderr)
    asyncio.run(main(arguments.parse_args().until_stdin_closes))
