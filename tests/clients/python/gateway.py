"""A person asks a gateway, which an operator has let reach files on everybody's behalf: nobody is asked, and
the scopes of the one are worth scopes of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authplane.oauth.types import GRANT_TYPE_TOKEN_EXCHANGE, TOKEN_TYPE_ACCESS_TOKEN
from mcp import ClientSession

from agents import Agents, acting, expect_each
from client import knock
from endpoints import expect_oauth_error, post_form
from report import expect, step

if TYPE_CHECKING:
    from journey import Journey

READ, WRITE, LIST, PUT = "tools:read", "tools:write", "files:list", "files:put"


class Gateway(Agents):
    async def front(self, session: ClientSession) -> str:
        """The token with which the files were asked."""
        gateway, files = self.hops
        async with step("not_without_a_link", self.limit):
            await self.ask_in_vain(session, "403 access_denied")
            link = {"source": gateway.slug, "target": files.slug, "scope_map": {READ: [LIST]}}
            link = await self.manage("POST", "/admin/fronting", link)
            # The person's client is an agent from now on, and is one in the chain.
            path = f"/admin/clients/{self.journey.client.client_id}"
            await self.manage("PATCH", path, {"agent": True})
        async with step("through_the_link", self.limit) as facts:
            answers = await self.ask(session)
            claims = [answer.claims for answer in answers]
            agent = self.journey.client.client_id
            expect_each(claims, "sub", [await self.person()] * 2)
            expect_each(claims, "act", [None, acting(agent, gateway.client_id)])
            expect_each(claims, "agent_chain", [None, [agent, gateway.client_id]])
            expect_each(claims, "client_id", [agent, gateway.client_id])
            expect_each(claims, "scope", [f"{READ} {WRITE}", LIST])
            expect_each(claims, "aud", [[gateway.url], [files.url]])
            about = [grant["resource_slug"] for grant in await self.consent_grants()]
            expect(about == [gateway.slug], f"the person agreed about {about}")
            issued = await self.manage("GET", f"/admin/issuances/{claims[-1]['jti']}")
            expect(issued["via_link"] == link["id"], f"it was issued by way of {issued['via_link']}")
            facts["act"] = claims[-1]["act"]
        async with step("only_what_is_mapped", self.limit):
            await self.ask_in_vain(session, "400 invalid_scope", PUT)
            await self.ask(session, LIST)
        async with step("only_the_gateway", self.limit):
            await self.a_stranger_tries(answers[0].token)
        return answers[-1].token

    async def a_stranger_tries(self, token: str) -> None:
        """Another client that exchanges, and got hold of the token that the gateway was asked with."""
        new = {"client_name": "A stranger", "grant_types": [GRANT_TYPE_TOKEN_EXCHANGE]}
        stranger = await self.manage("POST", "/admin/clients", new)
        form = {
            "grant_type": GRANT_TYPE_TOKEN_EXCHANGE,
            "subject_token": token,
            "subject_token_type": TOKEN_TYPE_ACCESS_TOKEN,
            "resource": self.hops[-1].url,
        }
        basic = (stranger["client_id"], stranger["client_secret"])
        answer = await post_form(self.web, self.journey.metadata["token_endpoint"], form, basic)
        expect_oauth_error(answer, 403, "access_denied")

    async def take_the_link_away(self, session: ClientSession, token: str) -> None:
        gateway, files = self.hops
        async with step("link_deleted", self.limit):
            status = await knock(self.web, files.url, token)
            expect(status == 200, f"{files.slug} answered {status} while there was a link")
            await self.manage("DELETE", f"/admin/fronting/{gateway.slug}/{files.slug}")
            status = await knock(self.web, files.url, token)
            expect(status == 401, f"{files.slug} introspects, and answered {status} without a link")
            await self.ask_in_vain(session, "403 access_denied")


async def story(journey: Journey) -> None:
    gateway = Gateway(journey)
    async with gateway.admin, journey.client.session() as session:
        await journey.connect(session)
        token = await gateway.front(session)
        await gateway.take_the_link_away(session, token)
