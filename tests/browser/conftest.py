"""A real Chromium on synthetic sites: what every browser test stands on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response

from tests import synthetic
from tests.browser.chromium import MISSING, find_chromium, open_browser
from tests.synthetic_long import long
from viewer_builder.build import build_site
from viewer_builder.serve import make_server

WAIT = 15_000  # milliseconds: a slow machine is no failure


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; fails, with the remedy, if there is none."""
    found = find_chromium()
    if found is None:
        pytest.fail(MISSING, pytrace=False)
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One browser for all tests; each visit has a context of its own."""
    with open_browser(chromium) as opened:
        yield opened


@dataclass(frozen=True)
class Sites:
    """The synthetic sites, each under a path prefix of one server."""

    url: str
    folder: Path

    def at(self, path: str) -> str:
        """URL of a page, e.g. `normal/index.html`."""
        return f"{self.url}/some/where/{path}"

    def atlas(self, name: str) -> Path:
        """Folder of the atlas that a site shows."""
        return self.folder / "some" / "where" / name / "atlas"


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """Normal, hostile, large, long and broken, rendered and served."""
    atlases, www = tmp_path_factory.mktemp("atlases"), tmp_path_factory.mktemp("www")
    for make in (synthetic.normal, synthetic.hostile, synthetic.large, long):
        make(atlases / make.__name__)
    shutil.copytree(atlases / "normal", atlases / "broken")
    synthetic.lose_shard(atlases / "broken")
    for atlas in atlases.iterdir():
        build_site(str(atlas), www / "some" / "where" / atlas.name, link=None)
    (www / "index.html").touch()
    with serving(www) as url:
        yield Sites(url, www)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder; gives its URL without a slash at the end."""
    with make_server(folder, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@dataclass
class Visit:
    """A page, and all that happened on it. Events are "request" and "finished", in their order."""

    page: Page
    allowed: int
    origins: set[str] = field(default_factory=set)
    responses: list[Response] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, url: str) -> Page:
        """Goes to a page and waits until it has drawn what it shows."""
        self.page.goto(url)
        self.page.wait_for_selector("[data-ready]", timeout=WAIT)
        return self.page

    def forget(self) -> None:
        """Counts from here."""
        self.responses.clear()
        self.events.clear()

    def data(self) -> list[Response]:
        """Responses from the atlas beyond manifest, metadata and vocabulary."""
        known = ("atlas.json", "zarr.json")
        return [
            response
            for response in self.responses
            if "/atlas/" in response.url
            and not response.url.endswith(known)
            and "vocabulary.zarr" not in response.url
        ]

    def rounds(self) -> int:
        """How often requests had to wait for the answers of others."""
        starts = zip(["finished", *self.events], self.events, strict=False)
        return sum(before == "finished" and now == "request" for before, now in starts)


def size(responses: list[Response]) -> int:
    """Bytes of the bodies."""
    return sum(int(response.headers["content-length"]) for response in responses)


Visitor = Callable[..., Visit]


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """Opens visits; afterwards nothing may have been said on the console, asked, or fetched elsewhere."""
    visits: list[Visit] = []
    contexts = []

    def visit(
        *, width: int = 1280, height: int = 900, quiet: bool = True, origins: int = 1, **options: object
    ) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        made = Visit(context.new_page(), origins)
        _listen(made, quiet)
        visits.append(made)
        return made

    yield visit
    for context in contexts:
        context.close()
    for each in visits:
        assert not each.complaints
        assert len(each.origins) <= each.allowed, each.origins


def _listen(visit: Visit, quiet: bool) -> None:
    page = visit.page
    page.set_default_timeout(WAIT)
    page.on("request", lambda request: visit.origins.add(urlsplit(request.url).netloc or "data:"))
    page.on("request", lambda _: visit.events.append("request"))
    page.on("requestfinished", lambda _: visit.events.append("finished"))
    page.on("response", lambda response: visit.responses.append(response))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}"))
    page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
    if quiet:
        page.on("console", lambda message: visit.complaints.extend(_complaint(message.text)))


def _complaint(text: str) -> list[str]:
    """What is said on the console, but for what a headless browser's software renderer says of itself."""
    return [] if "GL Driver Message" in text else [f"console: {text}"]
