"""Every number of a unit against brute force on the whole activation matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feature_atlas import Atlas, Latent, open_atlas
from feature_atlas.contract import histogram_edges
from pipeline.build import build
from pipeline.core.embedded import embedded_root
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams, load_params
from pipeline.core.subject import load_dictionaries
from tests import brute, tiny
from tests.activations import activation_matrix

FEW = 50_000
MANY, EVERY = 1_000, 4  # of a dictionary of many latents one in four: all of the demo's would take 8 minutes
SCANNED = {"map": False, "effects": {"examples": 0}}  # what is checked here, alone


@pytest.fixture(scope="module", params=["tiny", "tiny, no BOS, in units", "demo, 50k tokens"])
def built(
    request: pytest.FixtureRequest, tiny_params: Params, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Atlas, Params]:
    """An atlas and its parameters."""
    params = {
        "tiny": tiny_params,
        "tiny, no BOS, in units": tiny.in_units(tiny_params.model_copy(update={"bos": False})),
        "demo, 50k tokens": load_params(embedded_root() / "params.yaml", {"max_tokens": FEW, **SCANNED}),
    }[request.param]
    out = tmp_path_factory.mktemp("built") / "atlas"
    build(params, out)
    return open_atlas(str(out)), params


def test_every_unit_equals_brute_force(built: tuple[Atlas, Params]) -> None:
    atlas, params = built
    documents = [atlas.document_tokens(i).astype(np.int64) for i in range(len(atlas.documents))]
    windowing = atlas.manifest.windowing
    windows, where = brute.places(documents, windowing.ctx, windowing.bos_token_id)
    assert windowing.counted_tokens == len(where.document)
    folder = ModelFolder.resolve(params.model)
    model = SubjectModel.load(folder)
    dictionaries, fires = load_dictionaries(params, folder), {}
    for dictionary in dictionaries:
        acts = activation_matrix(model, dictionary, windows, windowing, params.scan.batch)
        opened = atlas[dictionary.id]
        assert len(opened) == acts.shape[1]
        for index in range(0, acts.shape[1], 1 if acts.shape[1] < MANY else EVERY):
            _check(opened[index], acts[:, index], where, params)
        fires[dictionary.id] = acts > 0
    for dictionary in dictionaries:
        _check_cofiring(atlas[dictionary.id], dictionary, dictionaries, fires)


def _check(latent: Latent, acts: np.ndarray, where: brute.Places, params: Params) -> None:
    shown = latent.to_json()
    signs, k, n = latent.dictionary.record.two_signed, params.scan.n_top, len(acts)
    firings = int((acts > 0).sum())
    assert shown["firings"] == firings
    assert shown["density"] == pytest.approx(firings / n, rel=1e-6)
    assert shown["max_activation"] == acts.max()
    assert shown["min_activation"] == acts.min()
    if firings:
        assert shown["mean_when_firing"] == pytest.approx(acts[acts > 0].mean(dtype=np.float64), rel=1e-5)
    _check_moments(shown["moments"], acts)
    assert shown["histogram"]["counts"] == brute.histogram(acts, histogram_edges())[1]
    assert _found(shown["top_examples"]) == brute.top(acts, where, k, 1, not signs)
    if signs:
        assert _found(shown["bottom_examples"]) == brute.top(acts, where, k, -1, False)
    _check_samples(shown, acts, where)
    _check_excerpts(latent, acts, where)
    _check_fires_on(shown, acts, where, params)


def _found(examples: list[dict[str, Any]]) -> list[tuple[int, int, float]]:
    return [(e["document"], e["position"], e["activation"]) for e in examples]


def _check_moments(shown: dict[str, float], acts: np.ndarray) -> None:
    want = brute.moments(acts)
    spread = want["variance"] ** 0.5
    assert shown["mean"] == pytest.approx(want["mean"], abs=1e-6 * (spread + abs(want["mean"])))
    assert shown["variance"] == pytest.approx(want["variance"], rel=1e-5)
    assert shown["skew"] == pytest.approx(want["skew"], rel=1e-4, abs=1e-4)
    assert shown["kurtosis"] == pytest.approx(want["kurtosis"], rel=1e-4, abs=1e-4)


def _check_samples(shown: dict[str, Any], acts: np.ndarray, where: brute.Places) -> None:
    """Samples are of the right size, inside their band, distinct, and are what they claim to be."""
    firings = int((acts > 0).sum())
    groups = [(shown["random_examples"], 0.0, np.inf, firings)]
    if firings:
        for band, (low, high) in zip(shown["bands"], brute.bands(float(acts.max())), strict=True):
            inside = int(((acts > 0) & (acts >= low) & (acts < high)).sum())
            assert band["firings"] == inside
            groups.append((band["examples"], low, high, inside))
    for examples, low, high, n in groups:
        found = _found(examples)
        assert len(found) == len({(document, position) for document, position, _ in found}) == min(5, n)
        for document, position, activation in found:
            assert activation == acts[where.column[document, position]]
            assert low <= activation < high


def _check_excerpts(latent: Latent, acts: np.ndarray, where: brute.Places) -> None:
    """Tokens are the document's; activations are the window's, to one step; non-zero stays so."""
    steps = 127 if latent.dictionary.record.two_signed else 255
    for example in [*latent.examples("top"), *latent.examples("random")]:
        start = example.position - example.peak
        first = where.column[example.document, start]
        columns = slice(first, first + len(example.tokens))
        assert where.position[columns].tolist() == list(range(start, start + len(example.tokens)))
        assert example.token_ids == where.type[columns].tolist()
        exact, shown = acts[columns], np.array(example.activations)
        assert np.abs(shown - exact).max() <= np.abs(exact).max() / steps * 1.001
        np.testing.assert_array_equal(shown == 0, exact == 0)


def _check_fires_on(shown: dict[str, Any], acts: np.ndarray, where: brute.Places, params: Params) -> None:
    """Every count is right to within the error that is told; with none, so is the list."""
    want = brute.fires_on(acts, where.type)
    listed, missed = shown["fires_on"], shown["fires_on_missed"]
    for row in listed:
        share = want["share_of_firings"][row["token_id"]]
        assert share - missed - 1e-6 <= row["share_of_firings"] <= share + 1e-6
    if missed == 0:
        for row in listed:
            for name, values in want.items():
                assert row[name] == pytest.approx(values[row["token_id"]], rel=1e-4, abs=1e-6), name
        common = want["share_of_mass"][want["count"] >= params.describe.fires_on_min_count]
        heaviest = np.sort(common[common > 0])[::-1][:16]
        assert [row["share_of_mass"] for row in listed] == pytest.approx(
            heaviest.tolist(), rel=1e-4, abs=1e-6
        )
    elif listed:
        assert missed < 1 / 96


def _check_cofiring(
    opened: Any, dictionary: Any, dictionaries: list[Any], fires: dict[str, np.ndarray]
) -> None:
    """Every count and cosine that is told is brute force's, best first, none of a latent with itself."""
    counted = [d for d in dictionaries if d.kind != "neurons"]
    mates = [d.id for d in counted if d.hook_in.layer == dictionary.hook_in.layer and d is not dictionary]
    assert opened.mates == ([] if dictionary.kind == "neurons" else mates)
    own, found, across = fires[dictionary.id], 0, 0
    for index in range(0, len(opened), 7):
        rows = opened[index].to_json()["cofiring"]
        for row in rows:
            name, _, other = row["address"].rpartition("/")
            theirs = fires[name][:, int(other)]
            both = int((own[:, index] & theirs).sum())
            cosine = both / np.sqrt(own[:, index].sum() * theirs.sum())
            assert row["count"] == both > 0
            assert row["cosine"] == pytest.approx(cosine, rel=1e-5)
            assert row["address"] != f"{dictionary.id}/{index}"
        names = [row["address"].rpartition("/")[0] for row in rows]
        for one, other, name, after in zip(rows, rows[1:], names, names[1:], strict=False):
            assert one["cosine"] >= other["cosine"] or (name == dictionary.id != after)
        found += len(rows)
        across += sum(name != dictionary.id for name in names)
    assert (found > 0) == (dictionary.kind != "neurons")
    assert (across > 0) == bool(opened.mates)


def test_batch_size_changes_nothing_that_is_seen(
    tiny_params: Params, tiny_atlas: Path, tmp_path: Path
) -> None:
    scan = ScanParams(**(tiny_params.scan.model_dump() | {"batch": 7}))
    build(tiny_params.model_copy(update={"scan": scan}), tmp_path / "atlas")
    one, other = open_atlas(str(tiny_atlas)), open_atlas(str(tmp_path / "atlas"))
    for record in one.manifest.dictionaries:
        for index in range(0, record.n_latents, 5):
            a, b = one[record.id][index].to_json(), other[record.id][index].to_json()
            for section in ("top_examples", "random_examples"):
                assert [(d, p) for d, p, _ in _found(a[section])] == [
                    (d, p) for d, p, _ in _found(b[section])
                ]
            assert a["firings"] == b["firings"]
            assert a["moments"] == pytest.approx(b["moments"], rel=1e-5, abs=1e-6)


def test_documents_shorter_than_a_window_count_once(built: tuple[Atlas, Params]) -> None:
    atlas, _ = built
    assert all(document.n_tokens >= 2 for document in atlas.documents)
    assert sum(document.n_tokens for document in atlas.documents) == atlas.manifest.corpus.n_tokens
