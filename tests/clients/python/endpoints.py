"""Requests the SDK does not make for us: introspection, revocation, and refreshes looked at from outside."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from report import expect

Metadata = dict[str, Any]


async def read_metadata(web: httpx.AsyncClient, issuer: str) -> Metadata:
    parts = urlsplit(issuer)
    well_known = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server"
    response = await web.get(well_known + parts.path.rstrip("/"))
    expect(response.status_code == 200, f"metadata answered {response.status_code}")
    metadata = response.json()
    expect(metadata.get("issuer") == issuer, f"metadata names the issuer {metadata.get('issuer')}")
    for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint", "registration_endpoint"):
        expect(isinstance(metadata.get(name), str), f"metadata has no {name}")
    methods = metadata.get("code_challenge_methods_supported")
    expect(methods == ["S256"], "metadata does not promise S256 and only S256")
    iss_promised = metadata.get("authorization_response_iss_parameter_supported")
    expect(iss_promised is True, "metadata does not promise iss on authorization responses")
    return metadata


async def post_form(
    web: httpx.AsyncClient, url: str, form: dict[str, str], basic: tuple[str, str] | None = None
) -> httpx.Response:
    headers = {"accept": "application/json"}
    if basic:
        pair = ":".join(quote(part, safe="") for part in basic)
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return await web.post(url, data=form, headers=headers)


def expect_no_store(response: httpx.Response, what: str) -> None:
    expect("no-store" in response.headers.get("cache-control", ""), f"{what} may be cached")


def expect_inactive(response: httpx.Response, who: str) -> None:
    """RFC 7662 §2.2: an inactive answer says nothing else."""
    expect(response.status_code == 200, f"introspection for {who} answered {response.status_code}")
    members = list(response.json())
    exactly = response.json() == {"active": False}
    expect(exactly, f'introspection for {who} answered {members}, expected exactly {{"active": false}}')


def expect_oauth_error(response: httpx.Response, status: int, error: str) -> None:
    body = response.json()
    got = f"{response.status_code} {body.get('error')}"
    expect(got == f"{status} {error}", f"expected {status} {error}, got {got}")
    expect(isinstance(body.get("error_description"), str), f"{error} comes without a description")
    media_type = response.headers.get("content-type", "")
    expect(media_type.startswith("application/json"), f"{error} is {media_type}, not application/json")
    expect_no_store(response, error)
