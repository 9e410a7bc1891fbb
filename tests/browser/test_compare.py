"""Two latents side by side: both as the atlas has them, all of it in the URL, and how it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from feature_atlas import Latent, open_atlas
from tests.browser.conftest import Sites, Visitor, serving

A, B, NEURON = "resid_post.1.toy/3", "resid_post.1.toy/8", "mlp_post.0/5"


def at(sites: Sites, a: str, b: str = "", more: str = "") -> str:
    return sites.at(f"normal/compare.html?a={a}" + (f"&b={b}" if b else "") + more)


def latent(sites: Sites, address: str) -> Latent:
    found = open_atlas(str(sites.atlas("normal"))).at(address)
    assert isinstance(found, Latent)
    return found


def cells(page: Page, pane: str, row: str) -> list[str]:
    """The cells of a row of a pane's table."""
    named = page.get_by_role("rowheader", name=row, exact=True)
    return page.locator(f".p-{pane} tr", has=named).locator("td").all_inner_texts()


def test_the_statistics_of_both_and_which_is_larger(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(at(sites, A, B))
    for name, field in (("max", "max"), ("skew", "skew"), ("mean when firing", "mean_firing")):
        x, y = (latent(sites, address).number(field) for address in (A, B))
        shown = cells(page, "compare-statistics", name)
        assert [float(value.replace(",", "")) for value in shown[:2]] == pytest.approx([x, y], rel=0.005)
        assert shown[2].startswith("A," if x > y else "B,")
        factor = float(shown[2].split("×")[1].replace(",", ""))
        assert factor == pytest.approx(max(x, y) / min(x, y), rel=0.005)
    assert cells(page, "compare-statistics", "min") == ["0", "0", "equal"]


def test_both_histograms_stand_on_one_axis(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(at(sites, A, B))
    for letter, address in (("a", A), ("b", B)):
        bars = page.locator(f".mirrored .bar.of-{letter}")
        said = [int(title.split(": ")[2].split()[0].replace(",", "")) for title in bars.all_text_contents()]
        counts = latent(sites, address).ints["hist"].tolist()
        assert [n for n in said if n] == [n for n in counts if n]
    places = [
        page.locator(f".mirrored .bar.of-{letter}").evaluate_all("all => all.map(bar => bar.x.baseVal.value)")
        for letter in "ab"
    ]
    assert places[0] == places[1]


def test_examples_stand_in_two_columns_of_the_chosen_section(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(at(sites, A, B))
    for letter, address in (("A", A), ("B", B)):
        column = page.get_by_role("region", name=f"examples of {letter}, {address}")
        values = [float(text) for text in column.locator(".example .value").all_inner_texts()]
        top = latent(sites, address).examples("top")
        assert values == pytest.approx([example.activation for example in top], rel=0.005)
    page.get_by_role("tab", name="random").click()
    expect(page.locator("#examples")).to_contain_text("Drawn uniformly from all")
    assert page.url.endswith("show=random")
    page.reload()
    expect(page.get_by_role("tab", name="random")).to_have_attribute("aria-selected", "true")


def test_tokens_of_both_come_first_and_are_marked(sites: Sites, visitor: Visitor) -> None:
    """A latent and its nearest share few tokens at best; one laid beside itself shares them all."""
    page = visitor().open(at(sites, A, B))
    ids = [{row["token_id"] for row in latent(sites, address).to_json()["promoted"]} for address in (A, B)]
    shared, union = len(ids[0] & ids[1]), len(ids[0] | ids[1])
    pane = page.locator(".p-compare-promotes")
    pane.get_by_role("button", name="show all").click()
    rows = pane.locator("tbody tr")
    expect(rows).to_have_count(union)
    marks = rows.locator("td:last-child").all_inner_texts()
    assert marks[:shared] == ["both"] * shared and "both" not in marks[shared:]
    page.goto(at(sites, A, A))
    expect(page.locator(".notice")).to_contain_text("the same latent")
    expect(pane.locator("tr.is-shared")).to_have_count(6)


def test_what_the_lists_tell_of_the_pair(sites: Sites, visitor: Visitor) -> None:
    told = latent(sites, A).to_json()
    near = told["neighbours"][0]
    page = visitor().open(at(sites, A, near["address"]))
    relation = page.locator(".relation")
    assert float(relation.locator("b").first.inner_text()) == pytest.approx(near["cosine"], rel=0.005)
    everyone = (latent(sites, f"resid_post.1.toy/{index}") for index in range(300))
    one, fires = next(
        (each, each.to_json()["cofiring"][0]) for each in everyone if each.to_json()["cofiring"]
    )
    page.goto(at(sites, fires["address"], one.address))  # the list of either side will do
    expect(relation).to_contain_text(f"{fires['count']} shared firings")
    listed = {row["address"] for row in told["neighbours"]}
    others = (f"resid_post.1.toy/{index}" for index in range(300))
    far = next(
        other
        for other in others
        if other not in listed | {A}
        and A not in {row["address"] for row in latent(sites, other).to_json()["neighbours"]}
    )
    least = min(latent(sites, each).to_json()["neighbours"][-1]["cosine"] for each in (A, far))
    page.goto(at(sites, A, far))
    text = relation.locator("b").first.inner_text()
    assert text.startswith("≤") and float(text[1:]) == pytest.approx(least, rel=0.005)


def test_keys_swap_and_change_either_side(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(at(sites, A, B))
    page.keyboard.press("x")
    page.wait_for_selector(f'[data-ready="{B} {A}"]')
    assert page.url.endswith(f"?a={B}&b={A}")
    page.get_by_role("button", name="swap A and B").click()
    page.wait_for_selector(f'[data-ready="{A} {B}"]')
    page.keyboard.press("b")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("11\n")
    page.wait_for_selector(f'[data-ready="{A} resid_post.1.toy/11"]')
    page.keyboard.press("a")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("nonsense x\n")
    expect(page.get_by_role("alert")).to_contain_text("an address is dictionary/index")
    page.go_back()
    page.wait_for_selector(f'[data-ready="{A} {B}"]')


def test_one_alone_is_offered_company(sites: Sites, visitor: Visitor) -> None:
    page = visitor().open(sites.at(f"normal/latent.html?at={A}"))
    page.get_by_role("link", name="compare", exact=True).click()
    near = latent(sites, A).to_json()["neighbours"][0]["address"]
    page.locator(".p-related").get_by_role("link", name=near, exact=True).click()
    page.wait_for_selector(f'[data-ready="{A} {near}"]')
    page.goto(sites.at("normal/compare.html"))
    expect(page.get_by_text("Which latents?")).to_be_visible()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("attn.0/1", "attn.0/1 is an attention head"),
        ("resid_post.1.toy/300", "resid_post.1.toy has no latent 300"),
        ("<b>x</b>", "“<b>x</b>” is no address"),
    ],
)
def test_the_side_that_fails_is_named_and_can_be_mended(
    sites: Sites, visitor: Visitor, wrong: str, says: str
) -> None:
    page = visitor().open(at(sites, A, wrong))
    expect(page.get_by_role("region", name="latent B")).to_contain_text(says)
    expect(page.locator(".compared.of-a .token")).to_be_visible()
    page.keyboard.press("b")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(f"{NEURON}\n")
    page.wait_for_selector(f'[data-ready="{A} {NEURON}"]')
    expect(page.locator(".notice")).to_contain_text("B is of another dictionary")
    expect(page.locator(".notice")).to_contain_text("two signs")
    expect(page.locator(".relation")).to_contain_text("not told between dictionaries")


def test_the_other_may_be_of_another_atlas(sites: Sites, visitor: Visitor, tmp_path: Path) -> None:
    shutil.copytree(sites.folder / "some" / "where" / "normal", tmp_path / "site")
    shutil.copytree(sites.atlas("hostile"), tmp_path / "site" / "other")
    with serving(tmp_path / "site") as url:
        page = visitor().open(f"{url}/compare.html?a={A}&b=resid_post.0.x/7&atlas_b=other")
        expect(page.locator(".notice")).to_contain_text("of another atlas")
        expect(page.locator(".relation")).to_contain_text("not counted between atlases")
        other = open_atlas(str(sites.atlas("hostile"))).at("resid_post.0.x/7")
        assert isinstance(other, Latent)
        shown = page.get_by_role("region", name="examples of B").locator(".example .value").all_inner_texts()
        top = [example.activation for example in other.examples("top")]
        assert [float(text) for text in shown] == pytest.approx(top, rel=0.005)
        page.keyboard.press("x")
        page.wait_for_selector(f'[data-ready="resid_post.0.x/7 {A}"]')
        assert "atlas_a=other" in page.url and "atlas_b" not in page.url


def test_on_a_phone_what_is_compared_stays_in_sight(sites: Sites, visitor: Visitor) -> None:
    page = visitor(width=390, height=700).open(at(sites, A, B))
    page.get_by_role("region", name=f"examples of B, {B}").scroll_into_view_if_needed()
    page.mouse.wheel(0, 500)
    for letter in "ab":
        expect(page.locator(f"#at-{letter}")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
