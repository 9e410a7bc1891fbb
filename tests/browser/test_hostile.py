"""Text from the corpus is text, whatever it says."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from feature_atlas import open_atlas
from tests.browser.conftest import Sites, Visitor
from tests.synthetic import HOSTILE

PAGES = (
    "index.html",
    "about.html",
    "dictionary/resid_post.0.x.html",
    "latent.html?at=resid_post.0.x/3",
    "latent.html?at=mlp_post.0/3",
    "token.html?t=0",
    "search.html?q=onerror",
)


@pytest.mark.parametrize("path", PAGES)
def test_hostile_text_is_shown_as_text(sites: Sites, visitor: Visitor, path: str) -> None:
    page = visitor().page
    page.goto(sites.at(f"hostile/{path}"))
    page.wait_for_load_state("networkidle")
    assert page.locator("img").count() == 0
    scripts = page.locator("script:not([type='application/json'])").evaluate_all("all => all.map(s => s.src)")
    assert all("/assets/" in script for script in scripts)
    assert HOSTILE in page.locator(".top .name").inner_text()
    assert HOSTILE in page.title()


def test_a_hostile_token_reaches_the_title_and_the_document_its_name(sites: Sites, visitor: Visitor) -> None:
    atlas = open_atlas(str(sites.atlas("hostile")))
    top = [atlas.vocabulary[t] for t in atlas["resid_post.0.x"].stat("top_token")]
    page = visitor().open(sites.at(f"hostile/latent.html?at=resid_post.0.x/{top.index(HOSTILE)}"))
    expect(page.locator("h1 .token")).to_have_text(HOSTILE.replace(" ", "␣"))
    assert f"“{HOSTILE.replace(' ', '␣')}”" in page.title()
    page.locator(".example .strip").first.click()
    expect(page.locator(".where .document").first).to_contain_text(HOSTILE)


def test_invisible_characters_are_seen_and_do_not_turn_the_line(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("hostile/latent.html?at=resid_post.0.x/3"))
    text = page.locator("#examples").inner_text()
    assert {"⟨u+202e⟩gnp.exe", "⟨u+200b⟩", "⟨u+0000⟩"} <= {
        mark for mark in ("⟨u+202e⟩gnp.exe", "⟨u+200b⟩", "⟨u+0000⟩") if mark in text
    }
    assert not {"\u202e", "\u200b", "\x00"} & set(text)


def test_labels_are_text_too_each_with_source_and_score(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("hostile/latent.html?at=resid_post.0.x/7"))
    labels = page.locator(".latent-head .label")
    expect(labels.nth(0)).to_have_text(f"label {HOSTILE} label: a tester, score 0.5")
    expect(labels.nth(1)).to_have_text(f"another label: {HOSTILE}, score −0.001")
    expect(labels.nth(2)).to_have_text("guess 0 label: a guesser")
    expect(labels.nth(4)).to_be_hidden()
    page.get_by_text("2 more labels").click()
    expect(labels.nth(4)).to_have_text("guess 2 label: a guesser")
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-ready="resid_post.0.x/8"]')).to_be_visible()
    expect(page.locator(".latent-head .label")).to_have_count(0)
