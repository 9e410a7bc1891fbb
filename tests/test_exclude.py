"""Documents that a site shall not quote: gone from every byte of it, and nothing else is."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from feature_atlas import Atlas, Head, open_atlas
from feature_atlas.contract import (
    CORPUS,
    DICTIONARY,
    FLOATS,
    HEAD_FLOATS,
    HEAD_INTS,
    HEADS,
    INTS,
    LABELS,
    MAP,
    N_BANDS,
    PER_BAND,
    TOKENS,
    VOCABULARY,
)
from feature_atlas.errors import AtlasError, FormatError, InputError
from feature_atlas.exclude import ABLATED_FIELDS, EXAMPLE_FIELDS, EXCLUDED, write_excluded
from feature_atlas.store import Group
from feature_atlas.verify import verify
from pipeline.cli import app
from tests import synthetic
from viewer_builder.build import build_site

Array = np.ndarray[Any, Any]
GZIP = re.escape(b"\x1f\x8b\x08\0\0\0\0\0\0\x03")  # how each chunk begins
N = 5  # consecutive tokens that no other document has


@pytest.fixture(scope="module", params=["normal", "tiny"])
def atlas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """One made from the contract, and one that the pipeline built."""
    if request.param == "tiny":
        return open_atlas(str(request.getfixturevalue("tiny_atlas")))
    return open_atlas(str(synthetic.normal(tmp_path_factory.mktemp("exclude") / "normal")))


@pytest.fixture(scope="module")
def gone(atlas: Atlas) -> list[int]:
    """Documents to exclude: the first example of a unit, and others."""
    first = next(iter(atlas.manifest.dictionaries)).id
    document = atlas.dictionary(first)[1].examples("top")[0].document
    return sorted({document, 0, len(atlas.documents) - 2})


@pytest.fixture(scope="module")
def site(atlas: Atlas, gone: list[int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without them."""
    folder = tmp_path_factory.mktemp("site")
    listed = folder / "excluded.txt"
    ids = [atlas.documents[i].id for i in gone]
    listed.write_text("# asked for by their authors\n\n" + "\n".join(ids) + "\n")
    build_site(atlas.url, folder / "site", link=None, exclude=listed)
    return folder / "site"


def grams(tokens: Array) -> set[tuple[int, ...]]:
    return {tuple(tokens[i : i + N].tolist()) for i in range(len(tokens) - N + 1)}


def marks(atlas: Atlas, gone: list[int]) -> set[tuple[int, ...]]:
    """Runs of N tokens of the excluded documents that are in no other."""
    others = [grams(atlas.document_tokens(i)) for i in range(len(atlas.documents)) if i not in gone]
    found = set().union(*(grams(atlas.document_tokens(i)) for i in gone)) - set().union(*others)
    assert found
    return {mark for mark in found if len(set(mark)) > 2}


def text_of(atlas: Atlas, document: int) -> str:
    return "".join(atlas.vocabulary[t] for t in atlas.document_tokens(document))


def all_grams(atlas: Atlas) -> set[tuple[int, ...]]:
    """Runs of N whole numbers in any row of any array of the run."""
    found: set[tuple[int, ...]] = set()
    for store in sorted(Path(atlas.run_url).rglob("*.zarr")):
        group = Group(str(store))
        for path in group.dims():
            values = group.read(path)
            if values.dtype.kind == "u" and values.ndim:
                rows = np.unique(values.reshape(-1, values.shape[-1]), axis=0)
                for row in rows:
                    found |= grams(row)
    return found


