"""The overview and about pages, and what all pages have in common."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Sites, Visitor, serving

PAGES = (
    "index.html",
    "about.html",
    "dictionary/resid_post.1.toy.html",
    "latent.html?at=resid_post.1.toy/3",
    "latent.html?at=mlp_post.0/3&show=lowest",
    "head.html?at=attn.1/1",
    "heads/attn.1.html",
    "heads.html",
)


def test_the_way_from_the_overview_to_a_latent(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.goto(sites.at("normal/index.html"))
    card = page.locator(".card a").first
    address = card.inner_text()
    card.click()
    page.wait_for_selector(f'[data-ready="{address}"]')
    page.go_back()
    page.locator(".ladder a", has_text="resid_post.1.toy").click()
    page.wait_for_selector(".row")
    assert page.url == sites.at("normal/dictionary/resid_post.1.toy.html")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_only_downwards(sites: Sites, visitor: Visitor, path: str, scheme: str) -> None:
    visit = visitor(width=390, height=844, color_scheme=scheme)
    visit.page.goto(sites.at(f"normal/{path}"))
    if not path.startswith(("index", "about", "heads/")):
        visit.page.wait_for_selector("[data-ready]")
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visit.page.evaluate(width) == 0


def test_the_overview_needs_no_script(sites: Sites, visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False).page
    page.goto(sites.at("normal/index.html"))
    assert page.locator(".card .cell").count() > 50
    assert page.locator(".ladder svg rect").count() > 10
    page.goto(sites.at("normal/dictionary/resid_post.1.toy.html"))
    assert page.get_by_role("link", name="resid_post.1.toy/0", exact=True).count() == 1


def test_a_site_works_at_the_root_of_a_server_too(sites: Sites, visitor: Visitor) -> None:
    with serving(sites.folder / "some" / "where" / "normal") as url:
        visit = visitor()
        visit.open(f"{url}/dictionary/mlp_post.0.html")
        visit.page.locator(".row a").first.click()
        visit.page.wait_for_selector(".latent[data-ready]")


def test_every_definition_that_is_linked_is_there(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at("normal/latent.html?at=mlp_post.0/3"))
    links = page.locator(".figures a, .statistics a").evaluate_all("all => all.map(a => a.hash)")
    page.goto(sites.at("normal/about.html"))
    assert links and all(page.locator(link).count() == 1 for link in links)
