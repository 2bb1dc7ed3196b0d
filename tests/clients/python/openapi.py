"""Asks a server everything that its OpenAPI documents allow, and much that they do not.

Whatever is asked, no answer is a fault of the server, and every answer is one that the document
describes: its status, its media type, its headers, its body. Whether a request is accepted is not
looked at: what a redirect URI or a slug may be is more than a schema can say.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from report import StepFailed, expect, reason_of, step, write

HERE = Path(__file__).resolve().parent
DOCUMENTS = HERE.parents[2] / "docs" / "openapi"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# The same requests in every run.
SEED = "1"
EXAMPLES = "8"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


async def ask(document: str, url: str, phases: str, more: list[str]) -> None:
    limit = float(os.environ["STEP_TIMEOUT_SECONDS"])
    async with step(document, limit):
        command = [
            *("run", str(DOCUMENTS / f"{document}.json"), "--url", url, "--phases", phases),
            *("--checks", ",".join(CHECKS), "--seed", SEED, "--max-examples", EXAMPLES),
            *("--continue-on-failure", "--no-color", "--no-shrink", "--warnings", "off", *more),
        ]
        environment = {**os.environ, "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "known"}
        program = await asyncio.create_subprocess_exec(
            SCHEMATHESIS,
            *command,
            env={**environment, "NO_PROXY": "*"},
            cwd=os.environ["WORKING_DIRECTORY"],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
        text = said.decode(errors="replace")
        if program.returncode != 0:
            print(text, file=sys.stderr)
        expect(program.returncode == 0, f"schemathesis ended with {program.returncode}; see above")
        expect("generated" in text, f"it does not say that it asked anything: {text[-500:]}")


async def main() -> None:
    key = os.environ["ADMIN_KEY"]
    await ask("public", os.environ["ISSUER"], "coverage,fuzzing", [])
    header = ["--header", f"Authorization: Bearer {key}"]
    await ask("admin", os.environ["ADMIN_URL"], "examples,coverage,fuzzing,stateful", header)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (StepFailed, KeyError) as failure:
        write({"step": "journey", "ok": False, "journey": "openapi/full", "reason": reason_of(failure)})
        sys.exit(1)
    write({"step": "journey", "ok": True, "journey": "openapi/full"})
