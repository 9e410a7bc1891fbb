"""The latent page: that it shows the atlas, that one can move about in it, and how it fails."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from feature_atlas import open_atlas
from tests.browser.conftest import Sites, Visitor, serving
from viewer_builder.build import build_site

TOY = "normal/latent.html?at=resid_post.1.toy/3"


def test_it_shows_what_the_atlas_holds(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    latent = open_atlas(str(sites.atlas("normal"))).at("resid_post.1.toy/3")
    top = latent.examples("top")
    values = page.locator(".example .value").all_inner_texts()
    assert [float(value) for value in values] == pytest.approx([e.activation for e in top], rel=0.005)
    peaks = page.locator(".example .peak").all_inner_texts()
    assert [peak.strip() for peak in peaks] == [e.tokens[e.peak].strip() for e in top]
    promoted = page.locator(".effects .token").first.inner_text()
    assert promoted.replace("␣", " ") == latent.to_json()["promoted"][0]["token"]
    expect(page.locator(".figures")).to_contain_text(f"{int(latent.number('firings'))} firings")
    top_token = latent.to_json()["fires_on"][0]["token"].replace(" ", "␣")
    expect(page).to_have_title(f"resid_post.1.toy/3 “{top_token}” · A synthetic atlas")


def test_the_histogram_of_effects_is_the_atlas_one(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    told = open_atlas(str(sites.atlas("normal"))).at("resid_post.1.toy/3").to_json()["effect_histogram"]
    bars = page.locator(".p-effects .bar")
    said = [int(title.split(": ")[1].split()[0].replace(",", "")) for title in bars.all_text_contents()]
    assert said == told["counts"]
    heights = [float(bar.get_attribute("height") or 0) for bar in bars.all()]
    assert np.argmax(heights) == np.argmax(said) and (np.array(heights) > 0).tolist() == [n > 0 for n in said]


def test_tabs_show_the_bands_with_their_share(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    latent = open_atlas(str(sites.atlas("normal"))).at("resid_post.1.toy/3")
    bands = [band for band in latent.bands() if band["firings"]]
    tabs = page.locator(".p-examples").get_by_role("tab")
    assert tabs.count() == len(bands) + 2
    page.get_by_role("tab", name="top").focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    assert page.locator("li.example").count() == len(bands[0]["examples"])
    expect(page.locator(".says")).to_contain_text(f"{bands[0]['firings']} firings")
    page.reload()
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")


def test_neighbours_are_followed_and_back_returns(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    link = page.locator(".p-related .ranking a").first
    neighbour = link.inner_text()
    link.click()
    page.wait_for_selector(f'[data-ready="{neighbour}"]')
    assert page.url.endswith(f"?at={neighbour}")
    assert neighbour in page.title()
    page.go_back()
    page.wait_for_selector('[data-ready="resid_post.1.toy/3"]')
    page.go_forward()
    page.reload()
    page.wait_for_selector(f'[data-ready="{neighbour}"]')


def test_keys_move_about_but_not_while_typing(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('[data-ready="resid_post.1.toy/4"]')
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('[data-ready="resid_post.1.toy/2"]')
    page.keyboard.press("/")
    page.keyboard.type("r?")
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("search").get_by_role("combobox").input_value() == "r?"
    assert page.url.endswith("resid_post.1.toy/2")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("mlp_post.0/5\n")
    page.wait_for_selector('[data-ready="mlp_post.0/5"]')
    page.keyboard.press("/")
    page.keyboard.type("17\n")
    page.wait_for_selector('[data-ready="mlp_post.0/17"]')
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.wait_for_selector('[data-ready^="mlp_post.0/"]')


def test_a_token_tells_what_it_is(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    example = open_atlas(str(sites.atlas("normal"))).at("resid_post.1.toy/3").examples("top")[0]
    page.locator(".example .peak").first.hover()
    tip = page.locator(".tip")
    expect(tip).to_contain_text(f"token {example.token_ids[example.peak]}")
    expect(tip).to_contain_text(f"position {example.position} ")
    page.mouse.move(0, 0)
    expect(tip).to_have_count(0)
    page.locator(".example .peak").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tip).to_contain_text(f"position {example.position - 1} ")


def test_a_click_opens_the_whole_excerpt(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    example = open_atlas(str(sites.atlas("normal"))).at("resid_post.1.toy/3").examples("top")[0]
    page.locator(".example .strip").first.click()
    cells = page.locator(".strip.whole .cell")
    expect(cells).to_have_count(len(example.tokens))
    expect(page.locator(".where").first).to_contain_text(example.document_id)
    expect(page.locator(".where").first).to_contain_text(f"token {example.position} of")


def test_two_signs_have_a_tab_and_a_hue_of_their_own(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("normal/latent.html?at=mlp_post.0/3&show=lowest"))
    latent = open_atlas(str(sites.atlas("normal"))).at("mlp_post.0/3")
    lowest = latent.examples("bottom")[0].activation
    first = page.locator(".example .value").first.inner_text().replace("−", "-")
    assert float(first) == pytest.approx(lowest, rel=0.005)
    assert page.locator(".example .peak.below").count() == 20


def test_dead_and_rare_latents_say_so(sites: Sites, visitor: Visitor) -> None:
    firings = open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"].stat("firings").tolist()
    dead, rare = firings.index(0), firings.index(6)
    page = visitor().open(sites.at(f"normal/latent.html?at=resid_post.1.toy/{dead}"))
    expect(page.locator(".notice")).to_contain_text("Dead: it fired on none of the")
    assert page.locator(".effects .token").count() == 20
    page.goto(sites.at(f"normal/latent.html?at=resid_post.1.toy/{rare}"))
    expect(page.locator(".notice")).to_contain_text("fired 6 times on")


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("resid_post.1.toy/300", "resid_post.1.toy has no latent 300"),
        ("nothing.0/3", "this atlas has no dictionary nothing.0"),
        ("<b>x</b>", "“<b>x</b>” is no address"),
        ("", "No latent was asked for"),
    ],
)
def test_an_address_that_is_none_is_named(sites: Sites, visitor: Visitor, at: str, says: str) -> None:
    page = visitor().page
    page.goto(sites.at(f"normal/latent.html?at={at}"))
    expect(page.get_by_role("alert")).to_contain_text(says)
    page.keyboard.press("/")
    page.keyboard.type("mlp_post.0/1\n")
    page.wait_for_selector('[data-ready="mlp_post.0/1"]')


def test_a_lost_shard_is_an_error_and_never_zeros(sites: Sites, visitor: Visitor) -> None:
    visit = visitor(quiet=False)
    visit.page.goto(sites.at("broken/latent.html?at=resid_post.1.toy/3"))
    alert = visit.page.get_by_role("alert")
    expect(alert).to_contain_text("examples/tokens/c/0/0/0 is part of the atlas, but the host answered 404")
    expect(alert).to_contain_text("atlas verify")
    lost = "runs/synthetic/dictionaries/resid_post.1.toy.zarr/examples/tokens/c/0/0/0"
    shard = sites.atlas("broken") / lost
    shard.parent.mkdir(parents=True)
    shard.write_bytes((sites.atlas("normal") / lost).read_bytes())
    alert.get_by_role("button", name="Try again").click()
    visit.page.wait_for_selector('[data-ready="resid_post.1.toy/3"]')
    shutil.rmtree(shard.parents[3])


def test_a_later_format_is_refused(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    later = json.dumps({"format": "feature-atlas", "format_version": 99})
    page.route(re.compile("atlas.json"), lambda route: route.fulfill(body=later))
    page.goto(sites.at(TOY))
    expect(page.get_by_role("alert")).to_contain_text("format version 99; this page reads version 1")


def test_a_host_without_ranges_is_named(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.route(re.compile("card/floats"), lambda route: route.fulfill(status=200, body=b"x" * 9999))
    page.goto(sites.at(TOY))
    expect(page.get_by_role("alert")).to_contain_text("the host ignores byte ranges")


def test_an_atlas_on_another_origin_is_read(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    link = sites.at("normal/atlas")
    build_site(str(sites.atlas("normal")), tmp_path, link=link)
    with serving(tmp_path) as url:
        page = visitor(origins=2).open(f"{url}/latent.html?at=resid_post.1.toy/3")
        assert page.locator("li.example").count() == 20


def test_an_aborted_read_does_not_spoil_the_next(sites: Sites, visitor: Visitor) -> None:
    """Turning pages faster than they load: the shard's index belongs to all of them."""
    page = visitor().open(sites.at("normal/latent.html?at=mlp_post.0/3"))
    page.evaluate("""() => {
        for (const at of ["resid_post.1.toy/8", "resid_post.1.toy/9", "resid_post.1.toy/10"]) {
            history.pushState(null, "", "?at=" + at);
            dispatchEvent(new PopStateEvent("popstate"));
        }
    }""")
    page.wait_for_selector('[data-ready="resid_post.1.toy/10"]')
