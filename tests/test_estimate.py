"""What is told of a build before it runs, against what is counted and what is built."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from feature_atlas import open_atlas
from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline import calibrate, calibrate_scan
from pipeline.cli import app
from pipeline.core import costs
from pipeline.core.dictionary_spec import parse_spec
from pipeline.core.estimate_table import duration, n_bytes
from pipeline.core.fits import Line, Parabola, filled, firings_later
from pipeline.core.gpus import GPUS, seconds
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.planned import of_size, split_planned
from pipeline.estimate import Estimate, estimate
from tests import tiny


@pytest.fixture(scope="module", autouse=True)
def a_shorter_run() -> Iterator[None]:
    """The short run on fewer windows and latents: functions are checked on every call here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "DESCRIBED", 128)
        for name, size in {"BATCH": 4 * tiny.CTX, "AFTER": 9}.items():
            patch.setattr(calibrate_scan, name, size)
        yield


@pytest.fixture(scope="module")
def told(a_shorter_run: None, tiny_params: Params) -> Estimate:
    return estimate(tiny_params, 0.02)


def counted_flops(model: SubjectModel, windows: torch.Tensor) -> int:
    # torch counts no operations of its fused attention on a CPU
    kernel = sdpa_kernel(SDPBackend.MATH)
    with kernel, FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.network.base_model(windows, use_cache=False)
    return counter.get_total_flops()


@pytest.mark.parametrize("n_layers", [1, 2])
def test_operations_of_the_forward_pass(tiny_model: Path, n_layers: int) -> None:
    model = SubjectModel.drawn(ModelFolder.resolve(str(tiny_model)), n_layers)
    windows = torch.zeros(3, tiny.CTX, dtype=torch.int64)
    wanted = 3 * costs.forward_flops(model.shape, n_layers, tiny.CTX, gated=False)
    assert counted_flops(model, windows) == wanted


def test_operations_of_the_products(tiny_model: Path) -> None:
    shape = ModelFolder.resolve(str(tiny_model)).shape
    x, W_enc, W_dec = torch.zeros(7, 24), torch.zeros(24, 40), torch.zeros(40, 24)
    with FlopCounterMode(display=False) as counter:
        acts = x @ W_enc
        assert counter.get_total_flops() == costs.encode_flops(40, 24, 7)
        acts @ W_dec
        assert counter.get_total_flops() == costs.encode_flops(40, 24, 7) + costs.decode_flops(40, 24, 7)
    with FlopCounterMode(display=False) as counter:
        W_dec @ torch.zeros(24, tiny.D_VOCAB)
    assert counter.get_total_flops() == costs.logit_flops(shape, 40)


