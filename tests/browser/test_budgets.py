"""What a latent page costs: requests, bytes and script (design section 9)."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Sites, Visitor, size

KIB = 1024
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
    scripts = [each.body() for each in visit.responses if ".js" in each.url]
    assert 0 < sum(len(gzip.compress(script)) for script in scripts) <= 80_000
