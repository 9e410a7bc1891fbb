"""Selection on the device against the compiled loops, the scan that uses it against the CPU's, and where
encoders lie. What needs a GPU runs where there is one.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_atlas import open_atlas
from feature_atlas.manifest import QualityRecord
from pipeline import quality, scan, tokens
from pipeline.build import build
from pipeline.core.accumulate.block import Block, above, listed
from pipeline.core.device import CPU, all_stay, open_device, placed
from pipeline.core.dictionaries import BLOCK, Dictionary, neurons
from pipeline.core.params import Params, QualityParams
from pipeline.core.select import Firings, above_on_device, listed_on_device
from pipeline.core.windows import Batch, Corpus, Windows
from pipeline.core.workers import workers
from tests import tiny
from tests.tiny import D_MODEL, N_LATENTS

META = torch.device("meta")
PLACES = {
    "standard": "resid_post.0",
    "topk": "resid_post.1",
    "jumprelu": "attn_out.1",
    "jumprelu_transcoder": "ln2_out.1:mlp_out.1",
}
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
sizes = st.tuples(st.integers(1, 12), st.integers(0, 70))
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Any batch: selection does not look into it."""
    corpus = Corpus(np.arange(8, dtype=np.uint32), np.array([0, 8]), ["a"], ["a"], ["made"], 0)
    return next(Windows(corpus, 8, None).batches(1))


def check(got: Firings, want: Block) -> None:
    for ours, theirs in zip(got, (want.edge, want.column, want.value), strict=True):
        assert ours.numpy().dtype == theirs.dtype
        assert ours.numpy().tobytes() == theirs.tobytes()


@settings(deadline=None)  # the loop is compiled at its first call
@given(size=sizes, seed=seeds, fires=st.sampled_from(["some", "none", "all"]))
def test_above_equals_the_compiled_loop(size: tuple[int, int], seed: int, fires: str, batch: Batch) -> None:
    """Sums of quarters: a third of them lie exactly at the floor, and do not fire."""
    random = np.random.default_rng(seed)
    pre = (random.integers(-2, 3, size) / 4).astype(np.float32)
    bias, floor = ((random.integers(0, 3, size[0]) / 4).astype(np.float32) for _ in range(2))
    pre += np.float32({"some": 0, "none": -9, "all": 9}[fires])
    got = above_on_device(*map(torch.from_numpy, (pre, bias, floor)))
    check(got, above(pre, bias, floor, 0, batch))
    assert fires == "some" or len(got[1]) == (pre.size if fires == "all" else 0)


@settings(deadline=None)  # the loop is compiled at its first call
@given(size=sizes, seed=seeds, fires=st.sampled_from(["some", "none", "all"]))
def test_listed_equals_the_compiled_loop(size: tuple[int, int], seed: int, fires: str, batch: Batch) -> None:
    """A value of 0, which is no firing, is among the k largest wherever fewer than k exceed 0."""
    n_latents, n_columns = size
    random = np.random.default_rng(seed)
    h = random.integers(-3, 4, (n_columns, n_latents)).astype(np.float32)
    h += np.float32({"some": 0, "none": -9, "all": 9}[fires])
    k = int(random.integers(1, n_latents + 1))
    values, latents = torch.from_numpy(h).topk(k, dim=-1, sorted=False)
    values.relu_()
    got = listed_on_device(latents, values, n_latents)
    check(got, listed(latents.numpy(), values.numpy(), n_latents, batch))
    assert fires == "some" or len(got[1]) == (n_columns * k if fires == "all" else 0)


@pytest.fixture
def params(tiny_params: Params, tmp_path: Path) -> Params:
    """Neurons and heads of both layers and a dictionary of every kind."""
    folders = {kind: tiny.write_dictionary(tmp_path / kind, architecture=kind) for kind in PLACES}
    return tiny_params.model_copy(
        update={"dictionaries": {kind: f"{folders[kind]}@{place}" for kind, place in PLACES.items()}}
    )


def scanned(params: Params, work: Path) -> dict[str, bytes]:
    tokens.run(params, work)
    scan.run(params, work)
    return {
        f"{path.name}/{name}": array.tobytes()
        for path in sorted((work / "scan").glob("*.npz"))
        for name, array in np.load(path).items()
    }


