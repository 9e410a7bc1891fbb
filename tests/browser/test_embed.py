"""One pane in somebody's frame, and what the share menu hands on."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from feature_atlas import Head, Latent, open_atlas
from tests.browser.conftest import Sites, Visitor, serving
from tests.synthetic import HOSTILE

LATENT = "latent.html?at=resid_post.1.toy/3"
HEAD = "head.html?at=attn.1/1"
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def menu(page: Page) -> None:
    page.locator("summary", has_text="share").click()
    page.get_by_role("button", name="copy link").wait_for()


def copied(page: Page, button: str) -> str:
    page.get_by_role("button", name=button).click()
    expect(page.locator(".share [role=status]")).to_contain_text("copied")
    return page.evaluate("() => navigator.clipboard.readText()")


def saved(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.parametrize("at", [LATENT, HEAD])
def test_each_pane_of_a_page_is_shown_alone(at: str, sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"normal/{at}"))
    panes = page.locator("section.pane").evaluate_all("all => all.map(p => p.className.split(' p-')[1])")
    assert len(panes) >= 6
    frame = visitor(width=480, height=400).page
    for pane in panes:
        frame.goto(sites.at(f"normal/{at}&embed=1&show={pane}"))
        frame.wait_for_selector(f"[data-ready] .p-{pane}")
        assert frame.locator("section.pane").count() == 1
        assert not frame.locator(".top, .latent-head, .jump").filter(visible=True).count()
        assert frame.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    expect(frame.locator(".embed-foot a")).to_have_attribute("target", "_blank")
    whole = urlsplit(frame.locator(".embed-foot a").get_attribute("href") or "")
    assert parse_qs(whole.query) == {"at": parse_qs(urlsplit(at).query)["at"]}


def test_a_frame_keeps_its_pane_while_tabs_are_turned(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"normal/{LATENT}&embed=1&show=examples"))
    page.get_by_role("tab", name="random").click()
    expect(page.get_by_role("tab", name="random")).to_have_attribute("aria-selected", "true")
    assert parse_qs(urlsplit(page.url).query)["tab"] == ["random"]
    link = page.locator(".embed-foot a").get_attribute("href") or ""
    assert parse_qs(urlsplit(link).query)["show"] == ["random"]
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-ready='resid_post.1.toy/3']")).to_be_visible()


def test_a_pane_that_is_not_there_is_named(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"normal/{LATENT}&embed=1&show=nothing"))
    expect(page.get_by_role("alert")).to_contain_text("There is no pane “nothing” here. There are: examples")


class Frames(HTMLParser):
    """Attributes of the frames in a text."""

    found: dict[str, str | None]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps those of the frame."""
        assert tag == "iframe"
        self.found = dict(attrs)


