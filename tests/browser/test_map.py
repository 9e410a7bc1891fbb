"""The map of a dictionary: what is drawn where, what a lasso selects, keys, touch, and what a frame costs."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from feature_atlas import Dictionary, open_atlas
from tests.browser.conftest import Sites, Visitor
from tests.synthetic import HOSTILE
from tests.synthetic_map import laid_out

NORMAL = "normal/dictionary/resid_post.1.toy.html"
LARGE = "large/dictionary/resid_post.0.large.html"
MARGIN = 0.92
NO_WEBGL = """
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind === "webgl2" ? null : get.call(this, kind, ...rest);
};
"""
READ = """async ([png, points]) => {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return points.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)]);
}"""
TIMED = """
window.frames_ms = [];
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => ask((now) => {
  const begin = performance.now();
  draw(now);
  window.frames_ms.push(performance.now() - begin);
});
"""


def toy(sites: Sites) -> Dictionary:
    return open_atlas(str(sites.atlas("normal"))).dictionary("resid_post.1.toy")


def seen(page: Page) -> None:
    page.wait_for_selector(".map[data-drawn]")
    page.wait_for_load_state("networkidle")


def pixels(page: Page, xy: np.ndarray) -> np.ndarray:
    """Where the page must draw places when it shows all: both axes on one scale, the middle in the middle."""
    box = page.locator(".map-ground").bounding_box()
    assert box is not None
    width, height = box["width"] - 2, box["height"] - 2  # without the border
    low, high = xy.min(axis=0).astype(float), xy.max(axis=0).astype(float)
    scale = MARGIN * min(width / (high - low)[0], height / (high - low)[1])
    away = (xy - (low + high) / 2) * scale
    return np.stack([box["x"] + 1 + width / 2 + away[:, 0], box["y"] + 1 + height / 2 - away[:, 1]], axis=1)


def read(page: Page, points: np.ndarray) -> np.ndarray:
    """Colours of the page as it is seen, [point, 3]."""
    png = base64.b64encode(page.screenshot(full_page=True)).decode()
    return np.array(page.evaluate(READ, [png, points.tolist()]))


def around(corners: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Which places a polygon winds around: its angle, seen from there, sums to a full turn."""
    towards = corners[None].astype(float) - xy[:, None].astype(float)
    angles = np.arctan2(towards[..., 1], towards[..., 0])
    turns = np.diff(angles, axis=1, append=angles[:, :1])
    turns = (turns + np.pi) % (2 * np.pi) - np.pi
    return np.abs(turns.sum(axis=1)) > np.pi


def lasso_of(page: Page) -> np.ndarray:
    (text,) = parse_qs(urlsplit(page.url).query)["lasso"]
    return np.array([[int(value) for value in corner.split("-")] for corner in text.split("_")])


def lone(xy: np.ndarray, living: np.ndarray) -> int:
    """The living latent that is farthest from any other."""
    away = np.linalg.norm(xy[:, None].astype(float) - xy[None], axis=-1)
    np.fill_diagonal(away, np.inf)
    return int(np.where(living, away.min(axis=1), -1).argmax())


def test_the_map_takes_the_lists_place_and_its_script_comes_only_then(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(NORMAL))
    page.wait_for_load_state("networkidle")
    assert not [each for each in visit.responses if "latent-map" in each.url or "/map/" in each.url]
    page.get_by_role("button", name="map", exact=True).click()
    seen(page)
    assert [each for each in visit.responses if "latent-map" in each.url]
    assert parse_qs(urlsplit(page.url).query) == {"view": ["map"]}
    expect(page.locator(".list")).to_have_count(0)
    page.go_back()
    expect(page.locator(".list .row").first).to_be_visible()
    expect(page.locator(".map")).to_have_count(0)


def test_neurons_without_a_map_have_no_switch(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("normal/dictionary/mlp_post.0.html?view=map"))
    expect(page.locator(".list .row").first).to_be_visible()
    expect(page.locator(".view-switch")).to_have_count(0)


