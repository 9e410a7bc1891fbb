"""The builder: what it writes, that it escapes, and that a rerun replaces."""

from __future__ import annotations

import json
import re
import shutil
from html import escape
from pathlib import Path

import pytest

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.manifest import DictionaryRecord
from tests import synthetic
from viewer_builder import write
from viewer_builder.build import build_site
from viewer_builder.featured import DENSEST, FEWEST_FIRINGS, RAREST, featured
from viewer_builder.schema_ts import PATH, schema
from viewer_builder.strips import alone
from viewer_builder.words import reading_of


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile atlas: the smallest, and the worst to render."""
    return synthetic.hostile(tmp_path_factory.mktemp("atlas") / "hostile")


@pytest.fixture(scope="module")
def site(atlas: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its site."""
    out = tmp_path_factory.mktemp("site")
    build_site(str(atlas), out, link=None)
    return out


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_site_is_its_pages_assets_and_the_atlas(atlas: Path, site: Path) -> None:
    found = files(site)
    pages = {name for name in found if name.endswith(".html")}
    dictionaries = {"dictionary/resid_post.0.x.html", "dictionary/mlp_post.0.html"}
    heads = {"heads.html", "heads/attn.0.html"}
    shells = {"latent.html", "head.html", "dictionary.html", "open.html", "list.html", "search.html"}
    assert (
        pages
        == {"index.html", "about.html", "token.html", "compare.html", "patterns.html"}
        | shells
        | dictionaries
        | heads
    )
    (assets,) = (site / "assets").iterdir()
    assert {f"assets/{assets.name}/{name}" for name in ("main.js", "note.js", "main.css")} <= found
    assert {f"atlas/{name}" for name in files(atlas)} <= found
    assert not [name for name in found if "partial" in name]


def test_run_files_are_linked_not_copied(atlas: Path, site: Path) -> None:
    shard = next(path for path in (atlas / "runs").rglob("c/0/0/0") if path.is_file()).relative_to(atlas)
    assert (site / "atlas" / shard).samefile(atlas / shard)


def test_nothing_in_a_page_is_markup_but_the_template(site: Path) -> None:
    for path in site.rglob("*.html"):
        html = path.read_text()
        assert "<img" not in html and "alert(2)</script>" not in html
        assert escape(synthetic.HOSTILE) in html.replace("&#39;", "&#x27;")
        assert not re.search(r"<style|<\w+[^>]*\s(style|on\w+)=", html)


def test_every_page_has_the_policy_and_only_relative_links(site: Path) -> None:
    for path in site.rglob("*.html"):
        html = path.read_text()
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in html.replace("&#39;", "'")
        for link in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert not link.startswith(("/", "http")), link
            target = link.split("?")[0].split("#")[0]
            assert target in ("", "data:,") or (path.parent / target).is_file(), link


def test_the_overview_holds_what_a_reader_without_script_needs(site: Path) -> None:
    html = (site / "index.html").read_text()
    for part in ("synthetic", "8,470", "resid_post.0.x", "1.23 M", "open_atlas", "How to read this", "<rect"):
        assert part in html, part
    assert html.count('class="card"') == 1


def test_a_link_takes_the_place_of_the_copy(atlas: Path, tmp_path: Path) -> None:
    build_site(str(atlas), tmp_path / "far", link="https://example.org:8443/a/atlas")
    assert not (tmp_path / "far" / "atlas").exists()
    html = (tmp_path / "far" / "dictionary" / "mlp_post.0.html").read_text().replace("&#39;", "'")
    assert "connect-src 'self' https: http://localhost:* http://127.0.0.1:*;" in html
    assert config(html)["atlas"] == "https://example.org:8443/a/atlas"
    build_site(str(atlas), tmp_path / "near", link="../shared/atlas")
    html = (tmp_path / "near" / "dictionary" / "mlp_post.0.html").read_text()
    assert config(html)["atlas"] == "../../shared/atlas"
    build_site(str(atlas), tmp_path / "plain", link="http://atlas.example:81/a")
    html = (tmp_path / "plain" / "latent.html").read_text()
    assert "http://127.0.0.1:* http://atlas.example:81;" in html


def config(html: str) -> dict[str, str]:
    found = re.search(r'<script type="application/json" id="site">(.*?)</script>', html)
    assert found
    return json.loads(found[1])


def test_a_remote_atlas_needs_a_link(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--link https://example.org/atlas"):
        build_site("https://example.org/atlas", tmp_path, link=None)


def test_a_folder_that_is_no_atlas_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="atlas.json"):
        build_site(str(tmp_path), tmp_path / "site", link=None)


def test_missing_scripts_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "TEMPLATE", tmp_path)
    with pytest.raises(InputError, match="run: make setup"):
        write.read_assets()