def test_a_scan_that_selects_on_the_device_is_the_same(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device's path on CPU tensors, whose products are the same: every bit of every result."""
    want = scanned(params, tmp_path / "cpu")
    monkeypatch.setattr("pipeline.core.encode.selects_there", lambda device: True)
    for compiled in ("above", "listed"):
        monkeypatch.delattr(f"pipeline.core.encode.{compiled}")
    got = scanned(params, tmp_path / "device")
    assert len({name.split("/")[0] for name in got}) == 2 + 2 + len(PLACES)  # neurons, heads, dictionaries
    assert got == want


def loaded(kind: str, folder: Path) -> Dictionary:
    path = tiny.write_dictionary(folder, architecture=kind)
    return tiny.load(f"{path}@{PLACES[kind]}", kind)


@pytest.mark.parametrize("kind", PLACES)
def test_parts_encode_as_the_whole(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.core.dictionaries.BLOCK", 16)
    whole = loaded(kind, tmp_path)
    n = whole.block_size
    assert n == (N_LATENTS if kind == "topk" else 16)
    x = torch.randn(30, D_MODEL, generator=torch.Generator().manual_seed(0))
    parts = [whole.part(lo, CPU) for lo in range(0, N_LATENTS, n)]
    assert [part.n_latents for part in parts] == ([N_LATENTS] if kind == "topk" else [16, 16, 8])
    read = whole.read(x)  # of which a part, without b_pre, takes nothing
    encoded = torch.cat([part.encode(read) for part in parts], dim=1)
    torch.testing.assert_close(encoded, whole.encode(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("n_bytes", "n_free", "stay"), [(0, 0, True), (50, 100, True), (51, 100, False), (50, 99, False)]
)
def test_encoders_stay_if_they_take_half_of_what_is_free(n_bytes: int, n_free: int, stay: bool) -> None:
    assert all_stay(n_bytes, n_free) is stay


@pytest.mark.parametrize("room", [True, False])
def test_where_encoders_lie(room: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that holds no numbers: all or none are there; a block is copied where it is read."""
    given = [neurons(0, 96, "w"), *(loaded(kind, tmp_path / kind) for kind in PLACES)]
    assert placed(given, CPU) is given
    n_bytes = 4 * (len(PLACES) * (D_MODEL * N_LATENTS + N_LATENTS) + 3 * D_MODEL + 2 * N_LATENTS)
    free = 2 * n_bytes - (0 if room else 1)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free, 2 * free))
    monkeypatch.setattr("torch.Tensor.pin_memory", lambda tensor: tensor)
    _, *found = placed(given, META)
    for before, after in zip(given[1:], found, strict=True):
        assert before.W_enc is not None and after.W_enc is not None and after.W_dec is not None
        assert after.W_enc.device.type == ("meta" if room else "cpu")
        assert after.W_dec.device.type == "cpu"
        part = after.part(0, META)
        assert {array.device.type for array in part.arrays().values()} == {"meta"}
        if not room:
            assert after.W_enc[:, :BLOCK].T.is_contiguous()
            assert torch.equal(after.W_enc, before.W_enc)


def test_a_worker_waits_for_its_own_stream_before_its_result_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With streams that only note when they are waited for."""
    streams = threading.local()
    waited: list[object] = []

    class Stream:
        def __init__(self, device: torch.device) -> None:
            pass

        def synchronize(self) -> None:
            waited.append(self)

    def current(device: torch.device) -> Stream:
        if not hasattr(streams, "own"):
            streams.own = Stream(device)
        return streams.own

    monkeypatch.setattr("torch.cuda.Stream", Stream)
    monkeypatch.setattr("torch.cuda.set_stream", lambda stream: setattr(streams, "own", stream))
    monkeypatch.setattr("torch.cuda.current_stream", current)
    gpu = torch.device("cuda")
    with workers(device=gpu) as crew:
        used = crew.do([lambda: current(gpu)] * 20)
        assert waited[0] is current(gpu) and waited[0] not in used
        assert sorted(map(id, waited[1:])) == sorted(map(id, used))
        assert len(set(used)) <= crew.n


def test_products_of_float32_are_taken_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_float32_matmul_precision("high")  # as TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1 has it
    assert open_device("cpu") == CPU
    assert torch.get_float32_matmul_precision() == "highest"


@gpu
def test_a_gpu_finds_the_same_examples(params: Params, tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):
        build(params.model_copy(update={"device": device}), tmp_path / device)
    here, there = (open_atlas(str(tmp_path / device)) for device in ("cpu", "cuda"))
    for record in here.manifest.dictionaries:
        for index in range(record.n_latents):
            one, other = (atlas[record.id][index].to_json() for atlas in (here, there))
            assert one["firings"] == pytest.approx(other["firings"], abs=1)
            want, got = ([e["activation"] for e in each["top_examples"]] for each in (one, other))
            assert got == pytest.approx(want, rel=1e-4, abs=1e-5)


@gpu
def test_a_gpu_that_has_no_room_finds_the_same(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu = params.model_copy(update={"device": "cuda"})
    want = scanned(on_gpu, tmp_path / "stay")
    monkeypatch.setattr("pipeline.core.device.all_stay", lambda *_: False)
    got = scanned(on_gpu, tmp_path / "copied")
    firings = [name for name in want if name.endswith("moments/firings")]
    assert firings
    for name in firings:
        one, other = (np.frombuffer(each[name], np.int64) for each in (want, got))
        np.testing.assert_allclose(one, other, atol=1)


@gpu
def test_a_gpu_measures_the_same_quality(params: Params, tmp_path: Path) -> None:
    measured = QualityParams(corpus=params.corpus)
    found: list[list[QualityRecord]] = []
    for device in ("cpu", "cuda"):
        quality.run(params.model_copy(update={"device": device, "quality": measured}), tmp_path / device)
        paths = [tmp_path / device / "quality" / f"{name}.json" for name in PLACES]
        found.append([QualityRecord.model_validate_json(path.read_bytes()) for path in paths])
    for one, other in zip(*found, strict=True):
        for name in ("l0", "fvu", "ce", "ce_spliced", "ce_mean_ablated"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-3), name
