"""A site's pages around another host's atlas: that it is shown as it is, and what is said if it can't be."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import expect

from feature_atlas import open_atlas
from tests.browser.conftest import WAIT, Sites, Visitor, serving
from tests.synthetic import HOSTILE
from viewer_builder.serve import RangeHandler, byte_range

OWN = "A synthetic atlas"


class Host(ThreadingHTTPServer):
    """A server that takes a browser's closed connections as they come."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing to say."""


@contextmanager
def hosting(handler: type[RangeHandler], folder: Path) -> Iterator[str]:
    """Another host of a folder, with manners of its own; gives the URL of the folder."""
    with Host(("127.0.0.1", 0), partial(handler, folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Closed(RangeHandler):
    """Says nothing of other origins."""

    def send_header(self, keyword: str, value: str) -> None:
        if not keyword.startswith("Access-Control"):
            super().send_header(keyword, value)


class Whole(RangeHandler):
    """Knows no ranges."""

    def _answer(self, *, body: bool) -> None:
        del self.headers["Range"]
        super()._answer(body=body)


class Packing(RangeHandler):
    """Compresses what it sends and cuts ranges out of that, as some hosts do."""

    def _answer(self, *, body: bool) -> None:
        path = self._path()
        if path is None or path.suffix == ".json":
            return super()._answer(body=body)
        packed = gzip.compress(path.read_bytes())
        start, stop = byte_range(self.headers.get("Range"), len(packed)) or (0, len(packed))
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(packed)}")
        self.send_header("Content-Encoding", "gzip")
        self._common("application/octet-stream", stop - start, path)
        self.wfile.write(packed[start:stop])


@pytest.fixture(scope="module")
def far(sites: Sites) -> Iterator[str]:
    """URL of the hostile atlas on a second server."""
    with hosting(RangeHandler, sites.atlas("hostile")) as url:
        yield url


def of(sites: Sites, page: str, place: str) -> str:
    """URL of a page of the normal site that shows the atlas at `place`."""
    return sites.at(f"normal/{page}{'&' if '?' in page else '?'}atlas={quote(place, safe='')}")


def test_its_overview_is_drawn_from_its_manifest(sites: Sites, visitor: Visitor, far: str) -> None:
    manifest = open_atlas(str(sites.atlas("hostile"))).manifest
    page = visitor(origins=2).open(of(sites, "open.html", far))
    expect(page.locator("h1")).to_have_text(manifest.title)
    expect(page.locator(".top .name")).to_have_text(manifest.title)
    rows = page.locator(".dictionaries tbody tr").all_inner_texts()
    told = [[record.id, record.architecture, record.hook_in] for record in manifest.dictionaries]
    assert [row.split("\t")[:3] for row in rows] == told
    assert [row.split("\t")[3].split()[0] for row in rows] == [
        str(r.n_latents) for r in manifest.dictionaries
    ]
    assert [row.split("\t")[4] for row in rows] == [str(r.n_latents - r.alive) for r in manifest.dictionaries]
    heads = page.locator(".all-heads a")
    assert heads.count() == sum(record.n_heads for record in manifest.heads)
    banner = page.get_by_role("complementary", name="another atlas")
    expect(banner).to_contain_text(urlsplit(far).netloc)
    expect(banner.get_by_role("link")).to_have_text(f"back to {OWN}")
    assert page.locator("img").count() == 0 and HOSTILE in page.title()


def test_every_link_carries_it_on(sites: Sites, visitor: Visitor, far: str) -> None:
    visit = visitor(origins=2)
    page = visit.open(of(sites, "open.html", far))
    page.get_by_role("link", name="resid_post.0.x", exact=True).last.click()
    page.wait_for_selector(".row [role=cell]")
    assert urlsplit(page.url).path.endswith("/normal/dictionary.html")
    expect(page.locator("h1")).to_have_text("resid_post.0.x")
    page.locator(".row a").first.click()
    page.wait_for_selector("[data-ready^='resid_post.0.x/']")
    links = page.locator("a[href*='.html']").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    back = [link for link in links if "atlas" not in parse_qs(urlsplit(link).query)]
    assert back == ["index.html"] and len(links) > 10
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("[data-ready^='resid_post.0.x/']:not(.waning)")
    assert parse_qs(urlsplit(page.url).query)["atlas"] == [far]
    page.get_by_role("link", name="about", exact=True).click()
    expect(page.locator(".top .name")).to_have_text(open_atlas(str(sites.atlas("hostile"))).manifest.title)
    expect(page.get_by_text("Subject model", exact=True)).to_be_hidden()
    expect(page.locator("#density")).to_be_visible()
    page.get_by_role("link", name="back to").click()
    expect(page.locator("h1")).to_have_text(OWN)
    assert "atlas=" not in page.url


def test_latents_and_heads_are_the_other_atlas_ones(sites: Sites, visitor: Visitor, far: str) -> None:
    latent = open_atlas(str(sites.atlas("hostile"))).dictionary("resid_post.0.x")[7]
    page = visitor(origins=2).open(of(sites, "latent.html?at=resid_post.0.x/7", far))
    top = latent.examples("top")
    values = page.locator(".example .value").all_inner_texts()
    assert [float(value) for value in values] == pytest.approx([e.activation for e in top], rel=0.005)
    page = visitor(origins=2).open(of(sites, "head.html?at=attn.0/1", far))
    expect(page.locator("h1")).to_have_text("attn.0/1")


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("index.html", "/normal/open.html"),
        ("dictionary/resid_post.0.x.html", "/normal/dictionary.html"),
        ("heads/attn.0.html", "/normal/open.html"),
    ],
)
def test_pages_written_for_the_own_atlas_lead_to_those_drawn_for_any(
    written: str, drawn: str, sites: Sites, visitor: Visitor, far: str
) -> None:
    page = visitor(origins=2).page
    own = written.replace("resid_post.0.x", "resid_post.1.toy")
    page.goto(of(sites, own, far))
    page.wait_for_url(f"**{drawn}*", timeout=WAIT)
    assert parse_qs(urlsplit(page.url).query)["atlas"] == [far]
    if written.startswith("dictionary"):
        expect(page.get_by_role("alert")).to_contain_text("this atlas has no dictionary resid_post.1.toy")


