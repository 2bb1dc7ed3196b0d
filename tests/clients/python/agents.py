"""What the journeys of agents have in common: MCP servers that ask one another, and an operator."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from client import call
from report import expect

if TYPE_CHECKING:
    from journey import Journey

Claims = dict[str, Any]


@dataclass(frozen=True)
class Hop:
    """One of the MCP servers, and the client it is at the authorization server."""

    slug: str
    url: str
    client_id: str
    client_name: str


@dataclass(frozen=True)
class Answer:
    """What one MCP server was told, and the token that told it."""

    claims: Claims
    token: str


class Agents:
    def __init__(self, journey: Journey) -> None:
        scene = json.loads(os.environ["DELEGATION"])
        self.journey = journey
        self.settings, self.web, self.limit = journey.settings, journey.web, journey.limit
        self.hops = [Hop(**hop) for hop in scene["hops"]]
        self.machine: tuple[str, str] = tuple(scene["machine"])
        self.admin = httpx.AsyncClient(
            base_url=scene["admin_url"], headers={"authorization": f"Bearer {scene['admin_key']}"}, timeout=30
        )

    async def manage(self, method: str, path: str, body: Claims | None = None) -> Any:
        """What an operator does, by the admin API."""
        answer = await self.admin.request(method, path, json=body)
        expect(answer.is_success, f"{method} {path} answered {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.content else None

    async def person(self) -> str:
        return (await self.manage("GET", f"/admin/users/{self.settings.email}"))["id"]

    async def consent_grants(self) -> list[Claims]:
        path = f"/admin/users/{self.settings.email}/grants"
        return (await self.manage("GET", path))["consent_grants"]

    async def ask(self, session: ClientSession, scope: str = "") -> list[Answer]:
        """Asks the first MCP server in the person's name, which asks the next, and so on."""
        refused, text = await call(session, "ask", {"scope": scope})
        expect(not refused, f"it answered {text}")
        return answers_in(text)

    async def ask_in_vain(self, session: ClientSession, reason: str, scope: str = "") -> None:
        refused, text = await call(session, "ask", {"scope": scope})
        expect(refused and reason in text, f"expected {reason}, and it answered {text}")

    async def ask_with(self, hop: Hop, token: str) -> tuple[bool, str]:
        """Asks an MCP server with a bare token; returns whether it refused, and what it said."""
        web = httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=self.limit)
        async with (
            web,
            streamable_http_client(hop.url, http_client=web) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await call(session, "ask")


def answers_in(text: str) -> list[Answer]:
    return [Answer(**answer) for answer in json.loads(text)]


def acting(*agents: str) -> Claims:
    """`act` of these agents, oldest first. RFC 8693 §4.1: the last is outermost, the others are history."""
    act: Claims = {}
    for agent in agents:
        act = {"sub": agent, "actor_type": "agent", **({"act": act} if act else {})}
    return act


def expect_each(claims: list[Claims], name: str, expected: list[Any]) -> None:
    got = [each.get(name) for each in claims]
    expect(got == expected, f"{name} is {got}, expected {expected}")
