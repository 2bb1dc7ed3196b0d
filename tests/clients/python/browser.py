"""Runs the shared browser driver (browser/signin.ts) as a child process."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from report import StepFailed

DRIVER = Path(__file__).resolve().parent.parent / "build" / "browser" / "signin.js"


async def visit_page(visit: dict[str, Any]) -> dict[str, Any]:
    """Signs in and decides; returns what the pages showed. Fails with the driver's own reason."""
    if not DRIVER.exists():
        raise StepFailed("the browser driver is not built; run ./setup")
    child = await asyncio.create_subprocess_exec(
        "node", str(DRIVER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await child.communicate(json.dumps(visit).encode())
    except asyncio.CancelledError:
        # SIGTERM first: the driver then closes its Chromium and removes the profile.
        if child.returncode is None:
            child.terminate()
            await asyncio.wait_for(child.wait(), timeout=10)
        raise
    lines = output.decode().splitlines()
    seen = json.loads(lines[-1]) if lines else {"ok": False, "reason": "the browser driver said nothing"}
    if not seen["ok"]:
        raise StepFailed(f"browser: {seen['reason']}")
    return seen
