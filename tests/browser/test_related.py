"""The pane Related: that its lists are the atlas', what it costs, and what it says where there is nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from feature_atlas import open_atlas
from tests.browser.conftest import Sites, Visitor
from tests.synthetic_related import CHANCE

TOY = "resid_post.1.toy/8"
NEW = re.compile("encoder|upstream|downstream|writer")


def shown(sites: Sites, address: str, atlas: str = "normal") -> dict[str, Any]:
    return open_atlas(str(sites.atlas(atlas))).at(address).to_json()


def open_at(sites: Sites, visitor: Visitor, query: str, **options: Any) -> Page:
    return visitor(**options).open(sites.at(f"normal/latent.html?at={query}"))


def lists(page: Page) -> Locator:
    return page.locator("#related section")


def check(section: Locator, rows: list[dict[str, Any]], value: str) -> None:
    """The rows of one list: addresses, values with their signs, and bars as wide as they are large."""
    assert section.locator("li > :first-child").all_inner_texts() == [row["address"] for row in rows]
    told = [row[value] for row in rows]
    texts = section.locator(".value:not(.quiet)").all_inner_texts()
    assert [float(text.replace("−", "-")) for text in texts] == pytest.approx(told, rel=0.006)
    for track, number in zip(section.locator(".track").all(), told, strict=True):
        assert ("below" in (track.get_attribute("class") or "")) == (number < 0)


def test_every_tab_tells_what_the_atlas_holds(sites: Sites, visitor: Visitor) -> None:
    page = open_at(sites, visitor, TOY)
    told = shown(sites, TOY)
    tabs = page.locator(".p-related").get_by_role("tab")
    assert tabs.all_inner_texts() == ["similar", "fire together", "upstream", "heads"]
    check(lists(page).nth(0), told["neighbours"], "cosine")
    check(lists(page).nth(1), told["encoder_neighbours"], "cosine")
    tabs.nth(1).click()
    own, across = (
        [row for row in told["cofiring"] if row["address"].startswith("resid_post.1.toy/") == inside]
        for inside in (True, False)
    )
    assert own and across
    for section, rows in zip(lists(page).all(), (own, across), strict=True):
        check(section, rows, "cosine")
        assert section.locator(".value.quiet").all_inner_texts() == [f"{row['count']} ×" for row in rows]
    tabs.nth(2).click()
    check(lists(page), told["upstream"], "cosine")
    assert {row["cosine"] < 0 for row in told["upstream"]} == {True, False}
    weights = [text.replace("−", "-") for text in lists(page).locator(".value.quiet").all_inner_texts()]
    assert [float(w) for w in weights] == pytest.approx([r["weight"] for r in told["upstream"]], rel=0.006)
    expect(page.locator("#related .explains")).to_contain_text(f"about ±{CHANCE:.2f}")
    tabs.nth(3).click()
    check(lists(page), told["writers"], "norm")


def test_the_tab_is_in_the_url_and_stays_from_latent_to_latent(sites: Sites, visitor: Visitor) -> None:
    page = open_at(sites, visitor, TOY)
    tabs = page.locator(".p-related").get_by_role("tab")
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(2)).to_be_focused()
    assert page.url.endswith(f"?at={TOY}&related=upstream")
    link = page.locator("#related .ranking a").first
    goal = link.inner_text()
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(f'[data-ready="{goal}"]')
    assert page.url.endswith(f"?at={goal}&related=upstream")
    page.go_back()
    page.wait_for_selector(f'[data-ready="{TOY}"]')
    page.reload()
    expect(tabs.nth(2)).to_have_attribute("aria-selected", "true")
    tabs.first.click()
    assert page.url.endswith(f"?at={TOY}")


def test_names_are_read_when_the_pane_comes_into_sight(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(f"normal/latent.html?at={TOY}"))
    page.wait_for_load_state("networkidle")
    assert not [response for response in visit.responses if "/stats/" in response.url]
    before = page.locator("#related").bounding_box()
    page.locator("#related").scroll_into_view_if_needed()
    first = lists(page).nth(0).locator("li").first
    address = first.locator("a").inner_text()
    top = shown(sites, address)["fires_on"][0]["token"]
    expect(first.locator(".called .token")).to_have_text(top.replace(" ", "␣"))
    page.wait_for_load_state("networkidle")
    assert len([response for response in visit.responses if "/stats/" in response.url]) == 2
    after = page.locator("#related").bounding_box()
    assert before and after and before["height"] == after["height"]


def test_dead_latents_and_labelled_ones_are_called_as_they_are(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("hostile/latent.html?at=resid_post.0.x/6"))
    label = shown(sites, "resid_post.0.x/7", "hostile")["label"]["text"]
    row = page.locator(".ranking li", has=page.locator('a:text-is("resid_post.0.x/7")')).first
    row.scroll_into_view_if_needed()
    expect(row.locator(".called")).to_have_text(label)
    toy = open_atlas(str(sites.atlas("normal"))).dictionary("resid_post.1.toy")
    dead = next(i for i in range(1, 300) if not toy.stat("firings")[i] and toy.stat("firings")[i - 1])
    page = open_at(sites, visitor, f"resid_post.1.toy/{dead - 1}")
    page.locator("#related").scroll_into_view_if_needed()
    row = page.locator(".ranking li", has=page.locator(f'a:text-is("resid_post.1.toy/{dead}")')).first
    expect(lists(page).nth(0).locator(".called .token").first).to_be_visible()
    expect(row.locator(".called")).to_have_text("")


def test_pointing_at_a_latent_previews_it(sites: Sites, visitor: Visitor) -> None:
    page = open_at(sites, visitor, f"{TOY}&related=upstream")
    link = page.locator("#related .ranking a").first
    link.hover()
    expect(page.locator(".tip .snippet")).to_have_count(3)
    page.mouse.move(0, 0)
    expect(page.locator(".tip")).to_have_count(0)
    link.focus()
    expect(page.locator(".tip .snippet")).to_have_count(3)


def test_heads_are_told_as_measured_and_lead_to_their_page(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("hostile/latent.html?at=resid_post.0.x/7&related=heads"))
    told = shown(sites, "resid_post.0.x/7", "hostile")["heads"]
    check(lists(page).first, told, "part")
    lists(page).first.get_by_role("link").first.click()
    expect(page.locator("h1")).to_have_text(told[0]["address"])


def test_what_is_not_there_is_said_or_left_out(sites: Sites, visitor: Visitor) -> None:
    page = open_at(sites, visitor, "resid_post.1.toy/15&related=upstream")
    expect(page.locator("#related")).to_contain_text("None was found.")
    neuron = open_at(sites, visitor, "mlp_post.0/3&related=together")
    tabs = neuron.locator(".p-related").get_by_role("tab")
    assert tabs.all_inner_texts() == ["similar", "downstream", "heads"]
    expect(tabs.first).to_have_attribute("aria-selected", "true")


def test_an_older_atlas_has_fewer_tabs(sites: Sites, visitor: Visitor) -> None:
    def older(route: Route) -> None:
        told = route.fetch().json()
        for name in ("upstream", "downstream", "mates", "heads"):
            told["attributes"].pop(name, None)
        for kind in ("floats", "ints"):
            fields = told["attributes"]["fields"][kind]
            told["attributes"]["fields"][kind] = {k: v for k, v in fields.items() if not NEW.match(k)}
        route.fulfill(body=json.dumps(told))

    page = visitor().page
    page.route(re.compile("toy.zarr/zarr.json"), older)
    page.goto(sites.at(f"normal/latent.html?at={TOY}"))
    page.wait_for_selector(f'[data-ready="{TOY}"]')
    tabs = page.locator(".p-related").get_by_role("tab")
    assert tabs.all_inner_texts() == ["similar", "fire together"]
    assert page.locator("#related h3").all_inner_texts() == ["by write direction"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(sites: Sites, visitor: Visitor, scheme: str) -> None:
    page = open_at(sites, visitor, f"{TOY}&related=together", width=360, color_scheme=scheme)
    pane = page.locator(".p-related")
    pane.scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for item in pane.locator("li > *").all():
        box = item.bounding_box()
        assert box is None or box["x"] + box["width"] <= 360
