"""What the pages say of the text they quote: licences, a note, and documents that are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from feature_atlas import open_atlas
from feature_atlas.manifest import MANIFEST
from tests import synthetic
from tests.browser.conftest import Visitor, serving
from viewer_builder.build import build_site

NOTE = f"Some of these texts are about war. {synthetic.HOSTILE}"
TERMS = [
    {
        "source": "synthetic",
        "licence": "CC-BY-4.0",
        "attribution": synthetic.HOSTILE,
        "url": "https://example.org/a",
    },
    {"source": "other", "licence": "PSF-2.0"},
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site whose atlas tells its terms, has a note, and leaves documents out."""
    folder = tmp_path_factory.mktemp("sharing")
    atlas = synthetic.normal(folder / "atlas")
    told = json.loads((atlas / MANIFEST).read_bytes())
    told["corpus"]["terms"] = TERMS
    (atlas / MANIFEST).write_text(json.dumps(told | {"content_note": NOTE}))
    listed = folder / "excluded.txt"
    top = open_atlas(str(atlas)).dictionary("resid_post.1.toy")[5].examples("top")
    listed.write_text("\n".join(example.document_id for example in top))
    build_site(str(atlas), folder / "site", link=None, exclude=listed)
    with serving(folder / "site") as served:
        yield served


def test_licences_and_exclusions_are_told_where_text_is_shown(url: str, visitor: Visitor) -> None:
    page = visitor().open(f"{url}/latent.html?at=resid_post.1.toy/3")
    line = page.locator(".p-examples .terms")
    expect(line).to_contain_text(
        "Excerpts: synthetic (CC-BY-4.0), other (PSF-2.0). Some documents are left out."
    )
    line.get_by_role("link").click()
    text = page.locator("#text")
    expect(text).to_contain_text("of 100 documents are left out of this copy")
    expect(text).to_contain_text("CC-BY-4.0, <img")
    expect(text.get_by_role("link", name="CC-BY-4.0")).to_have_attribute("href", "https://example.org/a")
    page.goto(f"{url}/head.html?at=attn.1/1")
    expect(page.locator(".p-examples .terms")).to_contain_text("synthetic (CC-BY-4.0)")


def test_a_note_is_read_first_and_hidden_for_the_session(url: str, visitor: Visitor) -> None:
    page = visitor().page
    for path in (
        "index.html",
        "latent.html?at=mlp_post.0/3",
        "head.html?at=attn.1/1",
        "dictionary/mlp_post.0.html",
    ):
        page.goto(f"{url}/{path}")
        expect(page.locator(".content-note")).to_contain_text(NOTE)
    page.get_by_role("button", name="hide for now").click()
    expect(page.locator(".content-note")).to_be_hidden()
    page.goto(f"{url}/index.html")
    expect(page.locator(".content-note")).to_be_hidden()
    assert page.locator(".card").count() > 0
    another = visitor().page
    another.goto(f"{url}/index.html")
    expect(another.locator(".content-note")).to_be_visible()


def test_without_a_script_the_note_stays(url: str, visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False).page
    page.goto(f"{url}/index.html")
    expect(page.locator(".content-note")).to_contain_text(NOTE)
    expect(page.get_by_role("button", name="hide for now")).to_be_hidden()


def test_a_latent_whose_examples_are_all_left_out_says_so(url: str, visitor: Visitor) -> None:
    page = visitor().open(f"{url}/latent.html?at=resid_post.1.toy/5")
    expect(page.locator("#examples")).to_contain_text("or only in documents that are left out")
    expect(page.locator(".p-statistics")).to_contain_text("firings")