def test_a_rerun_replaces_what_was_there(atlas: Path, tmp_path: Path) -> None:
    old, out = tmp_path / "old", tmp_path / "site"
    shutil.copytree(atlas, old)
    manifest = json.loads((old / "atlas.json").read_text())
    (old / "runs" / manifest["run"]).rename(old / "runs" / "older")
    gone = manifest["dictionaries"][0]["id"]
    (old / "atlas.json").write_text(json.dumps(manifest | {"run": "older"}))
    build_site(str(old), out, link=None)
    (atlas_2 := tmp_path / "new").mkdir()
    shutil.copytree(atlas / "runs", atlas_2 / "runs")
    kept = [record for record in manifest["dictionaries"] if record["id"] != gone]
    (atlas_2 / "atlas.json").write_text(json.dumps(manifest | {"dictionaries": kept}))
    build_site(str(atlas_2), out, link=None)
    assert open_atlas(str(out / "atlas")).manifest.run == synthetic.RUN
    assert [path.name for path in (out / "atlas" / "runs").iterdir()] == [synthetic.RUN]
    assert not (out / "dictionary" / f"{gone}.html").exists()


def test_featured_latents_are_concentrated_and_differ(tmp_path: Path) -> None:
    opened = open_atlas(str(synthetic.normal(tmp_path / "normal")))
    cards = featured(opened)
    assert len({card.token for card in cards}) == len(cards) > 3
    for card in cards:
        density = opened[card.dictionary].stat("density")[card.index]
        assert card.firings >= FEWEST_FIRINGS and RAREST <= density <= DENSEST


def test_labelled_latents_are_featured_instead(atlas: Path, site: Path) -> None:
    opened = open_atlas(str(atlas))
    assert [(c.dictionary, c.index, c.label) for c in featured(opened)] == [
        ("resid_post.0.x", 7, f"label {synthetic.HOSTILE}")
    ]
    assert f"label {escape(synthetic.HOSTILE)}" in (site / "index.html").read_text()


def test_tokens_by_themselves_show_their_spaces() -> None:
    assert alone(" the") == "␣the"
    assert alone("\n        ") == "⏎␣×8"
    assert alone("\u202eabc\x00") == "⟨u+202e⟩abc⟨u+0000⟩"
    assert alone("") == "∅"


def test_the_schema_is_current() -> None:
    assert PATH.read_text() == schema(), "run: python -m viewer_builder.schema_ts"


def test_quality_stands_on_the_page_of_a_dictionary_that_has_it(site: Path) -> None:
    page = (site / "dictionary" / "resid_post.0.x.html").read_text()
    for figure in ("16.0</b>", "1.2 %</b>", "0.099</b>", "0.123</b>", "95.0 %</b>", "500,000 tokens"):
        assert figure in page
    assert escape(synthetic.HOSTILE) in page
    section = page[page.index('class="quality"') :]
    tallest = max(float(height) for height in re.findall(r'height="([\d.]+)"/>', section))
    assert section.count("<rect") == 5
    assert tallest == 20
    for field in re.findall(r'about\.html#(\w+)"', section):
        assert f'id="{field}"' in (site / "about.html").read_text()
    assert 'class="quality"' not in (site / "dictionary" / "mlp_post.0.html").read_text()


def test_a_dictionary_page_tells_what_its_weights_hold() -> None:
    record = DictionaryRecord(
        **{name: "" for name in ("id", "architecture", "hook_in", "hook_out", "weights", "source")},
        store="dictionaries/x.zarr",
        kind="sae",
        n_latents=1,
        alive=1,
        two_signed=False,
        k=None,
    )
    assert reading_of(record) == []
    told = {"family": "saelens", "normalization": "layer_norm", "folded": ("gate", "input scale 2.0")}
    changed = record.model_copy(update={**told, "processing": ("centre_writes", "fold_norms")})
    assert reading_of(changed) == [
        "from saelens files",
        "inputs normalised (layer_norm)",
        "gate and input scale 2.0 folded in",
        "trained on the model with its writes centred, its norms folded into the weights",
    ]


def test_pages_are_pinned_to_the_manifest_that_they_were_rendered_from(atlas: Path, tmp_path: Path) -> None:
    """Whichever is current later; what pages now written over did read is gone."""
    copy = tmp_path / "atlas"
    shutil.copytree(atlas, copy)
    build_site(str(copy), tmp_path / "site", link=None)
    manifest = json.loads((copy / "atlas.json").read_text())
    (copy / "atlas.json").write_text(json.dumps(manifest | {"title": "another"}))
    (tmp_path / "site/assets/old.js").write_text("")
    build_site(str(copy), tmp_path / "site", link=None)
    for path in (tmp_path / "site").rglob("*.html"):
        config = json.loads(re.findall(r'id="site">(.*?)</script>', path.read_text())[0])
        pinned = tmp_path / "site/atlas" / config["manifest"]
        assert pinned.read_bytes() == (copy / "atlas.json").read_bytes()
    assert len(list((tmp_path / "site/atlas/manifests").iterdir())) == 1
    assert len(list((tmp_path / "site/assets").iterdir())) == 1
    build_site(str(copy), tmp_path / "linked", link="https://example.org/atlas")
    assert '"manifest":null' in (tmp_path / "linked/index.html").read_text().replace(" ", "")