def test_the_embed_code_works_in_a_page_of_another_origin(
    sites: Sites, visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor(**CLIPBOARD).open(sites.at(f"normal/{LATENT}&show=random"))
    menu(page)
    page.get_by_label("pane").select_option("examples")
    code = copied(page, "copy embed code")
    frames = Frames()
    frames.feed(code)
    query = parse_qs(urlsplit(frames.found["src"] or "").query)
    wanted = {"at": ["resid_post.1.toy/3"], "embed": ["1"], "show": ["examples"], "tab": ["random"]}
    assert query == wanted and frames.found["title"] == "resid_post.1.toy/3: Examples"
    (tmp_path / "index.html").write_text(f"<!doctype html><link rel=icon href='data:,'><p>{code}</p>")
    with serving(tmp_path) as url:
        other = visitor(origins=3).page
        other.goto(f"{url}/")
        inside = other.frame_locator("iframe")
        expect(inside.locator("li.example")).not_to_have_count(0)
        expect(inside.get_by_role("tab", name="random")).to_have_attribute("aria-selected", "true")


def test_the_python_line_opens_the_same_latent(sites: Sites, visitor: Visitor) -> None:
    page = visitor(**CLIPBOARD).open(sites.at(f"normal/{LATENT}"))
    menu(page)
    line = copied(page, "copy Python")
    found = re.fullmatch(
        r'from feature_atlas import open_atlas; open_atlas\((".*")\)\[(".*")\]\[(\d+)\]', line
    )
    assert found and json.loads(found[1]) == sites.at("normal/atlas")
    place = str(sites.atlas("normal"))
    unit = open_atlas(place)[json.loads(found[2])][int(found[3])]
    assert unit.address == "resid_post.1.toy/3"


def test_the_examples_as_a_table_and_all_as_json(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor(**CLIPBOARD).open(sites.at("hostile/latent.html?at=resid_post.0.x/3"))
    latent = open_atlas(str(sites.atlas("hostile"))).at("resid_post.0.x/3")
    assert isinstance(latent, Latent)
    menu(page)
    rows = list(csv.DictReader(io.StringIO(saved(page, "save examples as CSV", tmp_path).read_text())))
    first = [row for row in rows if row["section"] == "top" and row["example"] == "0"]
    example = latent.examples("top")[0]
    vocabulary = latent.dictionary.atlas.vocabulary
    kept = [t for t in first if not vocabulary[int(t["token_id"])].startswith("⟨")]
    assert [json.loads(row["token"]) for row in kept] == [vocabulary[int(row["token_id"])] for row in kept]
    assert [int(row["token_id"]) for row in first] == example.token_ids
    assert np.allclose([float(row["activation"]) for row in first], example.activations, rtol=1e-6)
    assert {row["document"] for row in first} == {str(example.document)}
    assert {json.loads(row["document_id"]) for row in first} == {example.document_id}
    assert next(int(row["position"]) for row in first if row["is"] == "peak") == example.position
    sections = sum(len(latent.examples(name)) for name in ("top", "bands", "random"))
    assert len({row["example"] for row in rows}) == sections
    assert not [row for row in rows if row["token"][0] in "=+-@" or row["document_id"][0] in "=+-@"]
    told = json.loads(copied(page, "copy JSON"))
    assert told["address"] == latent.address and told["firings"] == int(latent.number("firings"))
    assert told["max"] == pytest.approx(latent.number("max"))
    assert told["examples"][0]["token_ids"] == example.token_ids


def test_a_head_is_handed_on_too(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor(**CLIPBOARD).open(sites.at(f"normal/{HEAD}"))
    head = open_atlas(str(sites.atlas("normal"))).at("attn.1/1")
    assert isinstance(head, Head)
    menu(page)
    rows = list(csv.DictReader(io.StringIO(saved(page, "save examples as CSV", tmp_path).read_text())))
    example = head.examples("write")[0]
    first = [row for row in rows if row["section"] == "write" and row["example"] == "0"]
    assert [int(row["token_id"]) for row in first] == example.token_ids
    assert "query" in first[example.query]["is"] and "key" in first[example.key]["is"]
    assert int(first[1]["position"]) == example.position
    assert float(first[0]["write_norm"]) == pytest.approx(example.write)
    told = json.loads(copied(page, "copy JSON"))
    assert told["induction_score"] == pytest.approx(head.number("induction_score"))


def test_a_histogram_as_a_drawing_has_its_bars(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor().open(sites.at(f"normal/{LATENT}"))
    heights = page.locator(".p-activations .bar").evaluate_all(
        "all => all.map(b => +b.getAttribute('height'))"
    )
    menu(page)
    page.get_by_label("pane").select_option("activations")
    svg = saved(page, "save as SVG", tmp_path)
    root = ET.parse(svg).getroot()
    rects = root.iter("{http://www.w3.org/2000/svg}rect")
    bars = [e for e in rects if re.search(r": \d+ firings$", e.findtext("{*}title") or "")]
    assert len(bars) > 10
    assert [float(bar.get("height") or 0) for bar in bars] == pytest.approx(heights)
    assert all(re.match(r"rgba\(|none|url\(#", e.get("fill") or "none") for e in root.iter())
    assert not {"foreignObject", "script", "image"} & {e.tag.split("}")[1] for e in root.iter()}
    png = saved(page, "save as PNG", tmp_path).read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) > 2000


def test_excerpts_as_a_drawing_hold_their_text_escaped(
    sites: Sites, visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor().open(sites.at("hostile/latent.html?at=resid_post.0.x/3"))
    menu(page)
    page.get_by_label("pane").select_option("examples")
    root = ET.parse(saved(page, "save as SVG", tmp_path)).getroot()
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    peaks = page.locator(".example .peak").all_inner_texts()
    assert {peak.strip() for peak in peaks} <= {text.strip() for text in texts}
    assert any(HOSTILE[:10] in text for text in texts)
    assert {e.tag.split("}")[1] for e in root.iter()} <= {
        *("svg", "rect", "text", "line", "g", "clipPath", "linearGradient", "stop")
    }


def test_the_menu_closes_as_menus_do_and_is_fetched_when_opened(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(f"normal/{LATENT}"))
    page.wait_for_load_state("networkidle")
    assert not [response for response in visit.responses if "share-menu" in response.url]
    menu(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="copy link")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="copy link")).to_be_visible()
    page.mouse.click(5, 400)
    expect(page.get_by_role("button", name="copy link")).to_be_hidden()


def test_without_a_clipboard_the_text_is_shown(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    page.goto(sites.at(f"normal/{LATENT}"))
    page.locator("[data-ready]").wait_for()
    menu(page)
    page.get_by_role("button", name="copy link").click()
    expect(page.get_by_label("text to copy")).to_have_value(page.url)
