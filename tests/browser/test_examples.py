"""Examples of a latent: heat scales, repeats folded, the whole window, and the axes of the histogram."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from feature_atlas import Example, open_atlas
from tests.browser.conftest import Sites, Visitor

TOY = "normal/latent.html?at=resid_post.1.toy/3"
BEFORE, AFTER = 8, 4


def around_peak(example: Example) -> tuple[str, ...]:
    """The tokens that make two examples alike."""
    return tuple(example.tokens[max(0, example.peak - BEFORE) : example.peak + AFTER + 1])


def heat(cell: Locator) -> float:
    """Share of the scale's end."""
    found = re.search(r"--heat: *([0-9.]+)", cell.get_attribute("style") or "")
    assert found
    return float(found[1])


def test_heat_is_on_one_scale_or_on_each_examples_own(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    top = open_atlas(str(sites.atlas("normal"))).at("resid_post.1.toy/3").examples("top")
    last = page.locator("li.example").last.locator(".peak")
    assert abs(heat(last) - top[-1].activation / top[0].activation) < 0.01
    page.get_by_role("button", name="each its own").click()
    assert heat(last) == 1
    expect(page.locator(".scale")).to_contain_text("its peak")
    page.reload()
    expect(page.get_by_role("button", name="each its own")).to_have_attribute("aria-pressed", "true")


def test_examples_that_say_the_same_are_folded(sites: Sites, visitor: Visitor) -> None:
    dictionary = open_atlas(str(sites.atlas("normal")))["resid_post.1.toy"]
    latent = max(
        range(len(dictionary)),
        key=lambda i: len(tops := dictionary[i].examples("top")) - len(set(map(around_peak, tops))),
    )
    top = dictionary[latent].examples("top")
    different = list(dict.fromkeys(map(around_peak, top)))
    assert len(different) < len(top), "the synthetic text repeats itself"
    page = visitor().open(sites.at(f"normal/latent.html?at=resid_post.1.toy/{latent}"))
    expect(page.locator("li.example")).to_have_count(len(different))
    fold = page.locator(".alike button").first
    repeats = int("".join(filter(str.isdigit, fold.inner_text())) or 1)
    fold.click()
    expect(page.locator("li.example")).to_have_count(len(different) + repeats)
    expect(fold).to_have_attribute("aria-expanded", "true")


def test_an_open_example_tells_where_it_is_and_shows_its_window(sites: Sites, visitor: Visitor) -> None:
    atlas = open_atlas(str(sites.atlas("normal")))
    top = atlas.at("resid_post.1.toy/3").examples("top")[0]
    page = visitor().open(sites.at(TOY))
    page.locator("li.example .value").first.click()
    where = page.locator("li.example .where").first
    expect(where).to_contain_text(f"token {top.position:,} of ")
    expect(where).to_contain_text(top.document_id)
    page.get_by_role("button", name="whole window").click()
    whole = page.locator("li.example .strip").first
    expect(whole.locator(".beyond")).to_have_count(2)
    expect(whole.locator("[data-index]")).to_have_count(len(top.tokens))
    page.get_by_role("button", name="only the excerpt").click()
    expect(whole.locator(".beyond")).to_have_count(0)


def test_the_bars_of_the_histogram_are_linear_when_asked_for(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{TOY}&counts=linear"))
    bars = page.locator(".p-activations .bar")
    counts = [int(t.split(": ")[1].split()[0].replace(",", "")) for t in bars.all_text_contents()]
    heights = [float(bar.get_attribute("height") or 0) for bar in bars.all()]
    for count, height in zip(counts, heights, strict=True):
        assert abs(height / max(heights) - count / max(counts)) < 1e-6
