"""A server between a client and a store that fails as networks do: now and then, or when it is told to."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import SplitResult, urlsplit

FAILURES = (503, 429, "reset before", 500, "reset after", 408, "cut short", 502, 504)
Failure = int | str


@contextmanager
def flaky(server: str, every: int) -> Iterator[str]:
    """Passes requests on to `server` but for each `every`-th, which fails in the next way of FAILURES."""
    numbers, kinds, one = count(1), count(), threading.Lock()

    def fails() -> Failure | None:
        with one:
            return FAILURES[next(kinds) % len(FAILURES)] if next(numbers) % every == 0 else None

    with between(server, fails) as url:
        yield url


class Server(ThreadingHTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error of the server's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def pass_on(
    asked: BaseHTTPRequestHandler, to: SplitResult, body: bytes
) -> tuple[http.client.HTTPResponse, bytes]:
    """What another server answers to the same request."""
    with closing(_send_on(asked, to, body)) as there:
        got = there.getresponse()
        return got, got.read()


def _send_on(asked: BaseHTTPRequestHandler, to: SplitResult, body: bytes) -> http.client.HTTPConnection:
    there = http.client.HTTPConnection(to.hostname or "", to.port)
    there.putrequest(asked.command, asked.path, skip_host=True, skip_accept_encoding=True)
    for name, value in asked.headers.items():
        there.putheader(name, value)
    there.endheaders(body)
    return there


@contextmanager
def between(server: str, fails: Callable[[], Failure | None]) -> Iterator[str]:
    """Passes requests on to `server` but for those that fail: `fails` is asked once for each.

    A failure is a status, or "reset before", "reset after", "cut going" (the store gets half of what was
    sent) or "cut short" (the client gets half of the answer). "reset after" and "cut short" are of requests
    that the store has obeyed.
    """
    at = urlsplit(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a small body waits 40 ms behind its headers

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            failure = fails()
            if isinstance(failure, int):
                self.send_response(failure)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if failure == "reset before":
                self.close_connection = True
                return
            if failure == "cut going":
                _send_on(self, at, body[: len(body) // 2]).close()
                self.close_connection = True
                return
            got, data = pass_on(self, at, body)
            if failure == "reset after":
                self.close_connection = True
                return
            self.send_response_only(got.status)
            for name, value in got.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = got.getheader("Content-Length") if self.command == "HEAD" else None
            if got.status != 304 and got.status != 204:
                self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            if failure == "cut short":
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    it = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=it.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{it.server_port}{at.path}"
    finally:
        it.shutdown()
        it.server_close()
