"""The search box, the page of results, the page of a token: by keyboard and by mouse, and what they cost."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from feature_atlas import open_atlas
from tests.browser.conftest import Sites, Visitor, size
from tests.synthetic import HOSTILE

LATENT = "normal/latent.html?at=resid_post.1.toy/3"


def ask(page: Page, text: str) -> None:
    """Types into the box, and waits until everything has been found."""
    page.keyboard.press("/")
    page.keyboard.type(text)
    expect(page.locator(".search")).to_have_attribute("data-found", text)


def group(page: Page, name: str) -> list[str]:
    """The links of a group of results, in order."""
    links = page.get_by_role("group", name=name).get_by_role("option")
    return [str(link.get_attribute("href")) for link in links.all()]


@pytest.mark.parametrize(
    "path", ["index.html", "about.html", "dictionary/mlp_post.0.html", "heads/attn.0.html"]
)
def test_the_box_is_on_every_page(sites: Sites, visitor: Visitor, path: str) -> None:
    page = visitor().page
    page.goto(sites.at(f"normal/{path}"))
    ask(page, "harbour")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-ready]")
    expect(page.locator("h1 .token")).to_have_text("␣harbour")


def test_an_address_is_completed_and_followed_in_the_page(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(LATENT))
    page.keyboard.press("Control+k")
    page.keyboard.type("toy/29")
    expect(page.locator(".search")).to_have_attribute("data-found", "toy/29")
    told = [f"latent.html?at=resid_post.1.toy/{index}" for index in (29, 290, 291, 292, 293)]
    assert group(page, "Addresses") == told
    page.evaluate("window.same = true")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    second = page.get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox")).to_have_attribute(
        "aria-activedescendant", str(second.get_attribute("id"))
    )
    expect(page.locator(".foot .snippet .cell").first).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-ready="resid_post.1.toy/290"]')
    assert page.evaluate("window.same") is True
    page.go_back()
    page.wait_for_selector('[data-ready="resid_post.1.toy/3"]')


def test_a_number_alone_stays_in_the_dictionary(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(LATENT))
    ask(page, "17")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-ready="resid_post.1.toy/17"]')


def test_addresses_that_are_none_say_what_there_is(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(LATENT))
    ask(page, "resid_post.1.toy/300")
    expect(
        page.get_by_text("resid_post.1.toy has latents resid_post.1.toy/0 to resid_post.1.toy/299")
    ).to_be_visible()
    page.get_by_role("combobox").fill("attn.1/")
    expect(page.get_by_role("option").first).to_have_attribute("href", "head.html?at=attn.1/0")


def test_dictionaries_and_heads_are_found_by_their_names(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("normal/dictionary/mlp_post.0.html"))
    ask(page, "attn")
    assert group(page, "Dictionaries and heads") == ["../heads/attn.0.html", "../heads/attn.1.html"]


@pytest.mark.parametrize(
    "query", ["harbour", "harb", "harbuor", "HARBOUR tide", "zurich", "read", "kilograns", "qqq"]
)
def test_the_browser_finds_what_python_finds(sites: Sites, visitor: Visitor, query: str) -> None:
    found = open_atlas(str(sites.atlas("normal"))).search(query)
    page = visitor().open(sites.at(f"normal/search.html?q={quote(query)}"))
    for button in page.get_by_role("button", name="show all").all():
        button.click()
    links = [str(link.get_attribute("href")) for link in page.locator(".hits a").all()]
    tokens = [f"token.html?t={match.token_id}" for match in found.tokens]
    texts = [f"latent.html?at={hit.address}" for hit in found.texts]
    assert links == tokens + texts
    assert bool(texts) == (query != "qqq")
    met = [set(item.locator("mark").all_inner_texts()) for item in page.locator(".p-latents li").all()]
    assert met == [set(hit.terms) for hit in found.texts]
    assert page.title().startswith(f"“{query}”")


def test_labels_are_found_and_only_text(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("hostile/latent.html?at=resid_post.0.x/3"))
    ask(page, "onerror guess")
    option = page.get_by_role("group", name="Labels").get_by_role("option")
    expect(option).to_have_attribute("href", "latent.html?at=resid_post.0.x/7")
    expect(option).to_contain_text(f"label {HOSTILE}")
    assert [*option.locator("mark").all_inner_texts()] == ["onerror", "guess", "guess", "guess"]
    page.get_by_role("combobox").fill(HOSTILE)
    expect(page.get_by_role("group", name="Tokens").get_by_role("option").first).to_contain_text(
        HOSTILE.replace(" ", "␣")
    )
    page.keyboard.press("Enter")
    expect(page.locator(".asked")).to_have_text(HOSTILE)
    assert page.locator("img").count() == 0


def test_enter_without_a_choice_shows_all_and_escape_closes(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(LATENT))
    ask(page, "river")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.get_by_role("combobox")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-ready="river"]')
    assert page.url.endswith("search.html?q=river")


def test_keys_are_not_stolen_from_a_field(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("normal/dictionary/resid_post.1.toy.html"))
    field = page.get_by_label("top token contains")
    field.focus()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")


def test_a_token_and_its_units(sites: Sites, visitor: Visitor) -> None:
    atlas = open_atlas(str(sites.atlas("normal")))
    wanted = atlas.token(" harbour")
    page = visitor().open(sites.at("normal/token.html?text=%20harbour"))
    expect(page.locator("h1 .token")).to_have_text("␣harbour")
    expect(page.locator(".figures")).to_contain_text(f"{wanted.count:,} occurrences")
    for side, units in (
        ("fires", wanted.fires),
        ("promoted", wanted.promoted),
        ("suppressed", wanted.suppressed),
    ):
        pane = page.locator(f".p-{side}")
        for button in pane.get_by_role("button", name="show all").all():
            button.click()
        shown = pane.locator("tbody th a").all_inner_texts()
        assert shown == [unit.address for unit in units], side
        assert shown
    first = page.locator(".p-fires tbody tr").first
    assert [float(text) for text in first.locator("td").all_inner_texts()[1:]] == pytest.approx(
        [wanted.fires[0].cosine, wanted.fires[0].p_fire_given_token], rel=5e-3
    )
    expect(first.locator(".snippet .cell").first).to_be_visible()
    page.get_by_label("units of").select_option("resid_post.1.toy")
    of_toy = [unit.address for unit in wanted.fires if unit.address.startswith("resid_post.1.toy/")]
    expect(page.locator(".p-fires tbody tr")).to_have_count(min(6, len(of_toy)))
    assert page.url.endswith("dictionary=resid_post.1.toy")


def test_a_token_that_is_none_and_one_that_nothing_fires_on(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.goto(sites.at("normal/token.html?t=99999"))
    expect(page.get_by_role("alert")).to_contain_text("“99999” is no token’s number")
    page = visitor().open(sites.at("normal/token.html?t=0"))
    expect(page.locator(".p-fires")).to_contain_text(
        "No unit is known to fire on it. The token occurs 0 times"
    )


def test_a_phrase_is_told_as_tokens_with_what_fires_on_all(sites: Sites, visitor: Visitor) -> None:
    atlas = open_atlas(str(sites.atlas("normal")))
    asked = next(
        pair
        for pair in ("the harbour", "the river", "is not", "the lantern", "was metres", "harbour of")
        if (phrase := atlas.search(pair).phrase) and phrase.fires
    )
    page = visitor().open(sites.at(f"normal/search.html?q={quote(asked)}"))
    phrase = atlas.search(asked).phrase
    assert phrase is not None
    assert page.locator(".phrase .token").all_inner_texts() == [t.replace(" ", "␣") for t in phrase.tokens]
    rows = page.locator(".p-phrase tbody th a")
    assert rows.all_inner_texts() == [unit.address for unit in phrase.fires][:6]


def test_tokens_of_a_latent_lead_to_their_pages(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(LATENT))
    token = page.locator(".fires-on a.token").first
    text = token.inner_text()
    token.click()
    page.wait_for_selector("[data-ready]")
    expect(page.locator("h1 .token")).to_have_text(text)


def test_an_atlas_without_indexes_says_so(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("large/search.html?q=harbour"))
    expect(page.get_by_text("made without an index of words")).to_be_visible()
    expect(page.locator(".p-tokens a .token").first).to_have_text("␣harbour")
    page.goto(sites.at("large/token.html?t=5"))
    expect(page.get_by_role("alert")).to_contain_text("made without an index of its tokens")


def test_on_a_phone_the_box_is_a_sheet(sites: Sites, visitor: Visitor) -> None:
    page = visitor(width=390, height=800).page
    page.goto(sites.at("normal/index.html"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("combobox").click()
    page.keyboard.type("harbour")
    expect(page.get_by_role("option").first).to_be_visible()
    box = page.locator(".search").bounding_box()
    assert box is not None and (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 800)
    page.get_by_role("button", name="close").click()
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_what_a_search_costs(sites: Sites, visitor: Visitor) -> None:
    """Until the box is used, nothing; then its script, and of the index a few small reads."""
    visit = visitor()
    page = visit.open(sites.at(LATENT))
    page.wait_for_load_state("networkidle")
    assert not [
        response for response in visit.responses if "search.zarr" in response.url or "/box-" in response.url
    ]
    visit.forget()
    ask(page, "harbour")
    assert len(visit.responses) <= 16
    assert 0 < size(visit.data()) <= 64 * 1024
    visit.forget()
    page.get_by_role("combobox").fill("harbour tide")
    expect(page.locator(".search")).to_have_attribute("data-found", "harbour tide")
    assert len(visit.responses) <= 4


def test_a_lost_index_is_an_error_with_its_remedy(sites: Sites, visitor: Visitor) -> None:
    page = visitor(quiet=False).page
    page.route("**/search.zarr/**", lambda route: route.fulfill(status=404, body=""))
    page.goto(sites.at("normal/index.html"))
    page.keyboard.press("/")
    page.keyboard.type("harbour")
    expect(page.get_by_role("alert")).to_contain_text("there is no store at")
