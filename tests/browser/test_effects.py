"""What ablating a latent does, in its top examples."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from feature_atlas import open_atlas
from tests import synthetic
from tests.browser.conftest import Sites, Visitor, serving
from tests.synthetic_effects import N_ABLATED
from viewer_builder.build import build_site

TOY = "normal/latent.html?at=resid_post.1.toy/3"
NUMBER = re.compile(r"[−+]?\d[\d.]*(?:e−?\d+)?|–")


def shown(text: str) -> list[float | None]:
    """The numbers of a line, None for a dash."""
    return [None if each == "–" else float(each.replace("−", "-")) for each in NUMBER.findall(text)]


def test_the_line_tells_the_atlas_numbers(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    told = open_atlas(str(sites.atlas("normal"))).dictionary("resid_post.1.toy")[3].ablations()
    lines = page.locator(".ablation > button")
    expect(lines).to_have_count(N_ABLATED)
    for line, row in zip(lines.all_inner_texts(), told, strict=True):
        for got, name in zip(shown(line), ("loss", "later", "kl"), strict=True):
            assert got == (None if row[name] is None else float(f"{row[name]:.3g}"))
    assert told[1]["loss"] is None and "loss –" in lines.nth(1).inner_text()


def test_it_opens_by_keyboard_and_shows_what_moves(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(TOY))
    told = open_atlas(str(sites.atlas("normal"))).dictionary("resid_post.1.toy")[3].ablations()[0]
    line = page.locator(".ablation").first
    button = line.get_by_role("button", name="without it")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    for name, side in (("likelier without it", "raised"), ("less likely without it", "lowered")):
        bars = line.locator("div:has(> h3)", has=page.get_by_role("heading", name=name, exact=True))
        values = [shown(text)[0] for text in bars.locator(".value").all_inner_texts()]
        assert values == [float(f"{each['value']:.3g}") for each in told[side]]
    expect(line.locator("dt")).to_have_count(3)
    for term in line.locator("dt").all_inner_texts():
        assert len(term) > 40, "each number is explained where it stands"
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(line.locator("dl")).to_have_count(0)


def test_only_top_examples_that_were_run_again_have_it(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{TOY}&show=random"))
    expect(page.locator(".example .strip").first).to_be_visible()
    expect(page.locator(".ablation")).to_have_count(0)
    page = visitor().open(sites.at("normal/latent.html?at=mlp_post.0/3"))
    expect(page.locator(".example .strip").first).to_be_visible()
    expect(page.locator(".ablation")).to_have_count(0)


def test_on_a_phone_it_fits(sites: Sites, visitor: Visitor) -> None:
    page = visitor(width=360, height=740).open(sites.at(TOY))
    page.locator(".ablation > button").first.click()
    expect(page.locator(".ablation .bars").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_atlas_made_before_opens(tmp_path: Path, visitor: Visitor) -> None:
    atlas = synthetic.normal(tmp_path / "atlas")
    group = atlas / "runs" / synthetic.RUN / "dictionaries" / "resid_post.1.toy.zarr" / "zarr.json"
    text = json.loads(group.read_text())
    for card in text["attributes"]["fields"].values():
        for name in [name for name in card if name.startswith("ablation")]:
            del card[name]
    group.write_text(json.dumps(text))
    build_site(str(atlas), tmp_path / "www", link=None)
    with serving(tmp_path / "www") as url:
        page = visitor().open(f"{url}/latent.html?at=resid_post.1.toy/3")
        expect(page.locator(".example .strip").first).to_be_visible()
        expect(page.locator(".ablation")).to_have_count(0)
    assert open_atlas(str(atlas)).dictionary("resid_post.1.toy")[3].ablations() == []