def test_a_path_is_as_good_as_a_url_and_gets_no_cookies(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    visit.page.context.add_cookies([{"name": "secret", "value": "1", "url": sites.url}])
    cookies: list[str] = []
    visit.page.on("request", lambda r: cookies.extend(_cookies(r, "/hostile/")))
    page = visit.open(sites.at("normal/open.html?atlas=../hostile/atlas/"))
    expect(page.locator("h1")).to_have_text(f"Hostile {HOSTILE}")
    page.get_by_role("link", name="head attn.0/0").click()
    page.wait_for_selector("[data-ready='attn.0/0']")
    assert cookies and set(cookies) == {""}


def _cookies(request: object, part: str) -> list[str]:
    if part not in urlsplit(request.url).path:  # type: ignore[attr-defined]
        return []
    return [request.all_headers().get("cookie", "")]  # type: ignore[attr-defined]


def test_the_sites_own_atlas_is_no_foreign_one(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("normal/latent.html?at=resid_post.1.toy/3&atlas=atlas/atlas.json"))
    assert page.get_by_role("complementary").count() == 0


def test_a_url_is_typed_into_the_form(sites: Sites, visitor: Visitor, far: str) -> None:
    page = visitor(origins=2).open(sites.at("normal/open.html"))
    page.get_by_label("URL of its folder").fill(f" {far}/atlas.json ")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(f"Hostile {HOSTILE}")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("javascript:alert(1)", "neither https nor http, but javascript:"),
        ("data:application/json,{}", "neither https nor http, but data:"),
        ("file:///etc", "neither https nor http, but file:"),
        ("https://me:secret@example.org/atlas", "a name or a password"),
        ("https://example.org/atlas?sv=key", "a ? or a #"),
        ("http://example.org/atlas", "its host is http"),
        ("http://[", "this is no URL"),
    ],
)
def test_what_is_not_opened_is_refused_unasked(place: str, says: str, sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    visit.page.goto(of(sites, "latent.html?at=a/1", place))
    expect(visit.page.get_by_role("alert")).to_contain_text(says)
    expect(visit.page.get_by_role("complementary")).to_contain_text("Can’t be opened")
    assert {urlsplit(response.url).netloc for response in visit.responses} == {urlsplit(sites.url).netloc}


def test_an_https_page_reads_nothing_over_http(sites: Sites, visitor: Visitor) -> None:
    """The page is served under an https address by the test."""
    visit = visitor(origins=2)
    folder = sites.folder / "some" / "where" / "normal"

    def answer(route: object) -> None:
        path = folder / urlsplit(route.request.url).path.lstrip("/")  # type: ignore[attr-defined]
        route.fulfill(path=path)  # type: ignore[attr-defined]

    visit.page.route("https://site.example/**", answer)
    visit.page.goto("https://site.example/latent.html?at=a/1&atlas=http://example.org/atlas")
    expect(visit.page.get_by_role("alert")).to_contain_text("browsers let no https page read from there")
    assert visit.origins == {"site.example"}


@pytest.mark.parametrize(
    ("handler", "says", "remedy"),
    [
        (Closed, "can’t reach", "Access-Control-Allow-Origin"),
        (Whole, "the host ignores byte ranges", "206"),
        (Packing, "Either it compresses byte ranges", "Content-Encoding"),
    ],
)
def test_what_a_host_does_wrong_is_told(
    handler: type[RangeHandler], says: str, remedy: str, sites: Sites, visitor: Visitor
) -> None:
    with hosting(handler, sites.atlas("normal")) as url:
        page = visitor(origins=2, quiet=False).page
        page.goto(of(sites, "latent.html?at=resid_post.1.toy/3", url))
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text(says)
        expect(alert).to_contain_text(remedy)


def test_a_host_that_is_not_there_is_told_as_a_browser_knows_it(sites: Sites, visitor: Visitor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        page = visitor(origins=2, quiet=False).page
        page.goto(of(sites, "open.html", f"http://127.0.0.1:{taken.getsockname()[1]}/atlas"))
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Either the host can’t be reached, or it does not let this site read")
        expect(alert).to_contain_text("allow the header Range")


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "there is no atlas at"),
        ("<!doctype html>", "is not JSON"),
        ("null", "is not an atlas"),
        ('{"format": "feature-atlas", "format_version": 99}', "format version 99; this page reads version 1"),
        ('{"format": "feature-atlas", "format_version": 1}', "run is missing or of a wrong kind"),
    ],
)
def test_what_is_no_atlas_is_named(
    manifest: str | None, says: str, sites: Sites, visitor: Visitor, tmp_path: Path
) -> None:
    if manifest is not None:
        (tmp_path / "atlas.json").write_text(manifest)
    with hosting(RangeHandler, tmp_path) as url:
        page = visitor(origins=2, quiet=False).page
        page.goto(of(sites, "open.html", url))
        expect(page.get_by_role("alert")).to_contain_text(says)
        expect(page.get_by_label("URL of its folder")).to_have_value(url)


