"""The list of a dictionary: sorting, filtering, moving, and what it costs."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np
from playwright.sync_api import Page, expect

from feature_atlas import open_atlas
from tests.browser.conftest import Sites, Visitor, size
from tests.synthetic import HOSTILE

NORMAL = "normal/dictionary/resid_post.1.toy.html"
LARGE = "large/dictionary/resid_post.0.large.html"


def shown(page: Page) -> list[int]:
    """The latents in sight, from the top."""
    rows = page.locator(".row").evaluate_all(
        "all => all.map(row => [+row.ariaRowIndex, +row.querySelector('a').textContent])"
    )
    return [latent for _, latent in sorted(rows)]


def test_a_click_on_a_head_sorts_and_a_second_turns_it(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    dictionary = open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"]
    living = np.flatnonzero(dictionary.stat("density") > 0)
    skew = dictionary.stat("skew")[living]
    head = page.get_by_role("columnheader", name="skew")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert shown(page)[:10] == living[np.argsort(-skew, kind="stable")][:10].tolist()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert shown(page)[:10] == living[np.argsort(skew, kind="stable")][:10].tolist()
    assert parse_qs(urlsplit(page.url).query) == {"sort": ["skew"], "order": ["up"]}


def test_filters_narrow_the_list_and_live_in_the_url(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    atlas = open_atlas(str(sites.atlas("normal")))
    dictionary = atlas["resid_post.1.toy"]
    tokens = [atlas.vocabulary[t] for t in dictionary.stat("top_token")]
    density = dictionary.stat("density")
    wanted = [i for i, token in enumerate(tokens) if "ER" in token.upper() and density[i] >= 0.004]
    page.keyboard.press("f")
    page.keyboard.type("er")
    page.get_by_label("lowest density in percent").fill("0.4")
    page.keyboard.press("Enter")
    expect(page.locator("output")).to_have_text(f"{len(wanted)} of 300")
    assert sorted(shown(page)) == wanted
    page.reload()
    expect(page.locator("output")).to_have_text(f"{len(wanted)} of 300")
    page.get_by_label("top token contains").fill("no such token")
    expect(page.get_by_text("No latent fits")).to_be_visible()


def test_dead_latents_are_shown_when_asked_for(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    dead = int((open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"].stat("firings") == 0).sum())
    expect(page.locator("output")).to_have_text(f"{300 - dead} of 300")
    page.get_by_label("dead too").check()
    expect(page.locator("output")).to_have_text("300 of 300")


def test_a_long_list_holds_only_the_rows_in_sight(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{LARGE}?sort=index&order=up&dead=1"))
    expect(page.locator("output")).to_have_text("24,576 of 24,576")
    assert page.locator(".row").count() < 50
    page.locator(".list-body").focus()
    page.keyboard.press("End")
    expect(page.locator(".row a:focus")).to_have_text("24575")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".row a:focus")).to_have_text("24574")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row a:focus")).to_have_text("1")
    assert page.locator(".row").count() < 50


def test_a_row_opens_its_latent_and_back_returns_to_the_list(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?sort=max"))
    link = page.locator(".row a").first
    latent = link.inner_text()
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(f'[data-ready="resid_post.1.toy/{latent}"]')
    page.go_back()
    page.wait_for_selector(".row")
    assert "sort=max" in page.url


def test_rows_after_a_sort_stay_within_their_budget(sites: Sites, visitor: Visitor) -> None:
    """Two rounds and 64 KiB beyond the sort column for the rows in sight, though they lie all over."""
    visit = visitor()
    page = visit.open(sites.at(LARGE))
    page.wait_for_selector(".row .snippet")
    page.wait_for_load_state("networkidle")
    visit.forget()
    page.get_by_role("columnheader", name="kurtosis").get_by_role("button").click()
    page.wait_for_timeout(200)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".row .snippet .cell").first).to_be_visible()
    assert 0 < visit.rounds() <= 2
    assert 0 < size(visit.data()) <= 64 * 1024


def test_the_first_rows_stay_within_their_budget(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(LARGE))
    page.wait_for_selector(".row .snippet")
    previews = [response for response in visit.data() if "/preview/" in response.url]
    assert 0 < size(previews) <= 64 * 1024


def test_labels_stand_in_the_list_and_can_be_searched(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("hostile/dictionary/resid_post.0.x.html?dead=1"))
    page.get_by_label("label contains").fill("LABEL <")
    expect(page.locator("output")).to_have_text("1 of 64")
    assert shown(page) == [7]
    expect(page.locator(".row .label")).to_have_text(f"label {HOSTILE}")
    assert parse_qs(urlsplit(page.url).query)["label"] == ["LABEL <"]
    page.get_by_label("label contains").fill("nobody said this")
    expect(page.get_by_text("No latent fits")).to_be_visible()


def test_without_labels_there_is_nothing_to_search(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    expect(page.get_by_label("top token contains")).to_be_visible()
    expect(page.get_by_label("label contains")).to_have_count(0)
