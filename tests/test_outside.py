"""What is checked from outside, against hosts that do one thing wrong."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.core.blobs import Headers
from pipeline.core.blobs_local import LocalPlace
from pipeline.core.outside import is_private, wrong_outside
from pipeline.core.publication import Publication
from tests.synthetic import Units, prose, write_atlas
from viewer_builder.build import build_site
from viewer_builder.serve import RangeHandler


class Served(LocalPlace):
    """A folder, and where it is served."""

    cors_advice = "Set the rule."
    host = ""

    def public_url(self, name: str) -> str | None:
        return f"{self.host}/{name}"


class Host(RangeHandler):
    """A server that does one thing wrong."""

    fault = ""

    def send_header(self, keyword: str, value: str) -> None:
        if self.fault == "no CORS" and keyword.startswith("Access-Control"):
            return
        if self.fault == "nothing exposed" and keyword == "Access-Control-Expose-Headers":
            return
        if self.fault == "all is text" and keyword == "Content-Type":
            value = "text/plain"
        if self.fault == "no Content-Range" and keyword == "Content-Range":
            return
        if self.fault == "packed" and keyword == "Content-Type" and "Range" in self.headers:
            super().send_header("Content-Encoding", "gzip")
        super().send_header(keyword, value)

    def do_GET(self) -> None:
        if self.fault == "private":
            return self._refuse(HTTPStatus.FORBIDDEN, True)
        if self.fault == "ranges ignored":
            del self.headers["Range"]
        if self.fault == "other bytes" and (
            found := re.match(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        ):
            del self.headers["Range"]
            start, stop = int(found[1]), int(found[2]) + 1
            data = gzip.compress((self.folder / self.path.lstrip("/")).read_bytes())[start:stop]
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            return None
        return super().do_GET()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a small atlas."""
    folder = tmp_path_factory.mktemp("site")
    units = [Units("resid_post.0.x", "resid_post.0", 16)]
    build_site(str(write_atlas(folder / "atlas", "Small", prose(5), units)), folder / "site", link=None)
    return folder / "site"


@pytest.fixture
def served(site: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """The site behind a host with the fault that the test names."""
    handler = type("Faulty", (Host,), {"fault": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, site.resolve()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = Served(site)
    place.host = f"http://127.0.0.1:{server.server_port}"
    yield place
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("served", "told"),
    [
        ("", []),
        ("ranges ignored", ["answers a byte range with 200, not 206"]),
        ("packed", ["comes packed (gzip): switch compression off"]),
        ("other bytes", ["holds other bytes than were sent", "tells the Content-Range None, not bytes", "*"]),
        ("no Content-Range", ["tells the Content-Range None"]),
        (
            "all is text",
            ["has the Content-Type text/plain: the host must say text/html"] + ["text/javascript"],
        ),
        ("no CORS", ["Access-Control-Allow-Origin: *; Access-Control-Expose-Headers: content-range"]),
        ("nothing exposed", ["does not answer Access-Control-Expose-Headers: content-range, content-length"]),
    ],
    indirect=["served"],
)
def test_each_fault_is_told_with_what_to_set(served: Served, site: Path, told: list[str]) -> None:
    publication = Publication.of(str(site))
    assert not is_private(served, publication)
    lines = list(wrong_outside(served, publication))
    assert len(lines) == len(told)
    for line, part in zip(lines, told, strict=True):
        assert part in line
        assert "Access-Control" not in line or line.endswith(Served.cors_advice)


@pytest.mark.parametrize("served", ["private"], indirect=True)
def test_a_private_place(served: Served, site: Path) -> None:
    assert is_private(served, Publication.of(str(site)))


@pytest.mark.parametrize("served", [""], indirect=True)
def test_a_stale_copy_is_found(served: Served, site: Path, tmp_path: Path) -> None:
    """The host has one page, and another was published."""
    publication = Publication.of(str(site))
    page = (site / "index.html").read_bytes()
    served.put("index.html", page + b"<!-- old -->", Headers.of("index.html", ""))
    host = Served(tmp_path)
    host.host = served.host
    before = publication.root / "index.html"
    assert before.read_bytes() != page
    other = Publication(tmp_path, "site", {}, {"index.html": (len(page), "")}, None)
    (tmp_path / "index.html").write_bytes(page)
    (line,) = wrong_outside(host, other)
    assert "is not the file that was sent" in line
    served.put("index.html", page, Headers.of("index.html", ""))