def test_parameters_are_counted_without_weights(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copyfile(tiny_model / "config.json", tmp_path / "config.json")
    real = ModelFolder.resolve(str(tiny_model))
    tied = tiny.D_VOCAB * tiny.D_MODEL  # the file may hold the unembedding once or twice
    found = SubjectModel.n_parameters(ModelFolder.resolve(str(tmp_path)))
    assert found in (real.record.n_parameters, real.record.n_parameters - tied)


def test_lines_and_parabolas_go_through_what_was_measured() -> None:
    assert Line.through((2, 7), (5, 13)) == Line(3, 2)
    assert Line.through((2, 7), (5, 6)) == Line(6, 0)
    fit = Parabola.through((10, 10 * 2 + 100 * 0.5), (20, 20 * 2 + 400 * 0.5))
    assert fit.at(40) == pytest.approx(40 * 2 + 1600 * 0.5)


@pytest.mark.parametrize(("mean", "spread"), [(-1, 2), (0, 1), (1, 1.5)])
def test_firings_of_latents_not_seen_yet(mean: float | int, spread: float | int) -> None:
    """Drawn from known rates: of those alive in a text eight times as long less than half stays untold."""
    random = np.random.default_rng(0)
    rates = np.exp(random.normal(mean, spread, 4000))
    seen, later = random.poisson(rates), random.poisson(8 * rates)
    alive, truth = (firings_later(seen, 8) > 0).mean(), (later > 0).mean()
    assert truth - (truth - (seen > 0).mean()) / 2 < alive < truth
    assert firings_later(seen, 1)[seen > 0].tolist() == seen[seen > 0].tolist()


def test_examples_fill_up() -> None:
    firings = np.array([0.0, 1, 30, 1e6])
    assert filled(firings, 1000, 20, 30).tolist() == pytest.approx([0, 3, 50, 50], abs=0.01)
    more = filled(2 * firings, 1000, 20, 30)
    assert (more >= filled(firings, 1000, 20, 30)).all()


def test_gpus_are_bound_by_one_or_the_other() -> None:
    for gpu in GPUS:
        assert seconds(gpu, 2e15, 0) == pytest.approx(2 * seconds(gpu, 1e15, 0))
        assert seconds(gpu, 1e15, 1) == seconds(gpu, 1e15, 0) < seconds(gpu, 1e15, 1e15)


def test_the_tokens_are_those_of_the_build(told: Estimate, tiny_atlas: Path) -> None:
    manifest = open_atlas(str(tiny_atlas)).manifest
    assert told.counted
    assert told.tokens == manifest.corpus.n_tokens
    assert told.windows == manifest.windowing.n_windows


def test_bytes_are_near_those_of_the_build(told: Estimate, tiny_atlas: Path) -> None:
    """The short run reads all of so small a corpus: what is left is how examples fill up."""
    run = tiny_atlas / open_atlas(str(tiny_atlas)).manifest.run_path
    for name in ("tiny-sae", "mlp_post.0", "attn.1"):
        real = sum(p.stat().st_size for p in (run / f"dictionaries/{name}.zarr").rglob("*") if p.is_file())
        assert told.store_bytes[name] == pytest.approx(real, rel=0.2), name


def test_the_work_folder_is_counted_once(tiny_params: Params, tiny_dictionary: Path) -> None:
    """Though the name of one dictionary begins as that of another does."""
    spec = f"{tiny_dictionary}@resid_post.1"
    given = {"neurons": False, "heads": False, "map": False}
    sizes = [
        estimate(tiny_params.model_copy(update={"dictionaries": dict.fromkeys(names, spec), **given}), 0.02)
        for names in (("a", "b1"), ("a", "a1"))
    ]
    assert sizes[0].work_bytes == pytest.approx(sizes[1].work_bytes, rel=0.02)


def test_what_stays_on_the_cpu_has_partners_to_count(
    tiny_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = list[calibrate_scan.Encoded]()

    class Seen(calibrate_scan.Encoded):
        def __init__(self, *made_of: object) -> None:
            super().__init__(*made_of)
            begun.append(self)

    monkeypatch.setattr(calibrate_scan, "Encoded", Seen)
    estimate(tiny_params.model_copy(update={"map": False}), 0.02)
    counted = [each.within.both.sum() for each in begun if each.within is not None]
    assert counted and all(counted)


def test_a_text_shorter_than_the_short_run(tiny_params: Params) -> None:
    found = estimate(tiny_params.model_copy(update={"max_tokens": 2 * tiny.CTX, "map": False}), 0.02)
    assert 0 < found.windows < 12 * 4 and found.seconds["scan"] > 0 and found.total_store > 0


def test_everything_is_told(told: Estimate) -> None:
    written = told.to_json()
    assert set(told.seconds) == {"tokens", "scan", "describe", "effects", "map", "quality", "assemble"}
    assert written["total_seconds"] == sum(told.seconds.values()) > 0
    assert written["storage_per_month"] == told.total_store / 1e9 * 0.02
    assert told.peak_memory > 100e6 and set(told.gpu_hours) == {gpu.name for gpu in GPUS}
    assert told.seconds["quality"] == 0  # no held-out text was given
    json.dumps(written)


def test_a_model_and_dictionaries_that_are_only_planned(tiny_model: Path, tmp_path: Path) -> None:
    """config.json alone; twice the latents, or tokens, are more of everything that grows with them."""
    shutil.copyfile(tiny_model / "config.json", tmp_path / "config.json")
    found: dict[tuple[int, int], dict[str, object]] = {}
    for n, tokens in ((3000, 100_000), (6000, 100_000), (3000, 200_000)):
        flags = ["--model", str(tmp_path), "--corpus", "planned", "--no-heads", "--no-neurons", "--json"]
        flags += ["--max-tokens", str(tokens), "--ctx", "32", "--dictionary", f"a=size:{n}@resid_post.1"]
        ran = CliRunner().invoke(app, ["estimate", *flags])
        assert ran.exit_code == 0, (ran.output, ran.exception)
        found[n, tokens] = json.loads(ran.stdout)
    base, wide, long = found.values()
    assert not base["counted"] and base["tokens"] == 100_000
    for name in ("scan", "describe", "effects"):
        assert wide["flops"][name] > base["flops"][name]  # type: ignore[index]
    assert long["flops"]["scan"] == pytest.approx(2 * base["flops"]["scan"], rel=0.01)  # type: ignore[index]
    assert long["flops"]["describe"] == base["flops"]["describe"]  # type: ignore[index]
    assert wide["store_bytes"]["a"] > 1.5 * base["store_bytes"]["a"]  # type: ignore[index]
    assert wide["peak_memory"] > base["peak_memory"]  # type: ignore[operator]


def test_sizes_that_are_none() -> None:
    width = {HookPoint("resid_post", 1): 24}.__getitem__
    there, sized = split_planned({"a": "size:128@resid_post.1", "b": "somewhere@resid_post.1"})
    assert list(there) == ["b"]
    made = of_size(sized["a"], width)
    assert (made.n_latents, made.W_enc is not None and tuple(made.W_enc.shape)) == (128, (24, 128))
    for text in ("size:x@resid_post.1", "size:0@resid_post.1", "size:128"):
        with pytest.raises(InputError, match="size:LATENTS@IN"):
            of_size(parse_spec("a", text), width)


def test_what_can_not_be_counted_needs_a_bound(
    tiny_model: Path, tmp_path: Path, tiny_dictionary: Path
) -> None:
    shutil.copyfile(tiny_model / "config.json", tmp_path / "config.json")
    params = Params(model=str(tmp_path), corpus=["x"], ctx=tiny.CTX)
    with pytest.raises(InputError, match="max_tokens"):
        estimate(params, 0.02)
    there = {"max_tokens": 1000, "dictionaries": {"d": f"{tiny_dictionary}@resid_post.1"}}
    with pytest.raises(InputError, match="size:LATENTS"):
        estimate(params.model_copy(update=there), 0.02)


def test_amounts_are_told_in_fitting_units() -> None:
    assert [duration(x) for x in (3, 90, 7200, 200_000)] == ["3.0 s", "1.5 min", "2.0 h", "2.3 d"]
    assert [n_bytes(x) for x in (1500, 2.5e6, 3e9, 4e12)] == ["1.5 kB", "2.50 MB", "3.00 GB", "4.00 TB"]
