"""One JSON line per step on standard output; the first failure ends the journey with its reason."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

Facts = dict[str, Any]


class StepFailed(Exception):
    pass


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise StepFailed(otherwise)


def write(line: Facts) -> None:
    print(json.dumps(line), flush=True)


def reason_of(failure: BaseException) -> str:
    """The innermost words: task groups wrap failures in groups of one."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return str(failure) or type(failure).__name__


@asynccontextmanager
async def step(name: str, timeout: float) -> AsyncIterator[Facts]:  # noqa: ASYNC109
    """Runs one step within its time limit and reports it with what it learned."""
    facts: Facts = {}
    started = time.monotonic()

    def line(ok: bool) -> Facts:
        return {"step": name, "ok": ok, "ms": round((time.monotonic() - started) * 1000)}

    try:
        async with asyncio.timeout(timeout):
            yield facts
    except TimeoutError as failure:
        reason = f"no answer within {timeout:g} s"
        write({**line(False), "reason": reason, **facts})
        raise StepFailed(f"{name}: {reason}") from failure
    except asyncio.CancelledError:
        # The SDK runs its transport in a task group; a failure there stops the step from outside.
        write({**line(False), "reason": "stopped from outside, see the last line", **facts})
        raise
    except Exception as failure:
        write({**line(False), "reason": reason_of(failure), **facts})
        raise StepFailed(f"{name}: {reason_of(failure)}") from failure
    write({**line(True), **facts})
