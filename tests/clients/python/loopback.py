"""The client's own ear on the loopback interface (RFC 8252 §7.3): a free port, one answer, then silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from report import expect

PAGE = b'<!doctype html><html lang="en"><title>Done</title><p>You can close this window.</p></html>'


class Loopback:
    def __init__(self) -> None:
        self.port = 0
        self.answer: asyncio.Future[dict[str, list[str]]] = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request_line = await reader.readline()
            while (await reader.readline()).strip():
                pass
            target = urlsplit(request_line.split(b" ")[1].decode() if b" " in request_line else "/")
            found = target.path == "/callback"
            body = PAGE if found else b""
            status = b"200 OK" if found else b"404 Not Found"
            head = b"HTTP/1.1 %s\r\ncontent-type: text/html; charset=utf-8\r\n" % status
            writer.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
            await writer.drain()
            if found and not self.answer.done():
                self.answer.set_result(parse_qs(target.query, keep_blank_values=True))
        finally:
            writer.close()


@asynccontextmanager
async def listen_on_loopback() -> AsyncIterator[Loopback]:
    loopback = Loopback()
    server = await asyncio.start_server(loopback.serve, "127.0.0.1", 0)
    loopback.port = server.sockets[0].getsockname()[1]
    try:
        yield loopback
    finally:
        server.close()


def expect_our_answer(answer: dict[str, list[str]], issuer: str) -> None:
    """RFC 9207: an answer counts only when it names our server. The state is checked by the SDK."""
    for name in ("code", "error", "state", "iss"):
        expect(len(answer.get(name, [])) <= 1, f"{name} is repeated in the answer")
    expect(answer.get("iss") == [issuer], f"iss is {answer.get('iss')}, expected {issuer}")
    expect("state" in answer, "the answer carries no state")
