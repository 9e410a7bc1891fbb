"""Every feature of the site on the demo: a real model, its dictionaries, the atlas that `make demo` makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from feature_atlas import Atlas, open_atlas
from pipeline.build import build
from pipeline.compare import run as compare
from pipeline.core.embedded import embedded_root
from pipeline.core.params import load_params
from pipeline.core.sides import Side
from tests import synthetic
from tests.browser.conftest import WAIT, Visitor, serving
from tests.browser.test_embed import CLIPBOARD, copied, menu
from viewer_builder.build import build_site

ROOT = Path(__file__).parents[2]
SAE, LATER = "resid_post.2.sae", "resid_post.3.sae"


@dataclass(frozen=True)
class Demo:
    """The demo's atlas, and its site as it is served."""

    url: str
    atlas: Atlas

    def by(self, statistic: str) -> np.ndarray:
        """Latents of SAE, those with the largest first."""
        return np.argsort(-self.atlas[SAE].stat(statistic).astype(np.float64), kind="stable")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Made where `make demo` makes it, so that neither does what the other has done; and a comparison."""
    out, folder = ROOT / "build" / "demo" / "atlas", tmp_path_factory.mktemp("demo")
    build(load_params(embedded_root() / "params.yaml", {}), out)
    sides = [Side.open(f"{out}#{name}", None) for name in (SAE, LATER)]
    compare(sides[0], sides[1], folder / "compared", 20_000)
    build_site(str(out), folder / "site", link=None, comparisons=[str(folder / "compared")])
    with serving(folder / "site") as url:
        yield Demo(url, open_atlas(str(out)))


@pytest.fixture
def page(visitor: Visitor) -> Page:
    """A page of a visitor at a desk."""
    return visitor().page


def shown(numbers: list[str]) -> list[float]:
    """Numbers as a page writes them."""
    return [float(text.replace("−", "-").replace(",", "")) for text in numbers]


def test_a_latent(demo: Demo, page: Page) -> None:
    index = int(demo.by("max")[0])
    latent = demo.atlas[SAE][index]
    page.goto(f"{demo.url}/latent.html?at={SAE}/{index}")
    page.wait_for_selector(f'[data-ready="{SAE}/{index}"]')
    top = latent.examples("top")
    values = page.locator("li.example:visible .value").all_inner_texts()
    activations = [each.activation for each in top]
    assert values and all(
        any(abs(value - each) <= 0.006 * each for each in activations) for value in shown(values)
    )
    page.locator("li.example .value").first.click()
    expect(page.locator("#examples .document").first).to_have_text(top[0].document_id)
    told = latent.to_json()
    expect(page.locator(".figures")).to_contain_text(f"{told['firings']:,} firings")
    for pane, token in (("effects", told["promoted"][0]), ("fires-on", told["fires_on"][0])):
        expect(page.locator(f".p-{pane}")).to_contain_text(token["token"].replace(" ", "␣").strip("\n"))
    for tab in page.locator(".p-related").get_by_role("tab").all():
        tab.click()
        expect(page.locator("#related .ranking li").first).to_be_visible()
    page.locator(".ablation > button").first.click()
    expect(page.locator(".ablation .bars").first).to_be_visible()


def test_the_list_and_the_map(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/dictionary/{SAE}.html?sort=max&order=down")
    page.wait_for_selector("[data-ready] .row")
    first = page.locator('.row[aria-rowindex="2"] a, .row a').first
    expect(first).to_have_text(str(demo.by("max")[0]))
    page.goto(f"{demo.url}/dictionary/{SAE}.html?view=map")
    page.wait_for_selector(".map[data-drawn]", timeout=WAIT)


def test_heads(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/head.html?at=attn.3/0")
    page.wait_for_selector("[data-ready]")
    example = demo.atlas.at("attn.3/0").examples("write")[0]
    page.wait_for_selector("[data-window]")
    assert page.locator(".window .cell").count() == len(example.tokens)
    page.goto(f"{demo.url}/heads.html")
    page.wait_for_selector("[data-ready]")
    n_heads = sum(each.n_heads for each in demo.atlas.manifest.heads)
    assert page.locator("circle.point").count() == n_heads


def test_search_and_a_token(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/index.html")
    page.keyboard.press("/")
    page.keyboard.type("return")
    expect(page.locator(".search")).to_have_attribute("data-found", "return")
    assert page.get_by_role("option").count() > 3
    page.goto(f"{demo.url}/token.html?text=%20return")
    page.wait_for_selector("[data-ready]")
    link = page.locator("main a[href*='latent.html?at=']").first
    address = str(link.get_attribute("href")).split("at=")[1].split("&")[0]
    fires_on = demo.atlas.at(address).to_json()["fires_on"]
    assert " return" in [each["token"] for each in fires_on]


def test_two_latents_and_two_dictionaries_side_by_side(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/compare.html?a={SAE}/1&b={LATER}/1")
    page.wait_for_selector("[data-ready]")
    expect(page.locator("main")).to_contain_text(f"{LATER}/1")
    page.goto(f"{demo.url}/comparison/{SAE}~{LATER}.html")
    page.wait_for_selector("[data-ready]")
    expect(page.locator("output")).to_contain_text(f"of {len(demo.atlas[SAE]):,}")


def test_a_list_an_embedded_pane_and_what_is_copied(demo: Demo, visitor: Visitor) -> None:
    page = visitor(**CLIPBOARD).page
    page.goto(f"{demo.url}/list.html?items={SAE}/1,2,3&title=Three")
    page.wait_for_selector("[data-ready]")
    expect(page.locator("main")).to_contain_text(f"{SAE}/3")
    page.goto(f"{demo.url}/latent.html?at={SAE}/1&embed=1&show=effects")
    page.wait_for_selector("[data-ready]")
    expect(page.locator(".pane")).to_have_count(1)
    page.goto(f"{demo.url}/latent.html?at={SAE}/1")
    page.wait_for_selector("[data-ready]")
    menu(page)
    told = json.loads(copied(page, "copy JSON"))
    assert told["address"] == f"{SAE}/1"


def test_it_is_opened_from_another_site(demo: Demo, visitor: Visitor, tmp_path: Path) -> None:
    synthetic.normal(tmp_path / "atlas")
    build_site(str(tmp_path / "atlas"), tmp_path / "site", link=None)
    with serving(tmp_path / "site") as url:
        page = visitor(origins=2).open(f"{url}/latent.html?at={SAE}/1&atlas={demo.url}/atlas")
        expect(page).to_have_title(re.compile(demo.atlas.manifest.title))
