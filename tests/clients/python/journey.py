"""The story of one stock MCP client, told with the official Python SDK. Scenarios:

full    sign in, use the tools, refresh in every way, introspect, revoke
untick  the person takes one scope back; the token lacks it for good
deny    the person says no
replay  a refresh token from two generations ago comes back; the family dies
delegation  the MCP server is an agent that asks other agents (`delegation.py`)
gateway  the MCP server is a gateway that stands in front of another one (`gateway.py`)
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from urllib.parse import urlsplit

import httpx
from mcp import ClientSession
from mcp.shared.auth import OAuthToken

import delegation
import gateway
from client import AccessDenied, McpClient, call, knock
from endpoints import (
    Metadata,
    expect_inactive,
    expect_no_store,
    expect_oauth_error,
    post_form,
    read_metadata,
)
from loopback import listen_on_loopback
from report import StepFailed, expect, reason_of, step, write
from settings import NotConfigured, Settings, settings_from_environment

AGENTS = {"delegation": delegation.story, "gateway": gateway.story}


class Journey:
    def __init__(
        self, settings: Settings, web: httpx.AsyncClient, client: McpClient, metadata: Metadata
    ) -> None:
        self.settings = settings
        self.web = web
        self.client = client
        self.metadata = metadata
        self.limit = settings.step_timeout

    async def denied(self) -> None:
        async with step("denied", self.limit * 3) as facts:
            try:
                async with self.client.session() as session:
                    await session.initialize()
            except BaseException as failure:
                inner: BaseException = failure
                while isinstance(inner, BaseExceptionGroup):
                    inner = inner.exceptions[0]
                if not isinstance(inner, AccessDenied):
                    raise
                facts["error"] = str(inner)
                expect(str(inner) == "access_denied", f"expected access_denied, got {inner}")
            else:
                raise StepFailed("the client got in although the person said no")
            expect(self.client.storage.tokens is None, "the client holds tokens although the person said no")

    async def connect(self, session: ClientSession) -> None:
        """401, discovery, registration, browser, code, tokens: all inside the SDK's first request."""
        async with step("connect", self.limit * 3) as facts:
            await session.initialize()
            client = self.client
            facts["requests"] = client.drain()
            facts["authorize_parameters"] = sorted(client.authorize_parameters)
            facts["requested_scope"] = client.authorize_parameters.get("scope")
            facts["consent"] = client.visits[0]["consent"]
            facts["scope"] = client.tokens.scope
            resource = client.authorize_parameters.get("resource")
            # This SDK writes an origin with a slash; the token's audience stays the registered string.
            registered = self.settings.resource_url
            as_sent = registered if urlsplit(registered).path else f"{registered}/"
            expect(resource == [as_sent], f"the SDK asked for the resource {resource}")
            granted = set((client.tokens.scope or "").split()) - {"offline_access"}
            approved = set(client.approved) - {"offline_access"}
            expect(granted == approved, f"token has {granted}, the person approved {approved}")
            expect(client.tokens.expires_in is not None, "no expires_in: this SDK would never refresh")

    async def use_tools(self, session: ClientSession) -> None:
        async with step("tools", self.limit) as facts:
            names = sorted(tool.name for tool in (await session.list_tools()).tools)
            expect(names == ["add", "whoami"], f"the server lists {names}")
            refused, text = await call(session, "whoami")
            expect(not refused, f"whoami was refused: {text}")
            seen = json.loads(text)
            expect(seen["client_id"] == self.client.client_id, "the server sees another client")
            audience = seen["resource"]
            expect(audience == self.settings.resource_url, f"the server sees the audience {audience}")
            refused, text = await call(session, "add", {"a": 2, "b": 40})
            allowed = "tools:write" in self.client.approved
            expect(refused != allowed, f"add with scopes {self.client.approved} answered: {text}")
            expect(("42" if allowed else "tools:write") in text, f"add answered: {text}")
            facts.update(subject=seen["subject"], add="allowed" if allowed else "refused")

    async def refresh_by_sdk(self, session: ClientSession) -> None:
        async with step("refresh_by_sdk", self.limit) as facts:
            before = self.client.refresh_token
            self.client.drain()
            self.client.expire_access_token()
            refused, text = await call(session, "whoami")
            facts["requests"] = self.client.drain()
            expect(not refused, f"after the refresh the tool answered: {text}")
            refreshes = [line for line in facts["requests"] if line.endswith("200 (refresh_token)")]
            expect(len(refreshes) == 1, f"expected one refresh by the SDK, saw {len(refreshes)}")
            expect(self.client.refresh_token != before, "the refresh token was not rotated")
            expect(len(self.client.visits) == 1, "the SDK opened the browser again instead of refreshing")

    async def refresh(self, token: str) -> httpx.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": self.client.client_id,
            "resource": self.settings.resource_url,
        }
        return await post_form(self.web, self.metadata["token_endpoint"], form)

    async def refresh_directly(self) -> None:
        async with step("refresh_directly", self.limit) as facts:
            before = self.client.tokens
            answer = await self.refresh(self.client.refresh_token)
            expect(answer.status_code == 200, f"refresh answered {answer.status_code} {answer.text[:200]}")
            expect_no_store(answer, "the token response")
            after = OAuthToken.model_validate_json(answer.content)
            expect(bool(after.refresh_token), "no successor came back")
            expect(after.refresh_token != before.refresh_token, "the refresh token was not rotated")
            expect(after.access_token != before.access_token, "the access token is the old one")
            expect(after.scope == before.scope, f"scope changed from [{before.scope}] to [{after.scope}]")
            await self.client.adopt(after)
            facts.update(scope=after.scope, expires_in=after.expires_in)

    async def refresh_race(self) -> None:
        """Two processes of one client refresh the same token at the same moment; neither may lose."""
        async with step("refresh_race", self.limit) as facts:
            token = self.client.refresh_token
            answers = await asyncio.gather(self.refresh(token), self.refresh(token))
            statuses = [answer.status_code for answer in answers]
            expect(statuses == [200, 200], f"the race was answered {statuses}")
            left, right = (OAuthToken.model_validate_json(answer.content) for answer in answers)
            expect(left.refresh_token != token, "the refresh token was not rotated")
            expect(left.refresh_token == right.refresh_token, "the family forked: two different successors")
            late = await self.refresh(token)
            expect(
                late.status_code == 200, f"a late retry within the grace window answered {late.status_code}"
            )
            same = late.json().get("refresh_token") == left.refresh_token
            expect(same, "a late retry got another successor")
            await self.client.adopt(left)
            facts["same_access_token"] = left.access_token == right.access_token

    async def introspect(self, token: str) -> httpx.Response:
        form = {"token": token, "token_type_hint": "access_token"}
        endpoint = self.metadata["introspection_endpoint"]
        return await post_form(self.web, endpoint, form, self.settings.runtime_client)

    async def introspect_active(self) -> None:
        async with step("introspect_active", self.limit) as facts:
            token = self.client.tokens.access_token
            answer = await self.introspect(token)
            body = answer.json()
            got = f"{answer.status_code} {body.get('active')}"
            expect(got == "200 True", f"introspection answered {got}")
            audience = body.get("aud")
            first = audience[0] if isinstance(audience, list) else audience
            expect(first == self.settings.resource_url, f"aud is {audience}")
            expect(body.get("iss") == self.settings.issuer, f"iss is {body.get('iss')}")
            expect(body.get("client_id") == self.client.client_id, f"client_id is {body.get('client_id')}")
            expect(body.get("scope") == self.client.tokens.scope, f"scope is {body.get('scope')}")
            for name in ("sub", "jti", "token_type"):
                expect(bool(body.get(name)), f"{name} is missing")
            for name in ("exp", "iat"):
                expect(type(body.get(name)) is int, f"{name} is not a number")
            facts["members"] = sorted(body)
            endpoint = self.metadata["introspection_endpoint"]
            anonymous = await post_form(self.web, endpoint, {"token": token})
            expect_inactive(anonymous, "a caller without credentials")
            wrong = (self.settings.runtime_client[0], "wrong")
            refused = await post_form(self.web, endpoint, {"token": token}, wrong)
            expect_oauth_error(refused, 401, "invalid_client")
            expect("www-authenticate" in refused.headers, "401 without WWW-Authenticate")

    async def replay(self, old: str) -> None:
        async with step("replay", self.limit):
            expect_oauth_error(await self.refresh(old), 400, "invalid_grant")

    async def revoke(self) -> None:
        async with step("revoke", self.limit):
            form = {
                "token": self.client.refresh_token,
                "token_type_hint": "refresh_token",
                "client_id": self.client.client_id,
            }
            for time in ("first", "second"):
                answer = await post_form(self.web, self.metadata["revocation_endpoint"], form)
                expect(answer.status_code == 200, f"the {time} revocation answered {answer.status_code}")

    async def after_the_end(self) -> None:
        """The family is gone, whichever way it went."""
        token = self.client.tokens.access_token
        async with step("introspect_inactive", self.limit):
            expect_inactive(await self.introspect(token), "the access token of a dead family")
        async with step("refresh_refused", self.limit):
            expect_oauth_error(await self.refresh(self.client.refresh_token), 400, "invalid_grant")
        async with step("server_after_revocation", self.limit) as facts:
            facts["status"] = await knock(self.web, self.settings.resource_url, token)
            # A server that checks signatures only lets the token in until it expires; that is by design.
            expected = 401 if self.settings.server_introspects else 200
            expect(facts["status"] == expected, f"the MCP server answered {facts['status']}, not {expected}")


