"""Pages that read an atlas from blob storage: from another origin, and behind a key that no page tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from feature_atlas import open_atlas
from feature_atlas.store import list_below, read_bytes
from pipeline.build import build
from pipeline.core.params import Params
from tests.browser.conftest import Visitor, serving
from tests.emulators.stores import (
    Store,
    connection_string,
    container_sas,
    let_browsers_read,
    let_everybody_read,
    set_environment,
)
from viewer_builder.build import build_site

LATENT = "latent.html?at=tiny-sae/3"
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


def expect_first_example(page: Page, atlas: Path) -> None:
    top = open_atlas(str(atlas)).at("tiny-sae/3").examples("top")[0]
    expect(page.locator("li.example").first.locator(".peak")).to_have_text(top.tokens[top.peak].strip())


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_a_site_shows_an_atlas_that_was_built_there(
    kind: str,
    request: pytest.FixtureRequest,
    visitor: Visitor,
    tiny_params: Params,
    tiny_atlas: Path,
    tmp_path: Path,
) -> None:
    """Linked, and opened by its URL with another's site."""
    store: Store = request.getfixturevalue(kind)
    let_everybody_read(store)
    url, http = f"{store.url}/labs/atlas", f"{store.http}/labs/atlas"
    build(tiny_params, url, tmp_path / "work")
    build_site(url, tmp_path / "linked", link=http)
    build_site(str(tiny_atlas), tmp_path / "other", link=None)
    with serving(tmp_path / "linked") as linked, serving(tmp_path / "other") as other:
        expect_first_example(visitor(origins=2).open(f"{linked}/{LATENT}"), tiny_atlas)
        expect_first_example(visitor(origins=2).open(f"{other}/{LATENT}&atlas={quote(http)}"), tiny_atlas)


@pytest.fixture
def private(
    azurite: Store,
    azurite_server: str,
    tiny_params: Params,
    tiny_atlas: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Store]:
    """An atlas in a private container, built with a SAS; a site that links to it, and another's site."""
    let_browsers_read(azurite)
    told = connection_string(azurite_server, f"SharedAccessSignature={container_sas(azurite.name, 'racwdl')}")
    set_environment({"AZURE_STORAGE_CONNECTION_STRING": told}, monkeypatch)
    url, http = f"{azurite.url}/labs/atlas", f"{azurite.http}/labs/atlas"
    build(tiny_params, url, tmp_path / "work")
    build_site(url, tmp_path / "linked", link=http)
    build_site(str(tiny_atlas), tmp_path / "other", link=None)
    said = capsys.readouterr()
    assert f"atlas: {url}" in said.err and not secrets_in(said.err + said.out)
    yield Store(url, http)
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert not secrets_in(file.read_bytes()), file
    for name in list_below(azurite.url) or ():
        assert not secrets_in(read_bytes(f"{azurite.url}/{name}")), name


def secrets_in(text: bytes | str) -> list[str]:
    """Signatures, written in any way."""
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    return re.findall(r"sig(?:nature)?(?:=|%3D)[A-Za-z0-9+/%]{30,}", plain, re.IGNORECASE)


def test_a_private_atlas_is_opened_with_a_key_that_is_told_nowhere(
    private: Store,
    visitor: Visitor,
    tiny_atlas: Path,
    tmp_path: Path,
) -> None:
    container = urlsplit(private.http).path.split("/")[2]
    sas = container_sas(container, "r")
    assert secrets_in(sas)
    console: list[str] = []
    with serving(tmp_path / "linked") as site:
        visit = visitor(origins=2, quiet=False, **CLIPBOARD)
        page = visit.page
        page.on("console", lambda message: console.append(message.text))
        page.goto(f"{site}/{LATENT}")
        expect(page.get_by_role("alert")).to_contain_text("If this atlas is private")
        page.get_by_label("paste a SAS token").fill("not a token")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("This is no SAS token")
        page.get_by_label("paste a SAS token").fill(f" {private.http}?{sas} ")
        page.keyboard.press("Enter")
        expect_first_example(page, tiny_atlas)
        page.keyboard.press("ArrowRight")
        expect(page.locator("[data-ready='tiny-sae/4']")).to_be_visible()
        page.locator("summary", has_text="share").click()
        for button in ("copy link", "copy Python", "copy JSON", "copy embed code"):
            page.get_by_role("button", name=button).click()
            expect(page.locator(".share [role=status]")).to_contain_text("copied")
            copied = page.evaluate("() => navigator.clipboard.readText()")
            assert copied and not secrets_in(copied)
        assert not secrets_in(page.url + page.content())
        page.goto(f"{site}/dictionary/tiny-sae.html")
        expect(page.locator("[data-ready]").first).to_be_visible()
        assert not secrets_in(page.url + page.content() + "".join(console))
        keyed = [response for response in visit.responses if "sig" in parse_qs(urlsplit(response.url).query)]
        assert keyed
        assert {urlsplit(response.url).netloc for response in keyed} == {urlsplit(private.http).netloc}
        stranger = visitor(origins=2, quiet=False).page
        stranger.goto(page.url)
        expect(stranger.get_by_role("alert")).to_contain_text("If this atlas is private")


def test_a_key_opens_another_hosts_private_atlas_and_is_forgotten(
    private: Store, visitor: Visitor, tmp_path: Path
) -> None:
    expired = (
        "sv=2026-02-06&sp=r&sr=c&se=2020-01-01T00:00:00Z&sig=c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I%3D"
    )
    with serving(tmp_path / "other") as site:
        page = visitor(origins=2, quiet=False).page
        page.goto(f"{site}/open.html?atlas={quote(private.http)}")
        page.get_by_label("paste a SAS token").fill(f"?{expired}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("does not open this atlas, or has expired")
        assert not secrets_in(page.url + page.content())
        container = urlsplit(private.http).path.split("/")[2]
        page.get_by_label("Paste another").fill(container_sas(container, "r"))
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("tiny")
        assert not secrets_in(page.url + page.content())
