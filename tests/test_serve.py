"""The local server: byte ranges as browsers and Zarr readers ask for them."""

from __future__ import annotations

import gzip
import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from feature_atlas.errors import InputError
from viewer_builder.serve import make_server

DATA = bytes(range(256)) * 10


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page, a shard and a secret beside it."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "secret.txt").write_text("secret")
    page = folder / "site" / "runs"
    page.mkdir(parents=True)
    (page / "shard").write_bytes(DATA)
    (page / "empty").touch()
    (folder / "site" / "index.html").write_text("<p>hello")
    (folder / "site" / "main.js").write_text("0")
    (folder / "site" / "sub").mkdir()
    (folder / "site" / "sub" / "index.html").write_text("<p>below")
    return folder / "site"


@pytest.fixture(scope="module")
def connection(site: Path) -> Iterator[http.client.HTTPConnection]:
    """One connection, kept alive over all requests."""
    with make_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened = http.client.HTTPConnection("127.0.0.1", server.server_port)
        yield opened
        opened.close()
        server.shutdown()


def ask(
    connection: http.client.HTTPConnection,
    path: str,
    byte_range: str | None = None,
    method: str = "GET",
    **headers: str,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    headers |= {} if byte_range is None else {"Range": byte_range}
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


@pytest.mark.parametrize(
    ("byte_range", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=2500-", 2500, 2560),
        ("bytes=2500-9999", 2500, 2560),
        ("bytes=-100", 2460, 2560),
        ("bytes=-9999", 0, 2560),
    ],
)
def test_a_range_is_just_those_bytes(
    connection: http.client.HTTPConnection, byte_range: str, start: int, stop: int
) -> None:
    status, headers, body = ask(connection, "/runs/shard", byte_range)
    assert (status, body) == (206, DATA[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/2560"
    assert headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize("byte_range", ["bytes=2560-", "bytes=9000-9001", "bytes=5-4", "bytes=-0"])
def test_a_range_outside_is_refused(connection: http.client.HTTPConnection, byte_range: str) -> None:
    status, headers, _ = ask(connection, "/runs/shard", byte_range)
    assert (status, headers["Content-Range"]) == (416, "bytes */2560")


@pytest.mark.parametrize("byte_range", [None, "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=x-y"])
def test_what_is_no_single_range_gets_the_whole_file(
    connection: http.client.HTTPConnection, byte_range: str | None
) -> None:
    status, headers, body = ask(connection, "/runs/shard", byte_range)
    assert (status, body, headers["Accept-Ranges"]) == (200, DATA, "bytes")
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_an_empty_file_is_sent(connection: http.client.HTTPConnection) -> None:
    assert ask(connection, "/runs/empty")[::2] == (200, b"")


def test_head_says_the_same_without_the_file(connection: http.client.HTTPConnection) -> None:
    status, headers, body = ask(connection, "/runs/shard", "bytes=-100", "HEAD")
    assert (status, headers["Content-Length"], body) == (206, "100", b"")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/main.js?v=1", "text/javascript; charset=utf-8"),
        ("/runs/shard", "application/octet-stream"),
    ],
)
def test_content_types(connection: http.client.HTTPConnection, path: str, kind: str) -> None:
    assert ask(connection, path)[1]["Content-Type"] == kind


def test_text_is_packed_but_no_range_and_no_shard(connection: http.client.HTTPConnection) -> None:
    takes = {"Accept-Encoding": "gzip, deflate"}
    status, headers, body = ask(connection, "/", **takes)
    assert (status, headers["Content-Encoding"], gzip.decompress(body)) == (200, "gzip", b"<p>hello")
    assert headers["Content-Length"] == str(len(body))
    assert ask(connection, "/", method="HEAD", **takes)[1]["Content-Length"] == str(len(body))
    for path, byte_range, sent in (("/", "bytes=0-2", b"<p>"), ("/runs/shard", None, DATA)):
        _, headers, body = ask(connection, path, byte_range, **takes)
        assert (headers["Content-Encoding"], body) == (None, sent)


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/%00", "/none", "/runs"],
)
def test_nothing_outside_the_folder_is_served(connection: http.client.HTTPConnection, path: str) -> None:
    assert ask(connection, path)[0] == 404


def test_a_folder_is_at_its_path_with_a_slash(connection: http.client.HTTPConnection) -> None:
    status, headers, _ = ask(connection, "/sub")
    assert (status, headers["Location"]) == (301, "sub/")
    assert ask(connection, "/sub/")[::2] == (200, b"<p>below")


def test_a_folder_without_a_page_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no index\.html; render a site there: atlas site"):
        make_server(tmp_path, 0)


def test_a_taken_port_is_said_and_another_is_used(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = f"from viewer_builder.serve import *; serve(Path({str(site)!r}), {port})"
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            process.terminate()
    assert line.startswith(f"port {port} is taken; serving ")
    assert "http://127.0.0.1:" in line and f":{port}/" not in line