async def story(settings: Settings) -> None:
    async with httpx.AsyncClient(timeout=settings.step_timeout) as web, listen_on_loopback() as loopback:
        async with step("metadata", settings.step_timeout):
            metadata = await read_metadata(web, settings.issuer)
        journey = Journey(settings, web, McpClient(settings, loopback), metadata)
        if settings.scenario == "deny":
            await journey.denied()
            return
        if settings.scenario in AGENTS:
            await AGENTS[settings.scenario](journey)
            return
        async with journey.client.session() as session:
            await journey.connect(session)
            await journey.use_tools(session)
            await journey.refresh_by_sdk(session)
            two_generations_ago = journey.client.refresh_token
            await journey.refresh_directly()
            await journey.refresh_race()
            await journey.introspect_active()
        if settings.scenario == "replay":
            await journey.replay(two_generations_ago)
        else:
            await journey.revoke()
        await journey.after_the_end()


async def main() -> int:
    try:
        settings = settings_from_environment()
    except NotConfigured as reason:
        print(reason, file=sys.stderr)
        return 2
    name = f"python/{settings.scenario}"
    try:
        async with asyncio.timeout(settings.journey_timeout):
            await story(settings)
    except TimeoutError:
        reason = f"not finished within {settings.journey_timeout:g} s"
        write({"step": "journey", "ok": False, "journey": name, "reason": reason})
        return 1
    except Exception as failure:
        write({"step": "journey", "ok": False, "journey": name, "reason": reason_of(failure)})
        return 1
    write({"step": "journey", "ok": True, "journey": name})
    return 0


if __name__ == "__main__":
    # The SDK logs whole tracebacks of what the report already says in one line.
    logging.disable(logging.CRITICAL)
    sys.exit(asyncio.run(main()))
