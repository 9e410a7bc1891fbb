"""The list of a dictionary: sorting, filtering, moving, and what it costs."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from feature_atlas import Dictionary, open_atlas
from tests.browser.conftest import Sites, Visitor, size
from tests.synthetic import HOSTILE
from viewer_builder.spreads import N_BARS

NORMAL = "normal/dictionary/resid_post.1.toy.html"
LARGE = "large/dictionary/resid_post.0.large.html"


def shown(page: Page) -> list[int]:
    """The latents in sight, from the top."""
    rows = page.locator(".row").evaluate_all(
        "all => all.map(row => [+row.ariaRowIndex, +row.querySelector('a').textContent])"
    )
    return [latent for _, latent in sorted(rows)]


def query(page: Page) -> dict[str, list[str]]:
    """The query of the page's URL, now: `page.url` lags behind."""
    return parse_qs(page.evaluate("location.search.slice(1)"))


def spread(page: Page, statistic: str) -> Locator:
    """The histogram of a statistic."""
    return page.locator(f'.spread[data-statistic="{statistic}"]')


def heights(drawn: Locator) -> np.ndarray[Any, Any]:
    """Height of each bar of a histogram's path; the tallest is 1."""
    found = np.zeros(N_BARS)
    for bar, top in re.findall(r"M(\d+) 36V([\d.]+)", drawn.get_attribute("d") or ""):
        found[int(bar)] = 1 - float(top) / 36
    return found


