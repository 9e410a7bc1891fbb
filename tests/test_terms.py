"""Licences of corpus sources and the content note: from the parameters into the manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.manifest import MANIFEST
from pipeline import assemble
from pipeline.build import build
from pipeline.core.params import Params, TermsParams, load_params
from pipeline.core.runs import work_folder
from tests import synthetic

ROOT = Path(__file__).parents[1]


def test_they_are_in_the_manifest_and_a_change_of_them_is_a_new_run(
    tiny_params: Params, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    (source,) = tiny_params.corpus
    terms = TermsParams(licence="CC-BY-4.0", attribution="A. Heron", url="https://example.org/heron")
    told = tiny_params.model_copy(
        update={"licences": {source: terms}, "content_note": "Water.", "dictionaries": {}}
    )
    build(told, out)
    manifest = open_atlas(str(out)).manifest
    (found,) = manifest.corpus.terms
    assert found.model_dump() == {"source": source, **terms.model_dump()}
    assert manifest.content_note == "Water." and manifest.corpus.excluded == 0
    assemble.run(told.model_copy(update={"content_note": ""}), work_folder(out), out)
    again = open_atlas(str(out)).manifest
    assert again.content_note == "" and again.run != manifest.run


@pytest.mark.parametrize(
    ("licences", "says"),
    [
        ("licences: {demo-texts: {licence: ''}}", "licences.demo-texts.licence"),
        ("licences: {demo-texts: {licence: MIT, url: 'javascript:alert(1)'}}", "licences.demo-texts.url"),
        ("licences: {demo-texts: MIT}", "licences.demo-texts"),
    ],
)
def test_licences_that_do_not_fit_are_named(tmp_path: Path, licences: str, says: str) -> None:
    config = tmp_path / "params.yaml"
    config.write_text(f"model: x\ncorpus: [demo-texts]\n{licences}\n")
    with pytest.raises(InputError, match=says):
        load_params(config, {})


def test_a_source_that_is_a_path_may_be_named_as_in_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    config = tmp_path / "params.yaml"
    config.write_text("model: x\ncorpus: [notes]\nlicences: {notes: {licence: MIT}}\n")
    params = load_params(config, {})
    assert list(params.licences) == params.corpus == [str(tmp_path / "notes")]


def test_the_demo_tells_of_each_source() -> None:
    params = load_params(ROOT / "params.yaml", {})
    assert list(params.licences) == params.corpus
    assert "CC0" in (ROOT / "data/demo/texts/LICENSE").read_text()
    assert params.licences["demo-texts"].licence == "CC0-1.0"


def test_older_manifests_open_and_a_link_that_is_none_is_refused(tmp_path: Path) -> None:
    atlas = synthetic.hostile(tmp_path / "atlas")
    manifest = open_atlas(str(atlas)).manifest
    assert (manifest.content_note, manifest.corpus.terms, manifest.corpus.excluded) == ("", (), 0)
    told = json.loads((atlas / MANIFEST).read_bytes())
    told["corpus"]["terms"] = [{"source": "a", "licence": "b", "url": "javascript:alert(1)"}]
    (atlas / MANIFEST).write_text(json.dumps(told))
    with pytest.raises(FormatError, match=r"corpus\.terms\.0\.url"):
        open_atlas(str(atlas))
