"""The head finder: any two scores against each other, and the table that holds them."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from feature_atlas import Atlas, open_atlas
from feature_atlas.contract import METRICS
from tests.browser.conftest import Sites, Visitor

X, Y = "random_prev_token_score", "random_induction_score"


def atlas_of(sites: Sites) -> Atlas:
    return open_atlas(str(sites.atlas("long")))


def scores(sites: Sites, metric: str) -> dict[str, float]:
    atlas = atlas_of(sites)
    return {
        f"{record.id}/{head}": float(value)
        for record in atlas.manifest.heads
        for head, value in enumerate(atlas.heads(record.id).score(metric))
    }


def places(page: Page) -> list[tuple[float, float]]:
    read = "all => all.map(c => [Number(c.getAttribute('cx')), Number(c.getAttribute('cy'))])"
    return [tuple(place) for place in page.locator("circle.point").evaluate_all(read)]


def test_points_lie_where_the_scores_say(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("long/heads.html"))
    x, y = np.array(list(scores(sites, X).values())), np.array(list(scores(sites, Y).values()))
    drawn = np.array(places(page))
    assert len(drawn) == len(x) == 15
    assert np.corrcoef(drawn[:, 0], x)[0, 1] > 0.99999
    assert np.corrcoef(drawn[:, 1], -y)[0, 1] > 0.99999


def test_the_axes_are_in_the_address_and_may_be_logarithmic(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("long/heads.html"))
    page.get_by_role("combobox", name="across").select_option("qk_distance")
    page.get_by_role("combobox", name="up").select_option("copying_score")
    page.get_by_label("logarithmic").first.check()
    assert page.url.endswith("?x=qk_distance&y=copying_score&log=x")
    expect(page.get_by_label("logarithmic").last).to_be_disabled()  # some are below 0
    page.reload()
    page.wait_for_selector("[data-ready]")
    values = np.log(np.array(list(scores(sites, "qk_distance").values())))
    assert np.corrcoef(np.array(places(page))[:, 0], values)[0, 1] > 0.99999
    doc = next(field.doc for field in METRICS if field.name == "qk_distance")
    expect(page.locator(".axis-choice").first).to_contain_text(doc)


def test_arrow_keys_walk_the_points_in_order_and_enter_opens(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("long/heads.html"))
    x, y = scores(sites, X), scores(sites, Y)
    page.locator(".scatter").focus()
    seen: list[str] = []
    for _ in x:
        page.keyboard.press("ArrowRight")
        seen.append(page.locator(".finder-card a").inner_text())
    assert seen == sorted(x, key=lambda address: x[address])
    page.keyboard.press("ArrowUp")
    above = page.locator(".finder-card a").inner_text()
    assert y[above] == min((v for v in y.values() if v > y[seen[-1]]), default=y[seen[-1]])
    card = page.locator(".finder-card")
    expect(card).to_contain_text("strongest score")
    told = [float(text) for text in card.locator("dd").all_inner_texts()]
    assert told == pytest.approx([x[above], y[above]], abs=0.001)
    expect(page.get_by_role("group", name=f"at {above}")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(f'[data-ready="{above}"]')


def test_the_table_and_the_points_show_each_other(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("long/heads.html"))
    page.locator("tbody tr", has_text="attn.1/2").hover()
    expect(page.locator(".finder-card a")).to_have_text("attn.1/2")
    ring = page.locator("circle.pointed")
    index = list(scores(sites, X)).index("attn.1/2")
    assert float(ring.get_attribute("cx") or 0) == pytest.approx(places(page)[index][0])
    point = page.locator("circle.point").nth(7)
    box = point.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    row = page.locator("tbody tr.is-pointed")
    address = list(scores(sites, X))[7]
    expect(row.locator("th")).to_have_text(address)
    expect(row).to_be_visible()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(f'[data-ready="{address}"]')


def test_a_layer_is_shown_alone_and_the_table_sorted(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("long/heads/attn.2.html").replace("heads/attn.2.html", "heads.html"))
    page.get_by_role("combobox", name="layer").select_option("2")
    expect(page.locator("circle.point")).to_have_count(5)
    expect(page.locator("tbody tr:visible")).to_have_count(5)
    page.get_by_role("button", name="sort by induction", exact=True).click()
    assert {"layer=2", "sort=-induction_score"} == set(page.url.partition("?")[2].split("&"))
    page.reload()
    page.wait_for_selector("[data-ready]")
    shown = page.locator("tbody tr:visible th").all_inner_texts()
    values = [scores(sites, "induction_score")[address] for address in shown]
    assert len(shown) == 5 and all(a >= b for a, b in pairwise(values))
    expect(page.locator("circle.point")).to_have_count(5)


def test_without_a_script_the_table_is_there(sites: Sites, visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False).page
    page.goto(sites.at("long/index.html"))
    page.get_by_role("link", name=re.compile("any two scores")).click()
    assert page.locator("tbody tr").count() == 15
    assert page.locator("tbody tr").first.locator("td").count() == len(METRICS)
    page.get_by_role("link", name="attn.1/2", exact=True).click()
    assert "head.html?at=attn.1/2" in page.url


def test_it_asks_the_atlas_for_nothing(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    visit.open(sites.at("long/heads.html"))
    assert not [response.url for response in visit.responses if "/atlas/" in response.url]


def test_layers_are_told_by_lightness_too(sites: Sites, visitor: Visitor) -> None:
    """Every colour vision has it: each layer is lighter than the one before, in light and in dark."""
    for scheme in ("light", "dark"):
        page = visitor(color_scheme=scheme).open(sites.at("long/heads.html"))
        read = "all => all.map(e => getComputedStyle(e).backgroundColor)"
        colours = page.locator(".shade").evaluate_all(read)
        light = [float(text) for text in re.findall(r"oklch\(([\d.]+)", " ".join(colours))]
        assert len(light) == 3 and all(b > a + 0.1 for a, b in pairwise(light))
