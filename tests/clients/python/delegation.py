"""A person asks an orchestrator, which asks a planner, which asks an executor: three MCP servers, each an
agent, each asked with a token that was got in exchange for the one before. A machine asks them first.

The first hop introspects every token, and so does the last one; the one between them checks signatures only.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mcp import ClientSession, McpError
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp.types import URL_ELICITATION_REQUIRED

from agents import Agents, Answer, Claims, Hop, acting, answers_in, expect_each
from browser import visit_page
from client import CLIENT_NAME, call, knock
from endpoints import expect_oauth_error, post_form
from report import StepFailed, expect, step

if TYPE_CHECKING:
    from journey import Journey

READ, WRITE, ADMIN = "tools:read", "tools:write", "tools:admin"


class Delegation(Agents):
    async def a_machine(self) -> None:
        """A client asks the first MCP server for itself, which goes on for it where the operator lets it."""
        orchestrator, planner, executor = self.hops
        async with step("machine_token", self.limit):
            form = {"grant_type": "client_credentials", "resource": orchestrator.url, "scope": READ}
            answer = await post_form(self.web, self.journey.metadata["token_endpoint"], form, self.machine)
            expect(answer.status_code == 200, f"it answered {answer.status_code} {answer.text[:200]}")
            token = answer.json()["access_token"]
        async with step("machine_without_policy", self.limit):
            for hop, client_id in ((planner, orchestrator.client_id), (executor, planner.client_id)):
                refused, text = await self.ask_with(orchestrator, token)
                expect(refused and "403 access_denied" in text, f"nobody was let in, and it answered {text}")
                path = f"/admin/resources/{hop.slug}/policy/exchange/allowed-clients"
                await self.manage("POST", path, {"client_id": client_id})
        async with step("machine_with_policy", self.limit) as facts:
            refused, text = await self.ask_with(orchestrator, token)
            expect(not refused, f"the agents are let in, and it answered {text}")
            claims = [answer.claims for answer in answers_in(text)]
            self.check_actors(claims, self.machine[0])
            expect_each(claims, "sub", [self.machine[0]] * 3)
            expect_each(claims, "scope", [READ] * 3)
            expect_each(claims, "auth_time", [None] * 3)
            facts["agent_chain"] = claims[-1]["agent_chain"]

    def check_actors(self, claims: list[Claims], first_client: str) -> None:
        orchestrator, planner, _ = (hop.client_id for hop in self.hops)
        expect_each(claims, "act", [None, acting(orchestrator), acting(orchestrator, planner)])
        expect_each(claims, "agent_chain", [None, [orchestrator], [orchestrator, planner]])
        expect_each(claims, "agent_id", [None, orchestrator, planner])
        expect_each(claims, "client_id", [first_client, orchestrator, planner])
        expect_each(claims, "aud", [[hop.url] for hop in self.hops])

    async def needs_consent(self, session: ClientSession, hop: Hop) -> str:
        """The SDK makes `consent_required` the error with which MCP servers send people to an address."""
        try:
            refused, text = await call(session, "ask")
        except McpError as failure:
            code = failure.error.code
            expect(code == URL_ELICITATION_REQUIRED, f"MCP error {code}: {failure}")
            elicitations = UrlElicitationRequiredError.from_error(failure.error).elicitations
            expect(len(elicitations) == 1, f"the person is sent to {len(elicitations)} addresses")
            wanted = f"({hop.slug}: consent_missing)"
            expect(wanted in elicitations[0].message, f"{wanted} is not in {elicitations[0].message}")
            own = elicitations[0].url.startswith(f"{self.settings.issuer}/")
            expect(own, f"the person is sent to {elicitations[0].url}")
            return elicitations[0].url
        raise StepFailed(f"nobody agreed, and it {'refused' if refused else 'answered'}: {text}")

    async def decide(self, url: str, decision: str, client_name: str, hop: Hop, scopes: list[str]) -> str:
        visit = {
            "consent_url": url,
            "email": self.settings.email,
            "password": self.settings.password,
            "decision": decision,
            "client_name": client_name,
            "resource": hop.url,
            "scopes": scopes,
            "timeout_ms": self.settings.step_timeout * 1000,
            "artifacts": self.settings.artifacts,
        }
        return (await visit_page(visit))["heading"]

    async def consent(self, session: ClientSession) -> None:
        """One agreement for each hop: about the client whose token is exchanged, and where it leads."""
        orchestrator, planner, executor = self.hops
        async with step("consent_to_the_first_hop", self.limit * 2) as facts:
            url = await self.needs_consent(session, planner)
            facts["page"] = await self.decide(url, "approve", CLIENT_NAME, planner, [READ, WRITE])
        async with step("consent_to_the_second_hop", self.limit * 4) as facts:
            facts["pages"] = []
            for decision in ("deny", "approve"):
                url = await self.needs_consent(session, executor)
                page = await self.decide(url, decision, orchestrator.client_name, executor, [READ])
                facts["pages"].append(page)

    async def chain(self, session: ClientSession) -> None:
        async with step("chain", self.limit) as facts:
            answers = await self.ask(session)
            claims = [answer.claims for answer in answers]
            self.check_actors(claims, self.journey.client.client_id)
            expect_each(claims, "sub", [await self.person()] * 3)
            expect_each(claims, "scope", [f"{READ} {WRITE}", f"{READ} {WRITE}", READ])
            for kept in ("iss", "auth_time", "amr"):
                expect(claims[0].get(kept) is not None, f"there is no {kept}")
                expect_each(claims, kept, [claims[0][kept]] * 3)
            facts["act"] = claims[-1]["act"]
        async with step("wrong_audience", self.limit):
            for answer in answers:
                for hop in self.hops:
                    right = answer.claims["aud"] == [hop.url]
                    status = await knock(self.web, hop.url, answer.token)
                    expect(status == (200 if right else 401), f"{hop.slug} answered {status}, right: {right}")
        async with step("scopes_only_narrow", self.limit):
            await self.ask_in_vain(session, "400 invalid_scope", ADMIN)
            narrowed = [answer.claims for answer in await self.ask(session, READ)]
            expect_each(narrowed, "scope", [f"{READ} {WRITE}", READ, READ])

    async def cut_at_the_root(self, answers: list[Answer]) -> None:
        """The operator takes back what the person agreed to with their own client about the first server."""
        orchestrator, planner, executor = self.hops
        at_the_start, on_the_way, at_the_end = (answer.token for answer in answers)
        exp = answers[1].claims["exp"]
        async with step("revoke_consent", self.limit):
            root = (self.journey.client.client_id, orchestrator.slug)
            grants = await self.consent_grants()
            [grant] = [grant for grant in grants if (grant["client_id"], grant["resource_slug"]) == root]
            await self.manage("DELETE", f"/admin/grants/consent/{grant['id']}")
        async with step("refused_at_once", self.limit) as facts:
            # A server that checks signatures only lets it in until it expires, which is by design.
            for hop, token, expected in (
                (planner, on_the_way, 200),
                (orchestrator, at_the_start, 401),
                (executor, at_the_end, 401),
            ):
                status = await knock(self.web, hop.url, token)
                facts["left"] = round(exp - time.time(), 1)
                expect(facts["left"] > 0, "this machine was too slow to look before the tokens expired")
                expect(status == expected, f"{hop.slug} answered {status}, not {expected}")
            # But such a server gets no token for what it would do next.
            refused, text = await self.ask_with(planner, on_the_way)
            expect(refused and "400 invalid_grant" in text, f"a revoked token was exchanged: {text}")
            refresh = await self.journey.refresh(self.journey.client.refresh_token)
            expect_oauth_error(refresh, 400, "invalid_grant")
        async with step("refused_when_expired", self.limit):
            # The SDK still takes it in the second that `exp` names.
            await asyncio.sleep(max(exp - time.time(), 0) + 1.1)
            status = await knock(self.web, planner.url, on_the_way)
            expect(status == 401, f"the token has expired, and {planner.slug} answered {status}")


async def story(journey: Journey) -> None:
    delegation = Delegation(journey)
    async with delegation.admin:
        await delegation.a_machine()
        async with journey.client.session() as session:
            await journey.connect(session)
            await delegation.consent(session)
            await delegation.chain(session)
            answers = await delegation.ask(session)
        # Outside of the session: the SDK would sign the person in again.
        await delegation.cut_at_the_root(answers)
