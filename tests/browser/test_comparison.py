"""The page of a comparison: figures and list are the store's, and rows lead to latents side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from feature_atlas import open_atlas
from feature_atlas.comparison import KINDS, Comparison, open_comparison
from tests import synthetic
from tests.browser.conftest import Visitor, serving
from tests.browser.test_accessible import violations
from tests.synthetic_comparison import write_comparison
from viewer_builder.build import build_site

NAMES = ("mlp_post.0", "resid_post.1.toy")
PAGE = "comparison/mlp_post.0~resid_post.1.toy.html"


@dataclass(frozen=True)
class Served:
    """A site with a comparison."""

    url: str
    comparison: Comparison

    def column(self, path: str) -> np.ndarray:
        return self.comparison.column(self.comparison.record.pairs[0], path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Neurons against latents."""
    folder: Path = tmp_path_factory.mktemp("served")
    atlas = open_atlas(str(synthetic.normal(folder / "atlas")))
    write_comparison(folder / "c", atlas, atlas, NAMES)
    build_site(atlas.url, folder / "site", link=None, comparisons=[str(folder / "c")])
    with serving(folder / "site") as url:
        yield Served(url, open_comparison(str(folder / "c")))


def shown(page: Page) -> list[int]:
    """The latents in sight, from the top."""
    rows = page.locator(".compared-row[aria-rowindex]").evaluate_all(
        "all => all.map(row => [+row.ariaRowIndex, +row.querySelector('.c-index').textContent])"
    )
    return [latent for _, latent in sorted(rows)]


def test_the_list_is_sorted_and_filtered_and_the_url_holds_it(served: Served, visitor: Visitor) -> None:
    page = visitor().open(f"{served.url}/{PAGE}")
    cosine, kind = served.column("a/cosine"), served.column("a/kind")
    assert shown(page)[:8] == np.argsort(-cosine, kind="stable")[:8].tolist()
    page.get_by_role("button", name="split").click()
    split = np.flatnonzero(kind == KINDS["a"].index("split"))
    expect(page.locator("output")).to_have_text(f"{len(split)} of 96")
    page.get_by_role("button", name="correlation", exact=True).click()
    r = served.column("a/correlation")[split]
    told = split[np.argsort(np.where(np.isnan(r), np.inf, -r), kind="stable")]
    assert shown(page)[:8] == told[:8].tolist()
    assert page.url.endswith("?kind=split&sort=correlation")
    page.reload()
    expect(page.locator("output")).to_have_text(f"{len(split)} of 96")
    page.get_by_role("button", name="B: resid_post.1.toy").click()
    expect(page.locator("output")).to_have_text("300 of 300")
    assert page.locator(".compared-row").count() < 60


def test_a_row_opens_the_two_side_by_side(served: Served, visitor: Visitor) -> None:
    page = visitor().open(f"{served.url}/{PAGE}?side=b&sort=index&order=up")
    near = served.column("b/nearest")
    page.locator(".compared-body").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'[data-ready="mlp_post.0/{near[1]} resid_post.1.toy/1"]')
    page.go_back()
    page.wait_for_selector("[data-ready='300']")


def test_the_figures_count_all_latents(served: Served, visitor: Visitor) -> None:
    page = visitor(width=390).open(f"{served.url}/{PAGE}")
    bars = page.locator(".comparison-figures .bar").all_text_contents()
    said = [int(title.split(": ")[1].split()[0]) for title in bars]
    assert said == np.histogram(served.column("a/cosine"), 40, (0, 1))[0].tolist()
    dots = page.locator(".comparison-figures .dot").all_text_contents()
    r = served.column("a/correlation")
    assert sum(int(title.rsplit(": ", 1)[1].split()[0]) for title in dots) == int((~np.isnan(r)).sum())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_lost_column_is_an_error(served: Served, visitor: Visitor) -> None:
    page = visitor(quiet=False).page
    page.route("**/a/cosine/c/0", lambda route: route.fulfill(status=404))
    page.goto(f"{served.url}/{PAGE}")
    expect(page.get_by_role("alert")).to_contain_text("missing or cut short")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(served: Served, visitor: Visitor, theme: str, width: int) -> None:
    visit = visitor(width=width, color_scheme=theme, reduced_motion="reduce")
    page = visit.open(f"{served.url}/{PAGE}")
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
