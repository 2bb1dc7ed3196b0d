"""Everything a journey needs to know, read once from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

# "portless" is missing on purpose: this SDK sends the registered redirect URI and no other.
SCENARIOS = ("full", "untick", "deny", "replay", "delegation", "gateway")


class NotConfigured(Exception):
    pass


@dataclass(frozen=True)
class Settings:
    issuer: str
    resource_url: str
    email: str
    password: str
    runtime_client: tuple[str, str]
    scenario: str
    scopes: list[str]
    server_introspects: bool
    step_timeout: float
    journey_timeout: float
    artifacts: str | None


def settings_from_environment() -> Settings:
    env = os.environ
    needed = (
        "ISSUER",
        "RESOURCE_URL",
        "USER_EMAIL",
        "USER_PASSWORD",
        "INTROSPECTION_CLIENT_ID",
        "INTROSPECTION_CLIENT_SECRET",
    )
    missing = [name for name in needed if not env.get(name)]
    if missing:
        raise NotConfigured(f"missing in the environment: {', '.join(missing)}")
    scenario = env.get("SCENARIO", "full")
    if scenario not in SCENARIOS:
        raise NotConfigured(f"SCENARIO is one of {', '.join(SCENARIOS)}")
    return Settings(
        issuer=env["ISSUER"],
        resource_url=env["RESOURCE_URL"],
        email=env["USER_EMAIL"],
        password=env["USER_PASSWORD"],
        runtime_client=(env["INTROSPECTION_CLIENT_ID"], env["INTROSPECTION_CLIENT_SECRET"]),
        scenario=scenario,
        scopes=env.get("SCOPES", "tools:read tools:write").split(),
        server_introspects=env.get("SERVER_INTROSPECTS") == "1",
        step_timeout=float(env.get("STEP_TIMEOUT_SECONDS", "60")),
        journey_timeout=float(env.get("JOURNEY_TIMEOUT_SECONDS", "300")),
        artifacts=env.get("ARTIFACTS_DIR"),
    )
