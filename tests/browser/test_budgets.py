"""What a latent page costs: requests, bytes and script (design section 9)."""

from __future__ import annotations

import gzip
import re
from collections import Counter

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Sites, Visitor, size
from tests.browser.test_accessible import PAGES

KIB = 1024
SHIFT = 0.05  # half of what a visitor takes for calm, by the web's usual measure
_WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifted += each.value;
}).observe({ type: "layout-shift", buffered: true });
"""
LABELLED = "hostile/latent.html?at=resid_post.0.x/7"


@pytest.mark.parametrize("at", ["normal/latent.html?at=resid_post.1.toy/3", LABELLED])
def test_a_cold_latent_page(at: str, sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    visit.open(sites.at(at))
    visit.page.wait_for_load_state("networkidle")
    assert len(visit.data()) <= 10
    assert size(visit.data()) <= 64 * KIB


def test_the_next_latent_of_the_same_shard(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at("normal/latent.html?at=resid_post.1.toy/3"))
    page.wait_for_load_state("networkidle")
    visit.forget()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-ready="resid_post.1.toy/4"]')).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert 0 < len(visit.responses) <= 4
    assert size(visit.responses) <= 10 * KIB


def test_the_script(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    visit.open(sites.at(LABELLED))
    visit.page.wait_for_load_state("networkidle")
    scripts = [each.body() for each in visit.responses if re.search(r"\.js(\?|$)", each.url)]
    assert 0 < sum(len(gzip.compress(script)) for script in scripts) <= 80_000


@pytest.mark.parametrize("late", ["ahead.js", "main.js"])
def test_nothing_is_asked_for_twice(late: str, sites: Sites, visitor: Visitor) -> None:
    """Whichever script comes first asks for the manifest and the metadata; the other one does not."""
    visit, held = visitor(), list[Route]()
    visit.page.route(re.compile(late), lambda route: held.append(route))
    visit.page.goto(sites.at(LABELLED), wait_until="commit")
    if late == "main.js":
        visit.page.wait_for_event("response", lambda each: "resid_post.0.x.zarr/zarr.json" in each.url)
    else:
        visit.page.wait_for_selector("[data-ready]")
    held[0].continue_()
    visit.page.wait_for_selector("[data-ready]")
    visit.page.wait_for_load_state("networkidle")
    asked = Counter((each.url, each.request.headers.get("range")) for each in visit.responses)
    assert asked.total() > 10
    assert {each: n for each, n in asked.items() if n > 1} == {}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "kind", ["overview", "latent", "dictionary", "map", "head", "token", "embedded", "patterns"]
)
def test_nothing_moves_while_a_page_loads(kind: str, width: int, sites: Sites, visitor: Visitor) -> None:
    page = visitor(width=width).page
    page.add_init_script(_WATCH_SHIFTS)
    page.goto(sites.at(PAGES[kind]))
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifted") <= SHIFT
