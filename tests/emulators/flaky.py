"""A server between a client and a store that fails now and then, as networks do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import urlsplit

FAILURES = (503, 429, "reset before", 500, "reset after", 408, "cut short", 502, 504)


@contextmanager
def flaky(server: str, every: int) -> Iterator[str]:
    """Passes requests on to `server` but for each `every`-th, which fails in the next way of FAILURES.

    "reset after" and "cut short" are of requests that the store has obeyed.
    """
    at = urlsplit(server)
    numbers, kinds, one = count(1), count(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with one:
                fails = next(numbers) % every == 0
                failure = FAILURES[next(kinds) % len(FAILURES)] if fails else None
            if isinstance(failure, int):
                self.send_response(failure)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if failure == "reset before":
                self.close_connection = True
                return
            there = http.client.HTTPConnection(at.hostname or "", at.port)
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                there.putheader(name, value)
            there.endheaders(body)
            got = there.getresponse()
            data = got.read()
            there.close()
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

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = answer

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    between = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    between.daemon_threads = True
    threading.Thread(target=between.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{between.server_port}{at.path}"
    between.shutdown()
    between.server_close()