def bars(dictionary: Dictionary, statistic: str, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same by numpy, for some of the latents on the axis of all that live."""
    values = dictionary.stat(statistic).astype(np.float64)
    all_ = values[(dictionary.stat("density") > 0) & np.isfinite(values)]
    log = all_.min() > 0 and statistic != "concentration"
    ends = (np.log(all_) if log else all_).min(), (np.log(all_) if log else all_).max()
    some = values[rows][np.isfinite(values[rows])]
    counts, _ = np.histogram(np.log(some) if log else some, N_BARS, ends)
    return counts / max(1, counts.max())


def drag(page: Page, statistic: str, start: float, end: float) -> None:
    """Drags over a histogram, from one share of its width to another."""
    box = spread(page, statistic).locator(".brush").bounding_box()
    assert box
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(x + (start + end) / 2 * box["width"], y)
    page.mouse.move(x + end * box["width"], y)
    page.mouse.up()


def bounds(page: Page, statistic: str) -> tuple[np.float32, np.float32]:
    """The range of a statistic in the URL, in the precision of the column."""
    low, high = query(page)[statistic][0].split("..")
    return np.float32(low or "-inf"), np.float32(high or "inf")


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
    assert query(page) == {"sort": ["skew"], "order": ["up"]}


def test_filters_narrow_the_list_and_live_in_the_url(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    atlas = open_atlas(str(sites.atlas("normal")))
    dictionary = atlas["resid_post.1.toy"]
    tokens = [atlas.vocabulary[t] for t in dictionary.stat("top_token")]
    page.keyboard.press("f")
    page.keyboard.type("er")
    page.get_by_role("slider", name="lowest density").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.get_by_label("last index").fill("250")
    page.keyboard.press("Enter")
    low, _ = bounds(page, "density")
    density = dictionary.stat("density")
    wanted = [i for i in range(251) if "ER" in tokens[i].upper() and density[i] >= low]
    assert 0 < len(wanted) < sum("ER" in token.upper() for token in tokens[:251])
    expect(page.locator("output")).to_have_text(f"{len(wanted)} of 300")
    assert sorted(shown(page)) == wanted
    assert query(page)["token"] == ["er"] and query(page)["index"] == ["..250"]
    page.reload()
    expect(page.locator("output")).to_have_text(f"{len(wanted)} of 300")
    page.get_by_label("top token contains").fill("no such token")
    expect(page.get_by_text("No latent fits")).to_be_visible()
    page.get_by_role("button", name="clear all filters").click()
    living = int((density > 0).sum())
    expect(page.locator("output")).to_have_text(f"{living} of 300")
    assert query(page) == {}


def test_a_brush_filters_the_list_and_the_other_histograms(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    dictionary = open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"]
    living = dictionary.stat("density") > 0
    value = {name: dictionary.stat(name) for name in ("max", "skew")}
    drag(page, "max", 0.8, 0.3)
    drag(page, "skew", 0.2, 0.9)
    inside = {}
    for name, values in value.items():
        low, high = bounds(page, name)
        inside[name] = (values >= low) & (values <= high)
    rows = living & inside["max"] & inside["skew"]
    assert 0 < rows.sum() < min(inside["max"].sum(), inside["skew"].sum())
    expect(page.locator("output")).to_have_text(f"{rows.sum()} of 300")
    others = {"max": inside["skew"], "skew": inside["max"], "density": rows, "mean_firing": rows}
    for name, passes in others.items():
        drawn = spread(page, name)
        wanted = bars(dictionary, name, np.flatnonzero(living & passes))
        np.testing.assert_allclose(heights(drawn.locator(".bar")), wanted, atol=0.001, err_msg=name)
        all_ = bars(dictionary, name, np.flatnonzero(living))
        np.testing.assert_allclose(heights(drawn.locator(".all")), all_, atol=0.001, err_msg=name)
    spread(page, "max").locator(".brush").dblclick()
    expect(page.locator("output")).to_have_text(f"{(living & inside['skew']).sum()} of 300")
    assert set(query(page)) == {"skew"}


def test_a_brush_moves_by_its_edges_and_as_a_whole(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    drag(page, "max", 0.3, 0.7)
    low, high = bounds(page, "max")
    drag(page, "max", 0.7, 0.9)
    assert bounds(page, "max")[0] == low and bounds(page, "max")[1] > high
    drag(page, "max", 0.5, 0.9)
    moved = bounds(page, "max")
    assert moved[0] > low and moved[1] == np.inf
    page.get_by_role("button", name="any max").click()
    assert query(page) == {}


def test_the_edges_of_a_brush_are_sliders(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    dictionary = open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"]
    highest = page.get_by_role("slider", name="highest max")
    low, high = (float(highest.get_attribute(f"aria-value{end}") or "") for end in ("min", "max"))
    living = dictionary.stat("max")[dictionary.stat("density") > 0]
    assert (low, high) == (float(living.min()), float(living.max()))
    expect(highest).to_have_attribute("aria-valuetext", re.compile("not bounded"))
    highest.focus()
    for key in ("PageDown", "ArrowLeft", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    _, bound = bounds(page, "max")
    assert float(bound) == pytest.approx(low * (high / low) ** (1 - 6 / N_BARS), rel=0.01)
    assert np.float32(highest.get_attribute("aria-valuenow")) == bound
    expect(page.locator("output")).to_have_text(f"{(living <= bound).sum()} of 300")
    page.keyboard.press("Home")
    assert bounds(page, "max")[1] == pytest.approx(low, rel=0.01)
    page.keyboard.press("Delete")
    assert query(page) == {}


def test_shapes_counted_in_the_page_are_those_of_the_builder(sites: Sites, visitor: Visitor) -> None:
    columns = "columns=density+firings+max+min+mean+mean_firing+variance+skew+kurtosis+concentration"
    page = visitor().open(sites.at(f"{NORMAL}?{columns}"))
    told = page.locator(".spread .all").evaluate_all("all => all.map(path => path.getAttribute('d'))")

    def untold(route: Route) -> None:
        html = route.fetch().text()
        assert 'id="spreads"' in html
        route.fulfill(body=html.replace('id="spreads"', 'id="others"'), content_type="text/html")

    page.route("**/*.html*", untold)
    page.reload()
    expect(page.locator(".spread .all")).to_have_count(10)
    counted = page.locator(".spread .all").evaluate_all("all => all.map(path => path.getAttribute('d'))")
    assert counted == told and len(set(told)) > 5


def test_columns_are_chosen_and_read_when_they_are_shown(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(f"{NORMAL}?columns=max"))
    page.wait_for_load_state("networkidle")
    read = {
        response.url.split("/stats/")[1].split("/")[0]
        for response in visit.data()
        if "/stats/" in response.url
    }
    assert read == {"max", "concentration", "density", "top_token"}
    heads = page.get_by_role("columnheader")
    assert heads.all_inner_texts()[2:4] == ["max", "conc."]
    page.get_by_text("columns", exact=True).click()
    expect(page.get_by_role("checkbox", name="variance")).to_have_accessible_description(
        "central second moment over all counted tokens"
    )
    page.get_by_role("checkbox", name="variance").check()
    page.get_by_role("checkbox", name="max").uncheck()
    assert query(page)["columns"] == ["variance"]
    variance = open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"].stat("variance")
    expect(page.locator(".row .c-stat").first).to_have_text(f"{variance[shown(page)[0]]:.3g}")
    page.get_by_role("checkbox", name="concentration").uncheck()
    assert query(page)["sort"] == ["index"]
    expect(page.get_by_role("columnheader", name="latent")).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("Escape")
    expect(page.get_by_role("checkbox", name="variance")).to_be_hidden()


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
    page.get_by_role("columnheader", name="skew").get_by_role("button").click()
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
    assert query(page)["label"] == ["LABEL <"]
    page.get_by_label("label contains").fill("nobody said this")
    expect(page.get_by_text("No latent fits")).to_be_visible()


def test_without_labels_there_is_nothing_to_search(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(NORMAL))
    expect(page.get_by_label("top token contains")).to_be_visible()
    expect(page.get_by_label("label contains")).to_have_count(0)