@pytest.mark.parametrize("plain", [False, True], ids=["webgl", "2d"])
def test_every_point_is_drawn_at_its_place(plain: bool, sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    if plain:
        visit.page.add_init_script(NO_WEBGL)
    page = visit.open(sites.at(f"{NORMAL}?view=map&dead=1"))
    seen(page)
    page.locator(".map-ground canvas").last.evaluate("canvas => canvas.remove()")  # names would hide points
    at = np.rint(pixels(page, toy(sites).layout.xy)).astype(int)
    low, high = at.min(axis=0) - 12, at.max(axis=0) + 12
    elsewhere = np.stack(np.meshgrid(np.arange(low[0], high[0], 7), np.arange(low[1], high[1], 7)), -1)
    colours = read(page, np.concatenate([at, elsewhere.reshape(-1, 2)]))
    drawn = np.abs(colours - colours[len(at)]).max(axis=1) > 12
    assert drawn[: len(at)].all()
    assert drawn[len(at) :].mean() < 0.5


def test_a_lasso_selects_what_it_surrounds_and_lives_in_the_url(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    dictionary = toy(sites)
    xy, living = dictionary.layout.xy, dictionary.stat("firings") > 0
    middle = pixels(page, xy).mean(axis=0)
    page.get_by_role("button", name="lasso").click()
    page.mouse.move(*middle + (230, 0))
    page.mouse.down()
    for turn in np.linspace(0, 2 * np.pi, 120):
        page.mouse.move(*middle + (230 * np.cos(turn), 90 * np.sin(turn)))
    page.mouse.up()
    expect(page.locator(".selected")).to_be_visible()
    corners = lasso_of(page)
    assert 3 <= len(corners) <= 40
    wanted = np.flatnonzero(around(corners, xy) & living)
    assert 0 < len(wanted) < living.sum()
    drawn = np.linalg.norm((pixels(page, xy) - middle) / (230, 90), axis=1) < 1
    assert len(set(np.flatnonzero(drawn & living)) ^ set(wanted)) <= 0.05 * len(wanted)
    expect(page.locator(".selected span")).to_have_text(f"{len(wanted)} selected on the map")
    page.get_by_role("button", name="list", exact=True).click()
    expect(page.locator(".list")).to_have_attribute("aria-rowcount", str(len(wanted) + 1))
    page.reload()
    page.wait_for_selector(".row")
    expect(page.locator(".list")).to_have_attribute("aria-rowcount", str(len(wanted) + 1))
    found = page.locator(".row a").evaluate_all("all => all.map(a => +a.textContent)")
    assert set(found) <= set(wanted.tolist())
    page.get_by_role("button", name="clear selection").click()
    expect(page.locator(".list")).to_have_attribute("aria-rowcount", str(int(living.sum()) + 1))
    assert "lasso" not in page.url


@pytest.mark.parametrize("lasso", ["", "1", "a-b_c-d_e-f", "1-1_2-2", "9" * 4000, HOSTILE])
def test_what_is_no_lasso_selects_nothing(lasso: str, sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?lasso={lasso}&look={lasso}&colour={lasso}&view=map"))
    seen(page)
    expect(page.locator(".selected")).to_have_count(0)


def test_pointing_shows_a_card_and_a_click_opens(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    dictionary = toy(sites)
    index = lone(dictionary.layout.xy, dictionary.stat("firings") > 0)
    at = pixels(page, dictionary.layout.xy)[index]
    page.mouse.move(*at + (3, 2))
    card = page.locator(".map-card")
    expect(card.locator("a")).to_have_text(f"resid_post.1.toy/{index}")
    expect(card.locator(".snippet")).to_have_count(3)
    expect(page.locator(".unseen")).to_contain_text(f"resid_post.1.toy/{index}")
    page.mouse.click(*at)
    page.wait_for_selector(f'[data-ready="resid_post.1.toy/{index}"]')


def test_keys_do_all_that_the_mouse_does(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    dictionary = toy(sites)
    xy, living = dictionary.layout.xy.astype(float), dictionary.stat("firings") > 0
    ground = page.get_by_role("application")
    ground.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    page.wait_for_url(re.compile("look="))
    (look,) = parse_qs(urlsplit(page.url).query)["look"]
    x, y, times = map(float, look.split("_"))
    assert times == pytest.approx(1.6)
    away = np.where(living, np.linalg.norm(xy - (x, y), axis=1), np.inf)
    first, second = np.argsort(away)[:2]
    page.keyboard.press("n")
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{first}")
    page.keyboard.press("n")
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{second}")
    page.keyboard.press("p")
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{first}")
    page.keyboard.press("s")
    page.wait_for_url(re.compile("lasso="))
    wanted = int((around(lasso_of(page), xy) & living).sum())
    expect(page.locator(".selected span")).to_have_text(f"{wanted} selected on the map")
    shared = page.url
    expect(page.get_by_role("application")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(f'[data-ready="resid_post.1.toy/{first}"]')
    page.goto(shared)
    seen(page)
    page.get_by_role("application").focus()
    page.keyboard.press("n")
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{first}")
    page.keyboard.press("Escape")
    expect(page.locator(".map-card")).to_have_count(0)
    page.keyboard.press("0")
    page.wait_for_url(lambda url: "look" not in url)


def test_the_wheel_zooms_where_it_points(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    dictionary = toy(sites)
    index = lone(dictionary.layout.xy, dictionary.stat("firings") > 0)
    at = pixels(page, dictionary.layout.xy)[index]
    page.mouse.move(*at)
    page.mouse.wheel(0, -800)
    page.wait_for_url(re.compile("look="))
    assert float(parse_qs(urlsplit(page.url).query)["look"][0].split("_")[2]) == pytest.approx(4)
    page.mouse.move(*at + (1, 1))
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{index}")


def test_a_drag_moves_the_map(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    dictionary = toy(sites)
    index = lone(dictionary.layout.xy, dictionary.stat("firings") > 0)
    at = pixels(page, dictionary.layout.xy)
    towards = np.sign(at.mean(axis=0) - at[index]) * (90, 40)  # so that it stays in sight
    page.mouse.move(*at.mean(axis=0))
    page.mouse.down()
    page.mouse.move(*at.mean(axis=0) + towards, steps=6)
    page.mouse.up()
    page.wait_for_url(re.compile("look="))
    assert "latent.html" not in page.url
    page.mouse.move(*at[index] + towards)
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{index}")


def test_a_tap_shows_the_card_and_its_link_opens(sites: Sites, visitor: Visitor) -> None:
    page = visitor(width=390, height=844, has_touch=True, is_mobile=True).open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    page.locator(".map-ground").scroll_into_view_if_needed()
    dictionary = toy(sites)
    index = lone(dictionary.layout.xy, dictionary.stat("firings") > 0)
    page.touchscreen.tap(*pixels(page, dictionary.layout.xy)[index])
    expect(page.locator(".map-card a")).to_have_text(f"resid_post.1.toy/{index}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".map-card a").tap()
    page.wait_for_selector(f'[data-ready="resid_post.1.toy/{index}"]')


def test_colours_and_filters_are_those_of_the_url(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{NORMAL}?view=map"))
    seen(page)
    dictionary = toy(sites)
    living = dictionary.stat("firings") > 0
    expect(page.locator(".map")).to_have_attribute("data-drawn", str(int(living.sum())))
    page.get_by_label("colour").select_option("concentration")
    assert parse_qs(urlsplit(page.url).query)["colour"] == ["concentration"]
    values = np.sort(dictionary.stat("concentration")[living])
    low = values[int(0.01 * len(values))] * 100
    page.locator(".map-tools .ends[aria-label*='%']").wait_for()  # the column is read when it is asked for
    shown = page.locator(".map-tools .ends").get_attribute("aria-label") or ""
    assert float(re.findall(r"from ([\d.]+) %", shown)[0]) == pytest.approx(low, rel=0.01)
    page.get_by_label("dead too").check()
    expect(page.locator(".map")).to_have_attribute("data-drawn", "300")


@pytest.mark.parametrize("plain", [False, True], ids=["webgl", "2d"])
def test_panning_many_points_takes_few_milliseconds_of_script(
    plain: bool, sites: Sites, visitor: Visitor
) -> None:
    visit = visitor()
    visit.page.add_init_script(TIMED)
    if plain:
        visit.page.add_init_script(NO_WEBGL)
    page = visit.open(sites.at(f"{LARGE}?view=map"))
    seen(page)
    at = pixels(page, laid_out(24_576)["map/xy"]).mean(axis=0)
    page.mouse.move(*at)
    page.mouse.down()
    page.evaluate("window.frames_ms.length = 0")
    for step in range(40):
        page.mouse.move(*at + (3 * step, step))
        page.wait_for_timeout(20)
    page.mouse.up()
    frames = page.evaluate("window.frames_ms")
    assert len(frames) >= 10
    assert np.median(frames) <= 16
