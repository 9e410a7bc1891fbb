"""The pages of a comparison: what they hold without a script, where its files lie, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from feature_atlas import Atlas, open_atlas
from feature_atlas.comparison import open_comparison, verify_comparison
from feature_atlas.errors import AddressError, FormatError, InputError
from tests import synthetic
from tests.synthetic_comparison import write_comparison
from viewer_builder.build import build_site

NAMES = ("mlp_post.0", "resid_post.0.x")


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """The hostile atlas: the smallest."""
    return open_atlas(str(synthetic.hostile(tmp_path_factory.mktemp("atlas") / "hostile")))


@pytest.fixture(scope="module")
def folder(atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two of its dictionaries."""
    return write_comparison(tmp_path_factory.mktemp("comparison") / "c", atlas, atlas, NAMES)


def test_a_comparison_is_read_and_verified(folder: Path) -> None:
    opened = open_comparison(str(folder))
    assert not list(verify_comparison(opened)) and opened.of_one_atlas
    (pair,) = opened.record.pairs
    assert sum(pair.kinds_a.values()) == pair.a.n_latents == len(opened.column(pair, "a/cosine"))


def test_the_page_holds_the_figures_and_finds_the_files(atlas: Atlas, folder: Path, tmp_path: Path) -> None:
    build_site(atlas.url, tmp_path, link=None, comparisons=[str(folder)])
    html = (tmp_path / "comparison" / "mlp_post.0~resid_post.0.x.html").read_text()
    (pair,) = open_comparison(str(folder)).record.pairs
    for kind, n in (*pair.kinds_a.items(), *pair.kinds_b.items()):
        assert f"<b>{n}</b> {kind}" in html
    assert f"<b>{pair.mmcs_a:.3f}</b>" in html and "1,000 counted tokens of made up" in html
    found = re.search(r'<script type="application/json" id="comparison">(.*?)</script>', html)
    assert found
    told = json.loads(found[1])
    assert (tmp_path / "comparison" / told["store"] / "zarr.json").is_file()
    assert told["a"]["atlas"] == told["b"]["atlas"] == ""
    assert "comparison/mlp_post.0~resid_post.0.x.html" in (tmp_path / "index.html").read_text()
    build_site(atlas.url, tmp_path, link=None)
    assert not list((tmp_path / "comparison").glob("*.html"))


def test_the_other_atlas_lies_beside_if_it_is_given(atlas: Atlas, tmp_path: Path) -> None:
    other = open_atlas(str(synthetic.hostile(tmp_path / "other")))
    (runs := Path(other.url) / "runs").joinpath(other.manifest.run).rename(runs / "another")
    manifest = json.loads((Path(other.url) / "atlas.json").read_text()) | {"run": "another"}
    (Path(other.url) / "atlas.json").write_text(json.dumps(manifest))
    other = open_atlas(other.url)
    two = write_comparison(tmp_path / "c", atlas, other, (NAMES[0], NAMES[0]), correlated=False)
    page = "comparison/mlp_post.0~mlp_post.0.html"
    for beside, where in (([], "null"), ([other.url], '"beside/another"')):
        build_site(atlas.url, tmp_path / "site", link=None, comparisons=[str(two)], others=beside)
        html = (tmp_path / "site" / page).read_text()
        assert f'"atlas": {where}' in html and "Not told: the two do not read the same tokens" in html
    assert open_atlas(str(tmp_path / "site" / "beside" / "another")).manifest.run == "another"


def test_a_comparison_of_other_runs_is_refused(atlas: Atlas, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"two comparisons are of mlp_post\.0 and resid_post\.0\.x"):
        build_site(atlas.url, tmp_path, link=None, comparisons=[str(folder), str(folder)])
    text = (folder / "comparison.json").read_text()
    (tmp_path / "comparison.json").write_text(text.replace(f'"{atlas.manifest.run}"', '"older"'))
    with pytest.raises(InputError, match="compares run older and run older"):
        build_site(atlas.url, tmp_path / "site", link=None, comparisons=[str(tmp_path)])


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"id": "mlp_post.0"', '"id": "../../x"', AddressError),
        ('"store": "pairs/', '"store": "../pairs/', FormatError),
        ("/a/cosine/c/0", "/../../../a", FormatError),
    ],
)
def test_names_that_lead_out_of_the_folder_are_refused(
    folder: Path, tmp_path: Path, old: str, new: str, error: type[Exception]
) -> None:
    text = (folder / "comparison.json").read_text()
    assert old in text
    (tmp_path / "comparison.json").write_text(text.replace(old, new))
    with pytest.raises(error):
        open_comparison(str(tmp_path))
