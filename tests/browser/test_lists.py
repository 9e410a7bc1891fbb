"""Starred latents and heads: kept by the browser, arranged, and handed on by link or file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from feature_atlas import Latent, open_atlas
from tests.browser.conftest import Sites, Visitor
from tests.synthetic import HOSTILE, RUN

TOY = "resid_post.1.toy"
SHARED = f"normal/list.html?items={TOY}/3,8;attn.1/1;{TOY}/4&title=Mine%20%26%20yours&note2=a%3B%20b"


AT_ONCE = """
new MutationObserver((_, observer) => {
  if (document.querySelector(".latent-head .star") === null) return;
  observer.disconnect();
  dispatchEvent(new KeyboardEvent("keydown", { key: "s" }));
}).observe(document, { childList: true, subtree: true });
"""


def addresses(page: Page) -> list[str]:
    return page.locator(".starred-row .at a").all_inner_texts()


def star(page: Page, sites: Sites, *paths: str) -> None:
    for path in paths:
        page.goto(sites.at(f"normal/{path}"))
        page.locator("[data-ready]").wait_for()
        page.keyboard.press("s")
        expect(page.locator(".latent-head .star")).to_have_attribute("aria-pressed", "true")


def test_stars_make_a_list(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    star(page, sites, f"latent.html?at={TOY}/3", "head.html?at=attn.1/1", "latent.html?at=mlp_post.0/5")
    expect(page.locator(".starred .count")).to_have_text("3")
    page.locator(".top .starred").click()
    expect(page.locator(".starred-row")).to_have_count(3)
    assert addresses(page) == [f"{TOY}/3", "attn.1/1", "mlp_post.0/5"]
    latent = open_atlas(str(sites.atlas("normal"))).at(f"{TOY}/3")
    assert isinstance(latent, Latent)
    row = page.locator(".starred-row").first
    told = row.locator(".glance .value").inner_text().removesuffix(" %")
    assert float(told) / 100 == pytest.approx(latent.number("density"), rel=0.01)
    assert (
        row.locator(".at .token").inner_text().replace("␣", " ") == latent.to_json()["fires_on"][0]["token"]
    )
    expect(row.locator(".snippet .cell").first).to_be_visible()
    expect(page.locator(".starred-row").nth(1)).to_contain_text("head: induction")
    page.go_back()
    page.locator("[data-ready='mlp_post.0/5']").wait_for()
    page.get_by_role("button", name="star mlp_post.0/5").click()
    expect(page.locator(".starred .count")).to_have_text("2")


def test_a_star_pressed_as_soon_as_it_is_there_is_shown(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.add_init_script(AT_ONCE)
    page.goto(sites.at(f"normal/latent.html?at={TOY}/3"))
    expect(page.locator(".latent-head .star")).to_have_attribute("aria-pressed", "true")


def test_a_star_in_a_row_of_the_list(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"normal/dictionary/{TOY}.html"))
    page.locator(".row .star").first.click()
    expect(page.locator(".starred .count")).to_have_text("1")
    expect(page.locator(".row .star").first).to_have_attribute("aria-pressed", "true")


def test_it_is_arranged_noted_on_and_undone(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(SHARED))
    page.get_by_role("button", name="keep it").click()
    page.get_by_role("button", name=f"move {TOY}/3 down").click()
    assert addresses(page) == [f"{TOY}/8", f"{TOY}/3", "attn.1/1", f"{TOY}/4"]
    page.get_by_role("button", name="remove attn.1/1").click()
    expect(page.locator(".starred-row")).to_have_count(3)
    page.get_by_label(f"note on {TOY}/4").fill(HOSTILE)
    page.keyboard.press("Tab")
    page.get_by_label("title of the list").fill("Ours")
    page.keyboard.press("Tab")
    page.reload()
    expect(page.get_by_label(f"note on {TOY}/4")).to_have_value(HOSTILE)
    expect(page.get_by_label("title of the list")).to_have_value("Ours")
    assert addresses(page) == [f"{TOY}/8", f"{TOY}/3", f"{TOY}/4"]
    page.get_by_role("button", name=f"remove {TOY}/8").click()
    expect(page.locator(".starred-row")).to_have_count(2)
    page.get_by_role("button", name="undo").click()
    expect(page.locator(".starred-row")).to_have_count(3)
    assert page.locator("img").count() == 0


def test_a_shared_list_leaves_ones_own_until_it_is_kept(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    star(page, sites, f"latent.html?at={TOY}/8", "latent.html?at=mlp_post.0/5")
    page.goto(sites.at(SHARED))
    expect(page.locator(".starred-row")).to_have_count(4)
    expect(page.locator("h1")).to_have_text("Mine & yours")
    expect(page.locator(".starred-row").nth(1).locator(".note")).to_have_text("a; b")
    expect(page.locator(".starred .count")).to_have_text("2")
    page.get_by_role("button", name="keep it: add 3 to yours").click()
    expect(page.locator(".starred .count")).to_have_text("5")
    assert addresses(page) == [f"{TOY}/8", "mlp_post.0/5", f"{TOY}/3", "attn.1/1", f"{TOY}/4"]
    expect(page.get_by_label(f"note on {TOY}/8")).to_have_value("a; b")
    assert "items" not in page.url


def test_its_link_gives_the_same_list(sites: Sites, visitor: Visitor) -> None:
    visit = visitor(permissions=["clipboard-read", "clipboard-write"])
    page = visit.open(sites.at(SHARED))
    page.get_by_role("button", name="keep it").click()
    page.get_by_label("note on attn.1/1").fill("see ;,&=# ü")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="copy a link to this list").click()
    expect(page.get_by_text("copied")).to_be_visible()
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert parse_qs(urlsplit(link).query)["items"] == [f"{TOY}/3,8;attn.1/1;{TOY}/4"]
    other = visitor().open(link)
    assert addresses(other) == addresses(page)
    assert other.locator(".starred-row .note").all_inner_texts() == ["", "a; b", "see ;,&=# ü", ""]
    expect(other.locator("h1")).to_have_text("Mine & yours")


def test_files_go_out_and_in_again(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor().open(sites.at(SHARED.replace("a%3B%20b", '%3DHYPERLINK(%22x%22)%2C "q"')))
    page.get_by_role("button", name="keep it").click()
    saved = {}
    for kind in ("JSON", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"save as {kind}").click()
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    told = json.loads(saved["JSON"].read_text())
    assert told["title"] == "Mine & yours" and told["atlas"] == sites.at("normal/atlas")
    assert told["items"][1] == {"address": f"{TOY}/8", "note": '=HYPERLINK("x"), "q"'}
    rows = list(csv.reader(io.StringIO(saved["CSV"].read_text())))
    assert rows[0] == ["address", "note"] and rows[2] == [f"{TOY}/8", '\'=HYPERLINK("x"), "q"']
    for path in saved.values():
        other = visitor().open(sites.at("normal/list.html"))
        other.locator("input[type=file]").set_input_files(path)
        expect(other.locator(".starred-row")).to_have_count(4)
        assert addresses(other) == addresses(page)
        expect(other.get_by_label(f"note on {TOY}/8")).to_have_value('=HYPERLINK("x"), "q"')


def test_a_file_is_dropped_in(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at("normal/list.html"))
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "a.csv"));
            const how = { dataTransfer: data, bubbles: true, cancelable: true };
            document.querySelector(".list-files").dispatchEvent(new DragEvent("drop", how));
        }""",
        f'address,note\n{TOY}/3,"two\nlines"\nattn.1/1,\n',
    )
    expect(page.locator(".starred-row")).to_have_count(2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "bad.json is cut short or not a list"),
        ('{"format": "else"}', "bad.json: this is JSON, but not a list"),
        (
            '{"format": "feature-atlas-list", "items": [null]}',
            "bad.json: “undefined” in the list is no address",
        ),
        ("a,b\n1,2", "bad.json: its first line is not address,note"),
        ('address,note\nx/1,"open', "bad.json: line 2 of it is no line of a table"),
        ("address,note\nx/-1,", "bad.json: “x/-1” in the list is no address"),
        ("address\n" + "".join(f"x/{i}\n" for i in range(501)), "the list holds 501 items"),
    ],
)
def test_a_bad_file_gives_one_line_and_changes_nothing(
    text: str, says: str, sites: Sites, visitor: Visitor
) -> None:
    page = visitor().open(sites.at("normal/list.html"))
    file = {"name": "bad.json", "mimeType": "application/json", "buffer": text.encode()}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_contain_text(says)
    expect(page.get_by_text("Nothing is on it")).to_be_visible()