def unpacked(site: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file, and every gzip member in it."""
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        data = path.read_bytes()
        yield path, data
        for start in (match.start() for match in re.finditer(GZIP, data)):
            yield path, zlib.decompressobj(31).decompress(data[start:])


def test_no_run_of_their_tokens_is_in_any_array(atlas: Atlas, gone: list[int], site: Path) -> None:
    wanted = marks(atlas, gone)
    assert wanted & all_grams(atlas)
    assert not wanted & all_grams(open_atlas(str(site / "atlas")))


def test_neither_their_text_nor_their_names_are_in_any_byte(
    atlas: Atlas, gone: list[int], site: Path
) -> None:
    others = [text_of(atlas, i) for i in range(len(atlas.documents)) if i not in gone]
    text = ["".join(atlas.vocabulary[t] for t in mark) for mark in marks(atlas, gone)]
    words = [w for w in text if "\n" not in w and not any(w in other for other in others)]
    names = [atlas.documents[i].id for i in gone]
    assert words
    n_chunks = 0
    for path, data in unpacked(site):
        n_chunks += 1
        assert not [name for name in names if name.encode() in data], path
        if path.suffix == ".html":
            shown = unescape(re.sub("<[^>]+>", "", data.decode()))
            assert not [each for each in words if each in shown], path
    assert n_chunks > 200


def test_every_other_example_stays_and_lists_have_no_holes(atlas: Atlas, gone: list[int], site: Path) -> None:
    left = open_atlas(str(site / "atlas"))
    lost = 0
    for record in atlas.manifest.dictionaries:
        for index in range(0, record.n_latents, 7):
            was, now = atlas.dictionary(record.id)[index], left.dictionary(record.id)[index]
            for section in ("top", "random", *(["bottom"] if record.two_signed else [])):
                kept = [e for e in was.examples(section) if e.document not in gone]
                assert now.examples(section) == kept
                lost += len(was.examples(section)) - len(kept)
                rows = now.ints["example_length"][slice(*now.dictionary.sections[section])] > 0
                assert rows.tolist() == sorted(rows.tolist(), reverse=True)
            kept_bands = [[e for e in each if e.document not in gone] for each in was.band_examples()]
            assert now.band_examples() == kept_bands
    assert lost > 10


def test_statistics_are_those_of_the_whole_corpus(atlas: Atlas, site: Path) -> None:
    left = open_atlas(str(site / "atlas"))
    for record in (*atlas.manifest.dictionaries, *atlas.manifest.heads):
        was, now = (Group(f"{each.run_url}/{record.store}") for each in (atlas, left))
        for path in was.dims():
            if path.startswith(("stats/", "scores/")):
                assert (was.read(path) == now.read(path)).all()
            if path.startswith(("card/", "head/")):
                fields = was.attributes["fields"][path.rpartition("/")[2]]
                for name, (start, stop) in fields.items():
                    before, after = was.read(path)[:, start:stop], now.read(path)[:, start:stop]
                    same = np.array_equal(before, after, equal_nan=True)
                    assert same or name in EXAMPLE_FIELDS | ABLATED_FIELDS, name
    assert left.manifest.windowing == atlas.manifest.windowing
    assert left.manifest.corpus.n_documents == atlas.manifest.corpus.n_documents


def test_windows_of_heads_go_with_their_documents(atlas: Atlas, gone: list[int], site: Path) -> None:
    left = open_atlas(str(site / "atlas"))
    lost = 0
    for record in atlas.manifest.heads:
        for index in range(record.n_heads):
            was, now = atlas.at(f"{record.id}/{index}"), left.at(f"{record.id}/{index}")
            assert isinstance(was, Head) and isinstance(now, Head)
            for section in was.heads.sections:
                kept = [e for e in was.examples(section) if e.document not in gone]
                assert [e.to_json() for e in now.examples(section)] == [e.to_json() for e in kept]
                lost += len(was.examples(section)) - len(kept)
    assert lost


def test_a_preview_is_of_examples_that_are_left(atlas: Atlas, gone: list[int], site: Path) -> None:
    left = open_atlas(str(site / "atlas"))
    renewed = 0
    for record in atlas.manifest.dictionaries:
        was, now = (each.dictionary(record.id) for each in (atlas, left))
        for index in range(0, record.n_latents, 11):
            rows = [e.document for s in was.sections for e in was[index].examples(s)]
            if not set(rows) & set(gone):
                assert (was.group.read("preview", index) == now.group.read("preview", index)).all()
                continue
            renewed += 1
            top = now[index].examples("top")
            ids = now.group.read("preview", index)[0, 0].tolist()
            assert top[0].token_ids[top[0].peak] in ids if top else not any(ids)
    assert renewed


def test_the_copy_is_an_atlas_that_verifies(atlas: Atlas, gone: list[int], site: Path) -> None:
    left = open_atlas(str(site / "atlas"))
    assert list(verify(left)) == []
    assert left.manifest.run != atlas.manifest.run and left.manifest.corpus.excluded == len(gone)
    assert [d.id for i, d in enumerate(left.documents) if i in gone] == [EXCLUDED] * len(gone)
    assert [d for i, d in enumerate(left.documents) if i not in gone] == [
        d for i, d in enumerate(atlas.documents) if i not in gone
    ]
    assert all(not left.document_tokens(i).any() for i in gone)
    assert list(verify(atlas)) == []
    about = re.sub(r"\s+", " ", (site / "about.html").read_text())
    assert f"{len(gone)} of {len(atlas.documents)} documents" in about
    assert {path.name for path in (site / "atlas" / "runs").iterdir()} == {left.manifest.run}


def test_a_site_gets_rid_of_what_it_had_and_a_kill_leaves_it_whole(
    atlas: Atlas, gone: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(atlas.documents[gone[0]].id)
    build_site(atlas.url, tmp_path / "site", link=None)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("feature_atlas.exclude._heads", killed)
        build_site(atlas.url, tmp_path / "site", link=None, exclude=listed)
    assert open_atlas(str(tmp_path / "site" / "atlas")).manifest.run == atlas.manifest.run
    assert list(verify(open_atlas(str(tmp_path / "site" / "atlas")))) == []
    for _ in range(2):
        build_site(atlas.url, tmp_path / "site", link=None, exclude=listed)
        left = open_atlas(str(tmp_path / "site" / "atlas"))
        assert list(verify(left)) == [] and left.manifest.corpus.excluded == 1
        assert [path.name for path in (tmp_path / "site" / "atlas" / "runs").iterdir()] == [left.manifest.run]


def test_a_star_stands_for_any_characters(tmp_path: Path) -> None:
    atlas = open_atlas(str(synthetic.normal(tmp_path / "atlas")))
    listed = tmp_path / "list.txt"
    listed.write_bytes("\ufeffnotes/zürich*\r\nnotes/lisbon-000.md\n".encode())
    cities = [i for i, d in enumerate(atlas.documents) if "zürich" in d.id or d.id == "notes/lisbon-000.md"]
    build_site(atlas.url, tmp_path / "site", link=None, exclude=listed)
    left = open_atlas(str(tmp_path / "site" / "atlas"))
    assert [i for i, d in enumerate(left.documents) if d.id == EXCLUDED] == cities
    more = tmp_path / "more.txt"
    more.write_text("(excluded)\nnotes/bergen*\n")
    build_site(left.url, tmp_path / "again", link=None, exclude=more)
    again = open_atlas(str(tmp_path / "again" / "atlas"))
    assert again.manifest.corpus.excluded == len(cities) + sum("bergen" in d.id for d in atlas.documents)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"nothing/like/it.md\nnor this\n", "line 1: no document 'nothing/like/it.md'.*atlas show .* --json"),
        (b"# only a comment\n\n", "names no document"),
        (b"\xff\xfe", "can't read"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    atlas = synthetic.hostile(tmp_path / "atlas")
    listed = tmp_path / "list.txt"
    listed.write_bytes(content)
    with pytest.raises(InputError, match=says):
        build_site(str(atlas), tmp_path / "site", link=None, exclude=listed)
    assert not (tmp_path / "site").exists()


def test_a_linked_atlas_and_the_atlas_itself_are_refused(tmp_path: Path) -> None:
    atlas = synthetic.hostile(tmp_path / "site" / "atlas")
    listed = tmp_path / "list.txt"
    listed.write_text("*")
    for url, link in ((str(atlas), "https://example.org/atlas"), ("https://example.org/atlas", None)):
        with pytest.raises(InputError, match="leave out --link"):
            build_site(url, tmp_path / "elsewhere", link=link, exclude=listed)
    with pytest.raises(InputError, match="must stay whole"):
        build_site(str(atlas), tmp_path / "site", link=None, exclude=listed)
    args = [
        "site",
        str(atlas),
        "--out",
        str(tmp_path / "cli"),
        "--exclude-documents",
        str(tmp_path / "no.txt"),
    ]
    result = CliRunner().invoke(app, args)
    assert isinstance(result.exception, AtlasError)


def test_a_store_that_may_quote_text_is_never_copied_unseen(tmp_path: Path) -> None:
    atlas = open_atlas(str(synthetic.hostile(tmp_path / "atlas")))
    (Path(atlas.run_url) / "notes.zarr").mkdir()
    with pytest.raises(FormatError, match=r"notes\.zarr.*whether it quotes documents"):
        write_excluded(atlas, [0], tmp_path / "run")


def test_all_that_holds_text_is_rewritten() -> None:
    """Every array of token types lies along examples, or is one of those that are written anew by name."""
    by_name = {"preview", "tokens", "document_id"}
    told_anyway = {"document_source", "text", "label", "labels"}  # of sources, token types and labels
    for spec in (*DICTIONARY, *HEADS, *CORPUS, *LABELS, *VOCABULARY, *TOKENS, *MAP):
        if spec.dtype in ("token", "string", "activation") and spec.path not in by_name | told_anyway:
            assert spec.dims[:2] == ("latent", "example") or spec.dims[0] == "head_example", spec.path
    for field in (*FLOATS, *INTS, *HEAD_FLOATS, *HEAD_INTS):
        assert field.name.startswith("example_") == (field.axis == "example"), field.name
    assert N_BANDS * PER_BAND == 25
    assert json.dumps(sorted(EXAMPLE_FIELDS))
