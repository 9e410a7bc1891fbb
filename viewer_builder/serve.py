"""A static server for this machine, with the byte ranges that the site reads by."""

from __future__ import annotations

import gzip
import mimetypes
import re
import socket
import sys
from functools import lru_cache, partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from feature_atlas.errors import InputError

PIECE = 1 << 20
_TEXTS = ("text/html", "text/css", "text/javascript", "application/json")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def serve(folder: Path, port: int) -> None:
    """Serves until interrupted, on 127.0.0.1; another free port if the wanted one is taken."""
    with make_server(folder, port) as server:
        taken = "" if port in (0, server.server_port) else f"port {port} is taken; "
        address = f"http://127.0.0.1:{server.server_port}/"
        sys.stderr.write(f"{taken}serving {folder} at {address}  (Ctrl-C stops)\n")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stderr.write("\n")


def make_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder, not running yet; InputError if it holds no site."""
    if not (folder / "index.html").is_file():
        raise InputError(
            f"{folder} holds no index.html; render a site there: atlas site ATLAS --out {folder}"
        )
    handler = partial(RangeHandler, folder.resolve())
    try:
        return _Server(("127.0.0.1", port), handler)
    except OSError:
        return _Server(("127.0.0.1", 0), handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that closes a connection early is no error worth a traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class RangeHandler(BaseHTTPRequestHandler):
    """GET and HEAD of files below one folder: whole, text packed as most hosts do, or a range of bytes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer waits 40 ms for a delayed ACK
    wbufsize = 65_536

    def __init__(
        self, folder: Path, request: socket.socket, address: object, server: ThreadingHTTPServer
    ) -> None:
        self.folder = folder
        super().__init__(request, address, server)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Sends the file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Sends what GET would send, without the file."""
        self._answer(body=False)

    def do_OPTIONS(self) -> None:
        """Lets pages of other sites ask for ranges, where a browser inquires first."""
        self.send_response(HTTPStatus.NO_CONTENT)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD")
        self.send_header("Access-Control-Allow-Headers", "Range")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: a page makes dozens of requests."""

    def _answer(self, *, body: bool) -> None:
        path = self._path()
        if path is None:
            return self._refuse(HTTPStatus.NOT_FOUND, body)
        if path.is_dir():
            return self._redirect()
        kind, size = _content_type(path), path.stat().st_size
        if self._takes_packed(kind):
            return self._answer_packed(path, kind, body)
        span = byte_range(self.headers.get("Range"), size)
        if span is None:
            return self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, body, f"bytes */{size}")
        start, stop = span
        partial_content = _is_range(self.headers.get("Range"))
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial_content else HTTPStatus.OK)
        if partial_content:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self._common(kind, stop - start, path)
        if body:
            self._send(path, start, stop)

    def _takes_packed(self, kind: str) -> bool:
        """Never for a range: of a packed file it would be other bytes."""
        takes = "gzip" in self.headers.get("Accept-Encoding", "")
        return takes and "Range" not in self.headers and kind.partition(";")[0] in _TEXTS

    def _answer_packed(self, path: Path, kind: str, body: bool) -> None:
        data = _packed(path, path.stat().st_mtime_ns)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")
        self._common(kind, len(data), path)
        if body:
            self.wfile.write(data)

    def _send(self, path: Path, start: int, stop: int) -> None:
        with path.open("rb") as file:
            file.seek(start)
            while start < stop and (data := file.read(min(PIECE, stop - start))):
                self.wfile.write(data)
                start += len(data)

    def _redirect(self) -> None:
        """A folder's page is at its path with a slash, else its relative links lead astray."""
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", f"{urlsplit(self.path).path.rsplit('/', 1)[-1]}/")
        self._common("text/plain; charset=utf-8", 0, None)

    def _path(self) -> Path | None:
        """The file asked for, or a folder asked for without its slash; None if there is none."""
        name = unquote(urlsplit(self.path).path)
        if "\0" in name:
            return None
        path = (self.folder / name.lstrip("/")).resolve()
        if not path.is_relative_to(self.folder):
            return None
        page = path / "index.html"
        if page.is_file():
            return page if name.endswith("/") else path
        return path if path.is_file() else None

    def _common(self, kind: str, length: int, path: Path | None) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Access-Control-Allow-Origin", "*")
        exposed = "Content-Range, Content-Length, Content-Encoding"
        self.send_header("Access-Control-Expose-Headers", exposed)
        self.send_header("X-Content-Type-Options", "nosniff")
        immutable = path is not None and "runs" in path.relative_to(self.folder).parts
        self.send_header("Cache-Control", "max-age=31536000, immutable" if immutable else "no-cache")
        self.end_headers()

    def _refuse(self, status: HTTPStatus, body: bool, content_range: str | None = None) -> None:
        text = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self._common("text/plain; charset=utf-8", len(text), None)
        if body:
            self.wfile.write(text)


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """[start, stop) of a Range header; None if it lies outside the file.

    Without a header, or with one that is no single range, it is the whole file.
    """
    if not _is_range(header):
        return 0, size
    first, last = _RANGE.fullmatch(header or "").groups()  # type: ignore[union-attr]
    if first == "":
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
    return (start, stop) if start < stop else None


def _is_range(header: str | None) -> bool:
    match = _RANGE.fullmatch(header or "")
    return match is not None and match.group(0) != "bytes=-"


@lru_cache(maxsize=64)
def _packed(path: Path, changed: int) -> bytes:
    """A text file packed; `changed` is when it was last written."""
    return gzip.compress(path.read_bytes(), mtime=0)


def _content_type(path: Path) -> str:
    if path.suffix == ".js":
        return "text/javascript; charset=utf-8"
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
