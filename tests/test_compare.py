"""`atlas compare`: planted truths, correlations against whole matrices, the folder, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from feature_atlas import open_atlas
from feature_atlas.comparison import KINDS, Comparison, open_comparison, verify_comparison
from feature_atlas.errors import FormatError, InputError
from pipeline import compare
from pipeline.build import build
from pipeline.cli import app
from pipeline.core.beside import Placed, reading, windows_of
from pipeline.core.correlate import Sample, Sums, by_correlation, candidates, most_correlated
from pipeline.core.matching import by_cosine, kinds
from pipeline.core.model import SubjectModel
from pipeline.core.params import Params
from pipeline.core.sides import Side
from tests import tiny

Weights = dict[str, torch.Tensor]


def words(kind: np.ndarray, side: str) -> list[str]:
    return [KINDS[side][number] for number in kind]


def directions(n: int, seed: int = 0) -> torch.Tensor:
    """Nearly orthogonal ones."""
    return torch.randn(n, 512, generator=torch.Generator().manual_seed(seed))


def test_a_permutation_is_found_through_noise() -> None:
    a = directions(60)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    found = by_cosine(a, 3 * a[order] + 0.5 * directions(60, 2))
    kind_a, kind_b = kinds(found)
    assert set(words(kind_a, "a")) == set(words(kind_b, "b")) == {"matched"}
    assert found.b[:, 0].tolist() == order.tolist()
    assert found.a[:, 0].tolist() == order.argsort().tolist()


def test_what_is_gone_is_lost_and_what_comes_is_new() -> None:
    a = directions(40)
    b = torch.cat([a[5:], directions(3, 7)])
    kind_a, kind_b = kinds(by_cosine(a, b))
    assert words(kind_a, "a") == ["lost"] * 5 + ["matched"] * 35
    assert words(kind_b, "b") == ["matched"] * 35 + ["new"] * 3


def test_one_that_becomes_two_halves_is_split_and_the_other_way_merged() -> None:
    a, apart = directions(20), directions(1, 9)
    halves = torch.cat([a[:1] + 0.6 * apart, a[:1] - 0.6 * apart])
    b = torch.cat([halves, a[1:]])
    kind_a, kind_b = kinds(by_cosine(a, b))
    assert words(kind_a, "a") == ["split"] + ["matched"] * 19
    assert words(kind_b, "b") == ["split"] * 2 + ["matched"] * 19
    back_b, back_a = kinds(by_cosine(b, a))
    assert words(back_b, "a") == ["merged"] * 2 + ["matched"] * 19
    assert words(back_a, "b") == ["merged"] + ["matched"] * 19


def test_one_whose_nearest_leans_elsewhere_is_near() -> None:
    """cos(a0, b0) = 0.8 and cos(a1, b0) = 0.96, but a1 is b1 itself: only a0 leans on b0."""
    a = torch.tensor([[1.0, 0, 0], [0.6, 0.8, 0]])
    b = torch.tensor([[0.8, 0.6, 0], [0.6, 0.8, 0]])
    found = by_cosine(a, b)
    assert found.a[:, 0].tolist() == [0, 1] and found.b[:, 0].tolist() == [1, 1]
    kind_a, kind_b = kinds(found)
    assert words(kind_a, "a") == ["near", "split"]
    assert words(kind_b, "b") == ["split", "split"]


@pytest.mark.parametrize("block", [7, 1024])
def test_the_nearest_are_those_of_the_whole_matrix(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.core.matching.BLOCK", block)
    a, b = directions(30)[:, :20], directions(25, 3)[:, :20]
    x, y = (each.numpy() / np.linalg.norm(each.numpy(), axis=1, keepdims=True) for each in (a, b))
    whole = x @ y.T
    found = by_cosine(a, b)
    assert found.a.tolist() == np.argsort(-whole, axis=1)[:, :8].tolist()
    assert found.b.tolist() == np.argsort(-whole.T, axis=1)[:, :8].tolist()
    assert found.b_value == pytest.approx(-np.sort(-whole.T, axis=1)[:, :8], abs=1e-6)


def acts(n: int, seed: int) -> torch.Tensor:
    """[token, latent], mostly 0; the first latent never fires."""
    made = torch.randn(600, n, generator=torch.Generator().manual_seed(seed)) - 1
    made[:, 0] = 0
    return made.relu()


def test_correlations_are_those_of_the_whole_matrices() -> None:
    x, y = acts(12, 0), acts(9, 1)
    y[:, 3] = 2 * x[:, 5] + 0.1 * y[:, 3]
    pairs = np.stack(np.divmod(np.arange(12 * 9), 9), axis=1)
    sums = Sums(pairs)
    for lo in range(0, 600, 77):
        sums.add(x[lo : lo + 77], y[lo : lo + 77])
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.corrcoef(x.numpy().T, y.numpy().T)[:12, 12:]
    assert sums.correlation().reshape(12, 9) == pytest.approx(whole, abs=1e-5, nan_ok=True)
    assert np.isnan(sums.correlation().reshape(12, 9)[0]).all()
    index, highest = most_correlated(pairs[:, 0], pairs[:, 1], sums.correlation(), 12)
    assert index[1:].tolist() == np.nanargmax(whole[1:], axis=1).tolist() and np.isnan(highest[0])


def test_candidates_are_found_in_a_sample_by_how_they_fire() -> None:
    x, y = acts(12, 0), acts(9, 1)
    y[:, 3] = 2 * x[:, 5]
    samples = Sample(12), Sample(9)
    for lo in range(0, 600, 100):
        for sample, each in zip(samples, (x, y), strict=True):
            sample.add(each[lo : lo + 100])
    found = by_correlation(*(sample.entries() for sample in samples))
    whole = np.corrcoef(x.numpy().T[1:], y.numpy().T[1:])[:11, 11:]
    assert found.a[5, 0] == 3 and found.a_value[5, 0] == pytest.approx(1, abs=1e-5)
    assert found.a_value[1:, 0] == pytest.approx(whole.max(axis=1), abs=1e-5)
    pairs = candidates(9, found)
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs) and [5, 3] in pairs.tolist()


@dataclass(frozen=True)
class Planted:
    """An atlas of two dictionaries: `old`, and `new`, made of it: what is known of the latents of both."""

    atlas: Path
    params: Params
    order: list[int]


LOST, ADDED = (0, 1), 3


@pytest.fixture(scope="module")
def planted(tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """`new` is `old` in another order, without two of its latents, with three more and a little noise."""
    folder = tmp_path_factory.mktemp("planted")
    torch.manual_seed(4)
    n, width = 12, tiny.D_MODEL
    written = torch.linalg.qr(torch.randn(width, width)).Q
    order = torch.randperm(n - len(LOST)) + len(LOST)
    old = weights(written[:n])
    new = weights(torch.cat([written[order], written[n : n + ADDED]]) + 0.01 * torch.randn(n + 1, width))
    for name, arrays in (("old", old), ("new", new)):
        tiny.write_saelens(folder / name, arrays, architecture="standard")
    dictionaries = {name: f"{folder / name}@resid_post.1" for name in ("old", "new")}
    params = tiny_params.model_copy(update={"dictionaries": dictionaries, "heads": False})
    build(params, folder / "atlas")
    return Planted(folder / "atlas", params, order.tolist())


def weights(written: torch.Tensor) -> Weights:
    return {
        "W_dec": written.contiguous(),
        "W_enc": written.T.contiguous(),
        "b_enc": torch.full((len(written),), -0.1),
        "b_dec": torch.zeros(written.shape[1]),
    }


@pytest.fixture(scope="module")
def compared(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The two, compared by the command."""
    out = tmp_path_factory.mktemp("compared") / "comparison"
    done = CliRunner().invoke(
        app,
        ["compare", f"{planted.atlas}#old", f"{planted.atlas}#new", "--out", str(out)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0
    return open_comparison(str(out))


def test_the_command_finds_what_was_planted(planted: Planted, compared: Comparison) -> None:
    (pair,) = compared.record.pairs
    assert (pair.a.id, pair.b.id) == ("old", "new") and compared.of_one_atlas
    assert pair.kinds_a == {"lost": 2, "split": 0, "merged": 0, "matched": 10, "near": 0}
    assert pair.kinds_b == {"new": 3, "merged": 0, "split": 0, "matched": 10, "near": 0}
    assert compared.column(pair, "b/nearest")[:10].tolist() == planted.order
    assert words(compared.column(pair, "a/kind")[:2], "a") == ["lost", "lost"]
    assert pair.mmcs_b == pytest.approx(compared.column(pair, "b/cosine").mean(), abs=1e-6)
    assert not list(verify_comparison(compared))


def whole(planted: Planted) -> tuple[np.ndarray, np.ndarray]:
    """All activations of both dictionaries over the whole corpus, [token, latent]."""
    side = Side.open(str(planted.atlas), None)
    side.load(list(open_atlas(str(planted.atlas)).manifest.dictionaries[-2:]))
    model = SubjectModel.load(side.folder, "cpu")
    placed = [Placed(model, side.dictionaries[name]) for name in ("old", "new")]
    with reading(placed) as reader:
        parts = [
            [each.of(reader.caught(batch)) for each in placed] for batch in windows_of(side.atlas).batches(3)
        ]
    x, y = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    return x, y


def test_correlations_are_exact_over_the_whole_corpus(planted: Planted, compared: Comparison) -> None:
    x, y = whole(planted)
    assert compared.record.read is not None and len(x) == compared.record.read.counted_tokens
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(x.T, y.T)[:12, 12:]
    (pair,) = compared.record.pairs
    near = compared.column(pair, "a/nearest")
    told = compared.column(pair, "a/correlation")
    assert told == pytest.approx(expected[np.arange(12), near], abs=1e-5, nan_ok=True)
    assert np.nanmin(told[2:]) > 0.99
    highest = compared.column(pair, "b/highest")
    assert highest == pytest.approx(np.nanmax(expected.T, axis=1), abs=1e-5)  # all pairs are candidates here


def test_a_killed_comparison_goes_on_to_the_same_numbers(
    planted: Planted, compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = [Side.open(f"{planted.atlas}#{name}", None) for name in ("old", "new")]
    monkeypatch.setattr(compare, "BATCH", 4)
    monkeypatch.setattr(compare, "SECONDS", 0.0)
    taken, add = [0], Sums.add

    def killed(self: Sums, a: torch.Tensor, b: torch.Tensor) -> None:
        taken[0] += 1
        if taken[0] == 4:
            raise KeyboardInterrupt
        add(self, a, b)

    monkeypatch.setattr(Sums, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        compare.run(sides[0], sides[1], tmp_path / "out", None)
    assert not (tmp_path / "out").exists()
    compare.run(sides[0], sides[1], tmp_path / "out", None)
    again = open_comparison(str(tmp_path / "out"))
    (pair,) = again.record.pairs
    for side in ("a", "b"):
        for name in ("kind", "nearest", "correlated"):
            assert (again.column(pair, f"{side}/{name}") == compared.column(pair, f"{side}/{name}")).all()
        r = again.column(pair, f"{side}/correlation")
        assert r == pytest.approx(compared.column(pair, f"{side}/correlation"), abs=1e-5, nan_ok=True)
    assert again.record.key == compared.record.key
    assert taken[0] > 4 and not (tmp_path / "out.work").exists()


def test_two_atlases_are_paired_by_ids_and_hook_points(
    planted: Planted, tiny_atlas: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    compare.run(Side.open(str(planted.atlas), None), Side.open(str(tiny_atlas), None), out, 200)
    pairs = [(pair.a.id, pair.b.id) for pair in open_comparison(str(out)).record.pairs]
    neurons = [(f"mlp_post.{layer}", f"mlp_post.{layer}") for layer in range(tiny.N_LAYERS)]
    assert pairs == [*neurons, ("old", "tiny-sae"), ("new", "tiny-sae")]
    record = open_comparison(str(out)).record
    assert all(pair.mmcs_a == pytest.approx(1, abs=1e-5) for pair in record.pairs[:2])
    assert record.read is not None and record.read.counted_tokens < 400


def test_what_cant_be_compared_is_refused_by_name(planted: Planted, tmp_path: Path) -> None:
    def refused(a: str, b: str, out: str) -> None:
        left, right = (Side.open(f"{planted.atlas}{each}", None) for each in (a, b))
        compare.run(left, right, tmp_path / out, None)

    with pytest.raises(InputError, match="the same atlas: name two dictionaries"):
        refused("", "", "out")
    with pytest.raises(InputError, match="no dictionary of"):
        refused("#old", "#old", "out")
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="holds something else"):
        refused("#old", "#new", "there")
    moved = shutil.copytree(planted.atlas, tmp_path / "moved")
    with pytest.raises(InputError, match="--config-a"):
        Side.open(f"{moved}#old", None)


def test_weights_that_are_not_the_atlas_s_are_refused(planted: Planted, tmp_path: Path) -> None:
    told = json.loads(planted.params.model_dump_json())
    told["dictionaries"]["new"] = told["dictionaries"]["old"]
    (tmp_path / "params.yaml").write_text(json.dumps(told))
    sides = [Side.open(f"{planted.atlas}#{name}", tmp_path / "params.yaml") for name in ("old", "new")]
    with pytest.raises(InputError, match="'new' is not the one in"):
        compare.run(sides[0], sides[1], tmp_path / "out", None)


def test_damage_is_named(compared: Comparison, tmp_path: Path) -> None:
    copy = shutil.copytree(compared.url, tmp_path / "copy")
    shard = copy / "pairs" / "old~new.zarr" / "a" / "cosine" / "c" / "0"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert any("a/cosine" in line for line in verify_comparison(open_comparison(str(copy))))
    done = CliRunner().invoke(app, ["verify", str(copy)])
    assert isinstance(done.exception, InputError)
    (copy / "comparison.json").write_text('{"format": "else"}')
    with pytest.raises(FormatError, match="not a comparison of version 1"):
        open_comparison(str(copy))