def test_a_bad_link_and_a_lost_address_are_told(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.goto(sites.at(f"normal/list.html?items={TOY}"))
    expect(page.get_by_role("alert")).to_contain_text("in the list is no address")
    page.goto(sites.at(f"normal/list.html?items=gone/3;{TOY}/9999;{TOY}/3&run=older"))
    rows = page.locator(".starred-row")
    expect(rows.nth(0)).to_contain_text("this atlas has no dictionary gone")
    expect(rows.nth(1)).to_contain_text(f"{TOY} has no latent 9999")
    expect(rows.nth(2).locator(".snippet")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text(f"made on run older, and the atlas is now run {RUN}")


def test_previous_and_next_go_along_the_list(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(SHARED))
    page.locator(".starred-row a").nth(1).click()
    page.locator(f"[data-ready='{TOY}/8']").wait_for()
    expect(page.get_by_text("2 of 4 in the list")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.locator("[data-ready='attn.1/1']").wait_for()
    page.get_by_role("link", name="next of the list").click()
    page.locator(f"[data-ready='{TOY}/4']").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(f"[data-ready='{TOY}/3']").wait_for()
    expect(page.get_by_text("1 of 4 in the list")).to_be_visible()


@pytest.mark.parametrize("fault", ["full", "forbidden"])
def test_without_storage_it_says_so_and_goes_on(fault: str, sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
        if fault == "full"
        else "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } });"
    )
    page.goto(sites.at(SHARED))
    page.get_by_role("button", name="keep it").click()
    expect(page.locator(".notice")).to_contain_text("This browser keeps nothing for this site")
    page.get_by_role("button", name="remove attn.1/1").click()
    expect(page.locator(".starred-row")).to_have_count(3)
    expect(page.locator(".starred .count")).to_have_text("3")


def test_lists_of_two_atlases_are_two(sites: Sites, visitor: Visitor) -> None:
    page = visitor().page
    star(page, sites, f"latent.html?at={TOY}/3")
    page.goto(sites.at("normal/list.html?atlas=../hostile/atlas"))
    expect(page.get_by_text("Nothing is on it")).to_be_visible()
    page.goto(sites.at("hostile/list.html"))
    expect(page.get_by_text("Nothing is on it")).to_be_visible()
    page.goto(sites.at("normal/list.html"))
    expect(page.locator(".starred-row")).to_have_count(1)
