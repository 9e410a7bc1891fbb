"""The head page, the pages of layers, and the grid of all heads."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from feature_atlas import Head, open_atlas
from feature_atlas.contract import METRICS
from tests.browser.conftest import Sites, Visitor, size
from tests.synthetic_heads import N_HEADS
from tests.synthetic_long import CTX

AT = "normal/head.html?at=attn.1/1"
KIB = 1024


def head_of(sites: Sites, address: str = "attn.1/1") -> Head:
    found = open_atlas(str(sites.atlas("normal"))).at(address)
    assert isinstance(found, Head)
    return found


def test_it_shows_what_the_atlas_holds(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(AT))
    head = head_of(sites)
    page.wait_for_selector("[data-window]")
    examples = head.examples("write")
    values = page.locator(".pairs .value").all_inner_texts()
    assert [float(v) for v in values] == pytest.approx([e.write for e in examples], rel=0.005)
    assert page.locator(".window .cell").count() == len(examples[0].tokens)
    keys = page.locator(".pair-list tbody tr")
    row = examples[0].attention[examples[0].query]
    assert keys.count() == (row > 0).sum()
    told = float(keys.first.locator("td").nth(1).inner_text())
    assert told == pytest.approx(row.max(), rel=0.005)
    shown = head.to_json()
    ov = page.locator(".p-ov tbody tr").first.locator(".token").all_inner_texts()
    want = [shown["ov"][0]["token"], *(e["token"] for e in shown["ov"][0]["promoted"])]
    assert [t.replace("␣", " ") for t in ov[:11]] == [t.replace("\n", "⏎") for t in want]
    assert page.locator(".scores dd").count() == len(METRICS)
    expect(page.locator(".p-qk")).to_contain_text("rotary")
    expect(page).to_have_title("attn.1/1 · A synthetic atlas")


def test_a_token_tells_where_it_looks_and_from_where_it_is_looked_at(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(AT))
    page.wait_for_selector("[data-window]")
    example = head_of(sites).examples("write")[0]
    page.locator('.window .cell[data-index="9"]').hover()
    told = page.locator(".pair-list")
    expect(told).to_contain_text("at 9 looks at")
    expect(told.locator("tbody tr")).to_have_count(int((example.attention[9] > 0).sum()))
    expect(page.get_by_role("status")).to_contain_text(f"at {example.attention[9].argmax()}")
    page.mouse.move(0, 0)
    expect(told).to_contain_text(f"at {example.query}")
    page.get_by_role("button", name="from where it is looked at").click()
    page.locator('.window .cell[data-index="3"]').click()
    page.mouse.move(0, 0)
    asks = (example.attention[:, 3] > 0).sum()
    expect(told).to_contain_text("at 3 is looked at from")
    expect(told.locator("tbody tr")).to_have_count(min(8, int(asks)))


PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def test_the_pattern_is_walked_by_keys_and_by_pointer(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(AT))
    page.wait_for_selector("[data-window]")
    example = head_of(sites).examples("write")[0]
    n = len(example.tokens)
    whole = page.locator(".pattern")
    opaque = whole.locator("canvas").evaluate(PIXELS)[3::4]
    assert 0 < sum(alpha > 0 for alpha in opaque) <= (example.attention > 0).sum()
    box = whole.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 5.5 / n, box["y"] + box["height"] * 20.5 / n)
    pattern = page.get_by_role("group", name="pattern of")
    name = f"pattern of {n} tokens, queries downward, keys to the right; at query %d, key %d; arrow keys move"
    expect(pattern).to_have_accessible_name(name % (20, 5))
    pattern.focus()
    page.mouse.move(0, 0)
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    expect(pattern).to_have_accessible_name(name % (20, 7))
    expect(page.locator(".pair-list")).to_contain_text("at 20")
    expect(page.get_by_role("status")).to_contain_text(f"at {20}")
    for key, place in (("End", (20, 20)), ("Home", (20, 0)), ("PageDown", (28, 0)), ("PageUp", (20, 0))):
        page.keyboard.press(key)
        expect(pattern).to_have_accessible_name(name % place)
    page.wait_for_url("**q=20&k=0")
    assert "attn.1/1" in page.url  # arrows did not go to the next head


def test_a_click_on_the_large_view_takes_the_pair_that_is_drawn_there(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"{AT}&zoom=16"))
    pattern = page.get_by_role("group", name="pattern of")
    first = [int(pattern.get_attribute(f"data-{name}") or -1) for name in ("query", "key", "size")]
    canvas = pattern.locator("canvas").bounding_box()
    assert first[2] == 16 and canvas is not None
    cell = (canvas["width"] - 84) / 16
    page.mouse.click(canvas["x"] + 84 + 4.5 * cell, canvas["y"] + 6 + 6.5 * cell)
    query = first[0] + 6
    expect(pattern).to_have_accessible_name(re.compile(f"at query {query}, key {min(query, first[1] + 4)};"))


def test_the_strongest_pairs_and_the_first_position(sites: Sites, visitor: Visitor) -> None:
    page = visitor(quiet=False).open(sites.at(AT))  # reading a canvas twice is remarked on
    page.wait_for_selector("[data-window]")
    example = head_of(sites).examples("write")[0]
    counted = example.attention[1:, 1:]
    strong = [i + 1 for i in divmod(int(counted.argmax()), counted.shape[1])]
    page.keyboard.press("t")
    status = page.get_by_role("status")
    expect(status).to_contain_text(f"at {strong[0]} →")
    assert float(status.locator("b").first.inner_text()) == pytest.approx(counted.max(), rel=0.01)
    page.get_by_role("button", name="next", exact=True).click()
    second = sorted(counted[counted > 0])[-2]
    assert float(status.locator("b").first.inner_text()) == pytest.approx(second, rel=0.01)
    whole = page.locator(".pattern canvas")
    sink = "c => [...c.getContext('2d').getImageData(0, 0, 1, c.height).data]"
    assert sum(whole.evaluate(sink)[3::4]) > 0
    page.get_by_role("button", name="hidden").click()
    expect(page.locator(".pair-list")).to_contain_text("is on the first position")
    assert sum(whole.evaluate(sink)[3::4]) == 0
    page.get_by_role("button", name="write norm").click()
    page.wait_for_url("**k=*")
    assert {"first=hidden", "colour=write"} <= set(page.url.partition("?")[2].split("&"))
    told = page.locator(".readout").inner_text()
    page.reload()
    expect(page.get_by_role("button", name="hidden")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".readout")).to_have_text(told)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_window_of_512_tokens_is_read_and_walked_quickly(
    sites: Sites, visitor: Visitor, width: int
) -> None:
    atlas = open_atlas(str(sites.atlas("long")))
    head = atlas.at("attn.0/1")
    assert isinstance(head, Head)
    windows = head.examples("write")
    at = max(range(len(windows)), key=lambda i: len(windows[i].tokens))
    assert len(windows[at].tokens) == CTX
    page = visitor(width=width).open(sites.at(f"long/head.html?at=attn.0/1&example={at}&zoom=0"))
    pattern = page.get_by_role("group", name=f"pattern of {CTX} tokens")
    assert pattern.get_attribute("data-size") == str(CTX)
    assert page.evaluate("document.querySelectorAll('.window *').length") < CTX + 300
    pattern.focus()
    spent = pattern.evaluate(
        """async (element) => {
            const start = performance.now();
            for (let i = 0; i < 40; i++) {
                const key = i % 2 ? "ArrowRight" : "ArrowDown";
                element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
                await new Promise(requestAnimationFrame);
            }
            return (performance.now() - start) / 40;
        }"""
    )
    assert spent < 150, f"{spent:.0f} ms a step"  # 16 where the machine is free
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0


def test_tabs_and_windows_are_in_the_address(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(AT))
    page.get_by_role("tab", name="random").click()
    page.locator(".pairs button").nth(2).click()
    assert page.url.endswith("?at=attn.1/1&show=random&example=2")
    page.reload()
    page.wait_for_selector('[data-window="18"]')
    example = head_of(sites).examples("random")[2]
    expect(page.locator(".window .document")).to_have_text(example.document_id)
    expect(page.locator(".pairs button").nth(2)).to_have_attribute("aria-pressed", "true")


def test_one_goes_from_head_to_head_and_to_latents(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(AT))
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('[data-ready="attn.1/2"]')
    page.keyboard.press("/")
    page.keyboard.type("mlp_post.0/5\n")
    page.wait_for_selector('[data-ready="mlp_post.0/5"]')
    assert "latent.html" in page.url
    page.keyboard.press("/")
    page.keyboard.type("attn.0/3\n")
    page.wait_for_selector('[data-ready="attn.0/3"]')
    assert "head.html" in page.url


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("attn.1/4", "attn.1 has no head 4"),
        ("attn.7/0", "this atlas has no heads attn.7"),
        ("<b>x</b>", "“<b>x</b>” is no address"),
    ],
)
def test_an_address_that_is_none_is_named(sites: Sites, visitor: Visitor, at: str, says: str) -> None:
    page = visitor().page
    page.goto(sites.at(f"normal/head.html?at={at}"))
    expect(page.get_by_role("alert")).to_contain_text(says)


def test_a_cold_head_page_and_the_next_window_are_cheap(sites: Sites, visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open(sites.at(AT))
    page.wait_for_selector("[data-window]")
    page.wait_for_load_state("networkidle")
    assert len(visit.data()) <= 14 and size(visit.data()) <= 64 * KIB
    visit.forget()
    page.locator(".pairs button").nth(3).click()
    page.wait_for_selector('[data-window="3"]')
    page.wait_for_load_state("networkidle")
    assert 0 < len(visit.responses) <= 3 and size(visit.responses) <= 10 * KIB


def test_a_layer_is_listed_without_a_script_and_sorted_with_one(sites: Sites, visitor: Visitor) -> None:
    scores = open_atlas(str(sites.atlas("normal"))).heads("attn.1").score("induction_score")
    plain = visitor(java_script_enabled=False).page
    plain.goto(sites.at("normal/heads/attn.1.html"))
    assert plain.locator("tbody tr").count() == N_HEADS
    page = visitor().page
    page.goto(sites.at("normal/heads/attn.1.html"))
    page.get_by_role("button", name="sort by induction", exact=True).click()
    order = [f"attn.1/{i}" for i in (-scores).argsort(kind="stable")]
    assert page.locator("tbody th").all_inner_texts() == order
    page.get_by_role("button", name="sort by induction", exact=True).click()
    assert page.locator("tbody th").all_inner_texts() == order[::-1]
    page.locator("tbody a").first.click()
    page.wait_for_selector(f'[data-ready="{order[-1]}"]')


def test_the_grid_needs_no_script(sites: Sites, visitor: Visitor) -> None:
    atlas = open_atlas(str(sites.atlas("normal")))
    page = visitor(java_script_enabled=False).page
    page.goto(sites.at("normal/index.html"))
    page.get_by_text("copying", exact=True).click()
    cells = page.locator(".grid:visible td")
    want = [
        f"{v:.2f}".replace("-", "−") for i in (0, 1) for v in atlas.heads(f"attn.{i}").score("copying_score")
    ]
    assert cells.all_inner_texts() == want
    assert page.locator(".grid:visible td.below").count() == 2 * N_HEADS


def test_every_definition_that_is_linked_is_there(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(AT))
    links = page.locator(".figures a, .statistics a").evaluate_all("all => all.map(a => a.hash)")
    page.goto(sites.at("normal/about.html"))
    assert links and all(page.locator(link).count() == 1 for link in links)


def test_an_atlas_without_heads_says_nothing_of_them(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.goto(sites.at("large/index.html"))
    assert page.locator(".grids").count() == 0
    expect(page.locator(".top")).not_to_contain_text("heads")
