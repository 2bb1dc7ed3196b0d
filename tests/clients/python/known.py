"""Every other request names something that the server knows. Made-up ids get no further than 404."""

from __future__ import annotations

import base64
import os
from typing import Any
from zlib import crc32

import schemathesis

RESOURCE = os.environ["RESOURCE_URL"]
ID, SECRET = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]

KNOWN: dict[str, str] = {
    "client_id": ID,
    "client": ID,
    "client_secret": SECRET,
    "user": os.environ["USER_EMAIL"],
    "resource": RESOURCE,
    "reference": "tools",
    "scope": "tools:read",
    "grant_type": "client_credentials",
    "response_type": "code",
    "redirect_uri": "https://app.example/callback",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def heads(name: str, value: object, case: str) -> bool:
    """A coin that falls the same way in every run."""
    return crc32(f"{name} {value!r} {case}".encode()) % 2 == 0


def replace(part: Any, of: str) -> None:
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if name in KNOWN and heads(name, value, of):
            part[name] = "tools" if name == "resource" and "/admin/" in of else KNOWN[name]


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    operation = f"{case.method} {case.path}"
    # What is known has to stay: the rest of the run asks about it.
    lasting = case.method != "DELETE" or "policy" in case.path
    ends = case.path.endswith(("/revoke", "/suspend", "/disable", "/rotate-secret"))
    if lasting and not ends:
        replace(case.path_parameters, operation)
    replace(case.query, operation)
    if case.media_type == "application/x-www-form-urlencoded":
        replace(case.body, operation)
        # The known client, authenticated in one of the ways it may be.
        if heads("authorization", case.body, operation):
            basic = base64.b64encode(f"{ID}:{SECRET}".encode()).decode()
            case.headers["Authorization"] = f"Basic {basic}"
