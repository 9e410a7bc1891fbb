"""A list of 100,000 latents: what it waits for, what it costs, and that it is right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from feature_atlas import Dictionary, open_atlas
from feature_atlas.verify import verify
from tests.browser.conftest import WAIT, Sites, Visitor, serving, size
from tests.browser.test_list import bars, bounds, drag, heights, query, shown, spread
from tests.synthetic import Units, prose, write_atlas
from tests.synthetic_scale import DICTIONARY_ID, LABELLED, N_LATENTS, N_UNKNOWN, scale
from viewer_builder.build import build_site

LIST = f"scale/dictionary/{DICTIONARY_ID}.html"
ROUND, SECOND = 0.05, 20e6 / 8  # seconds a round, bytes a second: a fair mobile connection
KIB = 1024


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """The atlas of 100,000 latents, and one whose latents are all dead, rendered and served."""
    atlases, www = tmp_path_factory.mktemp("atlases"), tmp_path_factory.mktemp("www")
    scale(atlases / "scale")
    units = Units("resid_post.0.dead", "resid_post.0", 64, dead=1.0)
    write_atlas(atlases / "dead", "Nothing fires", prose(60), [units])
    for atlas in atlases.iterdir():
        build_site(str(atlas), www / "some" / "where" / atlas.name, link=None)
    (www / "index.html").touch()
    with serving(www) as url:
        yield Sites(url, www)


@pytest.fixture(scope="module")
def dictionary(big: Sites) -> Dictionary:
    return open_atlas(str(big.atlas("scale"))).dictionary(DICTIONARY_ID)


def settle(page: Page) -> None:
    """Waits until the rows are those of the choice, and their snippets have come."""
    page.wait_for_selector("[data-ready] .row .snippet .cell")
    page.wait_for_timeout(200)
    page.wait_for_load_state("networkidle")


def ranked(dictionary: Dictionary, name: str, *, dead: bool = False) -> list[int]:
    """Latents by a statistic, highest first, ties to the lower, what is no number last."""
    values = dictionary.stat(name).astype(np.float64)
    order = np.argsort(-values, kind="stable")  # numpy too has NaN last
    return [int(i) for i in order if dead or dictionary.stat("density")[i] > 0]


def test_the_atlas_is_sound(big: Sites, dictionary: Dictionary) -> None:
    assert list(verify(open_atlas(str(big.atlas("scale"))))) == []
    assert len(dictionary) == N_LATENTS
    labelled = sum(label != "" for label in dictionary.labels)
    assert abs(labelled / N_LATENTS - LABELLED) < 0.01
    last = dictionary[N_LATENTS - 1]
    assert last.examples("top")[0].tokens == dictionary[(N_LATENTS - 1) % 512].examples("top")[0].tokens
    assert Path(big.atlas("scale")).exists()


def test_rows_wait_for_two_columns_alone(big: Sites, visitor: Visitor, dictionary: Dictionary) -> None:
    """Rows and shapes stand when all else still hangs; until then there is less than a second to fetch."""
    visit = visitor()
    held: list[Route] = []
    for path in ("**/vocabulary.zarr/**", "**/preview/**", "**/label/**"):
        visit.page.route(path, lambda route: held.append(route))
    visit.page.route(
        lambda url: "/stats/" in url and not any(name in url for name in ("/concentration/", "/density/")),
        lambda route: held.append(route),
    )
    page = visit.open(big.at(LIST))
    best = ranked(dictionary, "concentration")[:10]
    assert shown(page)[:10] == best
    concentration = dictionary.stat("concentration")[best[0]]
    expect(page.locator(".row").first).to_contain_text(
        f"{concentration:.1%}".replace("%", " %").replace(".0", "")
    )
    expect(page.locator(".spread .bar")).to_have_count(5)
    page.get_by_role("columnheader", name="latent").get_by_role("button").click()
    expect(page.locator("output")).to_have_text(f"{(dictionary.stat('density') > 0).sum():,} of 100,000")
    assert held
    came = [each for each in visit.responses if "/label/" not in each.url]
    rounds = 5  # page; script and styles; manifest; metadata; columns
    assert rounds * ROUND + size(came) / SECOND < 0.9


def test_rows_after_a_sort(big: Sites, visitor: Visitor, dictionary: Dictionary) -> None:
    """Two rounds and 64 KiB for the rows in sight, labels and all, beyond the column."""
    visit = visitor()
    page = visit.open(big.at(LIST))
    settle(page)
    visit.forget()
    page.get_by_role("columnheader", name="skew").get_by_role("button").click()
    settle(page)
    assert shown(page)[:15] == ranked(dictionary, "skew")[:15]
    assert 0 < visit.rounds() <= 2
    assert 20 * 100 < size(visit.data()) <= 64 * KIB


def test_a_column_is_read_when_the_list_is_sorted_by_it(
    big: Sites, visitor: Visitor, dictionary: Dictionary
) -> None:
    visit = visitor()
    page = visit.open(big.at(f"{LIST}?columns="))
    settle(page)
    assert not [each for each in visit.data() if "/stats/kurtosis" in each.url]
    page.goto(big.at(f"{LIST}?columns=&sort=kurtosis&dead=1"))
    settle(page)
    best = ranked(dictionary, "kurtosis", dead=True)
    assert shown(page)[:15] == best[:15]
    page.locator(".list-body").focus()
    page.keyboard.press("End")
    expect(page.locator(".row a:focus")).to_have_text(str(best[-1]))
    assert shown(page)[-N_UNKNOWN:] == best[-N_UNKNOWN:]
    expect(page.locator(".row").last).to_contain_text("–")
    page.get_by_role("columnheader", name="kurtosis").get_by_role("button").click()
    page.locator(".list-body").focus()
    page.keyboard.press("End")
    assert np.isnan(dictionary.stat("kurtosis")[int(page.locator(".row a:focus").inner_text())])


def test_brushes_agree_with_numpy(big: Sites, visitor: Visitor, dictionary: Dictionary) -> None:
    page = visitor().open(big.at(f"{LIST}?columns=density+max+kurtosis&density=1e-4..1e-2"))
    settle(page)
    drag(page, "max", 0.35, 0.6)
    settle(page)
    low, high = bounds(page, "max")
    density, most = dictionary.stat("density"), dictionary.stat("max")
    inside = {
        "density": (density >= np.float32(1e-4)) & (density <= np.float32(1e-2)),
        "max": (most >= low) & (most <= high),
    }
    rows = np.flatnonzero(inside["density"] & inside["max"])
    expect(page.locator("output")).to_have_text(f"{len(rows):,} of 100,000")
    others = {"kurtosis": rows, "concentration": rows}
    others |= {
        "max": np.flatnonzero(inside["density"]),
        "density": np.flatnonzero((density > 0) & inside["max"]),
    }
    for name, passing in others.items():
        found = heights(spread(page, name).locator(".bar"))
        # A value on the edge of a bar may fall to either side: logarithms differ in their last bit.
        np.testing.assert_allclose(found, bars(dictionary, name, passing), atol=0.003, err_msg=name)


def test_labels_are_read_whole_for_a_filter_alone(
    big: Sites, visitor: Visitor, dictionary: Dictionary
) -> None:
    visit = visitor()
    page = visit.open(big.at(LIST))
    settle(page)
    assert 0 < size([each for each in visit.data() if "/label/" in each.url]) < 100 * KIB
    first = [index for index in shown(page)[:15] if dictionary.labels[index]]
    assert page.locator(".row .label").all_inner_texts()[: len(first)] == [
        dictionary.labels[i] for i in first
    ]
    page.get_by_label("label contains").fill("GUESS 99")
    wanted = [i for i in ranked(dictionary, "concentration") if "guess 99" in dictionary.labels[i]]
    expect(page.locator("output")).to_have_text(f"{len(wanted):,} of 100,000", timeout=4 * WAIT)
    expect(page.get_by_label("labels read")).to_have_count(0)
    assert shown(page)[:10] == wanted[:10]


def test_rows_beyond_what_a_browser_can_scroll(big: Sites, visitor: Visitor) -> None:
    """100,000 rows of 400 pixels are as high as 1.3 million rows of 30: more than any browser draws."""
    page = visitor().open(big.at(f"{LIST}?sort=index&order=up&dead=1"))
    page.evaluate("document.querySelector('.list').style.setProperty('--row', '400px')")
    page.set_viewport_size({"width": 1280, "height": 1000})
    expect(page.locator(".list-all")).to_have_js_property("clientHeight", 15_000_000)
    body = page.locator(".list-body")
    body.focus()
    page.keyboard.press("End")
    for latent in (N_LATENTS - 1, N_LATENTS - 2, N_LATENTS - 3):
        link = page.locator(".row a:focus")
        expect(link).to_have_text(str(latent))
        row, frame = page.locator(".row:focus-within").bounding_box(), body.bounding_box()
        assert row and frame
        assert row["y"] > frame["y"] and row["y"] + row["height"] <= frame["y"] + frame["height"] + 2
        page.keyboard.press("ArrowUp")
    body.evaluate("body => body.scrollTo(0, (body.scrollHeight - body.clientHeight) / 2)")
    expect(page.locator(".row a").first).to_have_text(re.compile(r"^(4999[6-9]|5000[0-4])$"))
    tops = page.locator(".row").evaluate_all("all => all.map(row => row.getBoundingClientRect().top)")
    assert np.diff(sorted(tops)) == pytest.approx(400, abs=1)


def test_a_dictionary_that_never_fires(big: Sites, visitor: Visitor) -> None:
    page = visitor().open(big.at("dead/dictionary/resid_post.0.dead.html"))
    expect(page.get_by_text("None of these latents ever fired")).to_be_visible()
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_role("button", name="Show them").click()
    expect(page.locator("output")).to_have_text("64 of 64")
    assert query(page) == {"dead": ["1"]}
    expect(page.locator(".row .c-token").first).to_have_text("dead")
