"""axe, the accessibility checker, on every kind of page in both themes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

import site_template
from tests.browser.conftest import Sites, Visitor

AXE = Path(site_template.__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
TOY = "normal/latent.html?at=resid_post.1.toy/3"
PAGES = {
    "overview": "normal/index.html",
    "latent": TOY,
    "latent, labelled": "hostile/latent.html?at=resid_post.0.x/7",
    "neuron": "normal/latent.html?at=mlp_post.0/3&show=lowest",
    "latent that can’t be read": "broken/latent.html?at=resid_post.1.toy/3",
    "latent that is not there": "normal/latent.html?at=nonsense/3",
    "dictionary": "normal/dictionary/resid_post.1.toy.html",
    "head": "normal/head.html?at=attn.1/2",
    "heads": "normal/heads/attn.1.html",
    "all heads": "normal/heads.html",
    "map": "normal/dictionary/resid_post.1.toy.html?view=map",
    "nothing fits": "normal/dictionary/resid_post.1.toy.html?token=nonsense",
    "results": "normal/search.html?q=harbour",
    "token": "normal/token.html?text=%20harbour",
    "side by side": "normal/compare.html?a=resid_post.1.toy/3&b=resid_post.1.toy/4",
    "one side": "normal/compare.html?a=resid_post.1.toy/3",
    "a shared list": "normal/list.html?items=resid_post.1.toy/3&title=A+list",
    "any atlas": "normal/open.html",
    "another atlas": "normal/open.html?atlas=../hostile/atlas",
    "embedded": "normal/latent.html?at=resid_post.1.toy/3&embed=1&show=activations",
    "patterns": "normal/patterns.html",
    "about": "normal/about.html",
}


def violations(page: Page) -> list[str]:
    """What axe finds wrong: its rule, and the elements."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_axe_finds_nothing(kind: str, theme: str, sites: Sites, visitor: Visitor) -> None:
    page = visitor(color_scheme=theme, quiet=False, reduced_motion="reduce").page
    page.goto(sites.at(PAGES[kind]))
    page.wait_for_load_state("networkidle")
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(theme: str, sites: Sites, visitor: Visitor) -> None:
    page = visitor(width=360, height=740, color_scheme=theme, reduced_motion="reduce").open(sites.at(TOY))
    page.locator("li.example .value").first.click()
    page.get_by_role("button", name="keys").click()
    assert violations(page) == []