def test_a_manifest_that_is_bent_is_told_by_its_field(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    manifest = json.loads((sites.atlas("normal") / "atlas.json").read_text())
    manifest["dictionaries"][1]["id"] = {"toString": "alert(1)"}
    (tmp_path / "atlas.json").write_text(json.dumps(manifest))
    with hosting(RangeHandler, tmp_path) as url:
        page = visitor(origins=2).page
        page.goto(of(sites, "open.html", url))
        expect(page.get_by_role("alert")).to_contain_text("dictionaries[1].id is missing or of a wrong kind")


def test_a_group_that_is_bent_leaves_a_message(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    shutil.copytree(sites.atlas("normal"), tmp_path / "atlas")
    meta = next(tmp_path.rglob("resid_post.1.toy.zarr/zarr.json"))
    bent = json.loads(meta.read_text())
    del bent["attributes"]["fields"]["floats"]["max"], bent["attributes"]["sections"]["top"]
    meta.write_text(json.dumps(bent))
    with hosting(RangeHandler, tmp_path / "atlas") as url:
        page = visitor(origins=2).page
        page.goto(of(sites, "latent.html?at=resid_post.1.toy/3", url))
        expect(page.get_by_role("alert")).to_contain_text("This can’t be shown")
        assert re.search(r"atlas=", page.url)


def test_a_served_site_lets_others_ask_for_ranges(sites: Sites, visitor: Visitor) -> None:
    """What a browser asks before it sends a range that is not on its list of harmless ones."""
    with serving(sites.folder) as other:
        page = visitor(origins=2).open(sites.at("normal/open.html"))
        url = f"{other}/some/where/normal/atlas/atlas.json"
        told = page.evaluate(
            """async url => {
                const response = await fetch(url, { headers: { Range: "bytes=-2" } });
                const told = response.headers.get("content-range") !== null;
                return [response.status, await response.text(), told];
            }""",
            url,
        )
    assert told == [206, (sites.atlas("normal") / "atlas.json").read_text()[-2:], True]
