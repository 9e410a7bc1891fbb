"""Ablations against a numpy forward from which a latent's part is taken by itself, and known cases."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from benchmarks.kills import content
from feature_atlas import Latent, open_atlas
from feature_atlas.address import HookPoint
from feature_atlas.contract import N_LATER, N_MOVED
from feature_atlas.errors import InputError
from pipeline import effects
from pipeline.build import build, work_folder
from pipeline.core.dictionaries import Dictionary
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import EffectsParams, Params, make_params
from pipeline.core.rest import Rest, place_of, point_at
from pipeline.core.subject import load_dictionaries
from pipeline.core.terminal import print_latent
from tests import tiny
from tests.families import VARIANTS, write_family
from tests.numpy_gpt2 import forward
from tests.tiny import CTX, D_MODEL

Array = np.ndarray[Any, Any]
CENTRED = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
# Id -> architecture, where it reads and writes, further settings. One at the last place, whose other
# positions no change reaches, and one before each kind of step.
MADE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "first": ("standard", "resid_pre.1", {}),
    "topk": ("topk", "resid_post.0", {}),
    "z": ("standard", "attn_z.0", {}),
    "mid": ("jumprelu", "resid_mid.0", {}),
    "attn": ("standard", "attn_out.1", {}),
    "mlp": ("jumprelu", "mlp_out.0", {}),
    "transcoder": ("jumprelu_transcoder", "ln2_out.1:mlp_out.1", {}),
    "last": ("topk", "resid_post.1", {}),
    "normed": ("topk", "resid_post.0", {"normalize_activations": "layer_norm"}),
    "centred": ("standard", "mlp_out.0", CENTRED),
    "nothing": ("standard", "ln1_out.1", {}),
}


def write_cross_layer(folder: Path) -> Path:
    """Two layers of circuit-tracer's, the first of which writes to both."""
    folder.mkdir()
    kinds = "model_kind: cross_layer_transcoder\nfeature_input_hook: ln2.hook_normalized\n"
    (folder / "config.yaml").write_text(f"{kinds}feature_output_hook: hook_mlp_out\n")
    generator = torch.Generator().manual_seed(2)
    for layer in range(2):
        shapes = {
            "W_enc": (40, D_MODEL),
            "b_enc": (40,),
            "b_dec": (D_MODEL,),
            "W_dec": (40, 2 - layer, D_MODEL),
        }
        made = {f"{n}_{layer}": torch.randn(s, generator=generator) / 5 for n, s in shapes.items()}
        for side in (("W_enc", "b_enc", "b_dec"), ("W_dec",)):
            save_file(
                {f"{n}_{layer}": made[f"{n}_{layer}"] for n in side},
                folder / f"{side[0]}_{layer}.safetensors",
            )
    return folder


@pytest.fixture(scope="module")
def given(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Params:
    """All of MADE, a cross-layer set, and the neurons, on a little text."""
    folder = tmp_path_factory.mktemp("dictionaries")
    specs = {
        name: f"{tiny.write_dictionary(folder / name, architecture=architecture, **config)}@{at}"
        for name, (architecture, at, config) in MADE.items()
    }
    specs["clt"] = str(write_cross_layer(folder / "clt"))
    return Params(
        model=str(tiny_model),
        corpus=[str(tiny.write_text(folder / "text", n_documents=5))],
        dictionaries=specs,
        heads=False,
        ctx=CTX,
        effects=EffectsParams(examples=3, neurons=True),
    )


@pytest.fixture(scope="module")
def atlas(given: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its atlas."""
    out = tmp_path_factory.mktemp("effects") / "atlas"
    build(given, out)
    return out


def log_softmax(logits: Array) -> Array:
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))


def where(latent: Latent, row: int) -> tuple[Array, int, list[int]]:
    """Of a top example its window, the window index of its peak, and the document's tokens from there on."""
    example = latent.examples("top")[row]
    tokens = latent.dictionary.atlas.document_tokens(example.document).astype(np.int64)
    start = example.position // (CTX - 1) * (CTX - 1)
    window = np.append(0, tokens[start : start + CTX - 1])
    return window, example.position - start + 1, tokens[example.position + 1 :].tolist()


def parts_of(dictionary: Dictionary, index: int, clean: dict[str, Array], weights: dict[str, Array]) -> Any:
    """What the latent writes at each position, by the hook point from which numpy can take it."""
    point, layer = dictionary.hook_out.point, dictionary.hook_out.layer
    x = clean[str(dictionary.hook_in)]
    if dictionary.processing:
        x = x - x.mean(-1, keepdims=True)
    acts = dictionary.encode(torch.from_numpy(x).float())[:, index].double().numpy()[:, None]
    if dictionary.normalization == "layer_norm":
        acts = acts * x.std(-1, ddof=1, keepdims=True)
    if dictionary.writes is not None:
        rows = dictionary.writes[index].double().numpy()
        return {f"mlp_out.{layer + later}": acts * row for later, row in enumerate(rows)}
    if point == "mlp_post":
        return {f"mlp_out.{layer}": acts * weights[f"h.{layer}.mlp.c_proj.weight"][index]}
    assert dictionary.W_dec is not None
    row = dictionary.W_dec[index].double().numpy()
    if point == "attn_z":
        return {f"attn_out.{layer}": acts * (row @ weights[f"h.{layer}.attn.c_proj.weight"])}
    return {f"resid_post.{layer - 1}" if point == "resid_pre" else str(dictionary.hook_out): acts * row}


NAMES = [*(name for name in MADE if name != "nothing"), "clt.0", "clt.1", "mlp_post.0", "mlp_post.1"]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_equals_brute_force(name: str, given: Params, atlas: Path, tiny_model: Path) -> None:
    (dictionary,) = (
        each for each in load_dictionaries(given, ModelFolder.resolve(given.model)) if each.id == name
    )
    weights = {
        k.removeprefix("transformer."): w for k, w in load_file(tiny_model / "model.safetensors").items()
    }
    opened, compared, largest = open_atlas(str(atlas)).dictionary(name), 0, 0.0
    for index in range(0, len(opened), 3):
        latent = opened[index]
        told = latent.ablations()
        assert len(told) == min(3, len(latent.examples("top")))
        for row, got in enumerate(told):
            window, peak, following = where(latent, row)
            clean = forward(tiny_model, window)
            parts = parts_of(dictionary, index, clean, weights)
            spliced = {point: partial(less, point, part) for point, part in parts.items()}
            before = log_softmax(clean["logits"])
            change = log_softmax(forward(tiny_model, window, spliced)["logits"]) - before
            rises = [-change[i, t] for i, t in zip(range(peak, len(window)), following, strict=False)]
            assert got["loss"] == (pytest.approx(rises[0], abs=2e-5, rel=2e-5) if rises else None)
            later = rises[1 : 1 + N_LATER]
            assert got["later"] == (pytest.approx(np.mean(later), abs=2e-5, rel=2e-5) if later else None)
            kl = -(np.exp(before[peak]) * change[peak]).sum()
            assert got["kl"] == pytest.approx(kl, abs=2e-5, rel=2e-5)
            for side, sign in (("raised", 1), ("lowered", -1)):
                values = [each["value"] for each in got[side]]
                expected = -sign * np.sort(-sign * change[peak])[:N_MOVED]
                assert values == pytest.approx(expected.tolist(), abs=2e-5, rel=2e-5)
                assert [change[peak, each["token_id"]] for each in got[side]] == pytest.approx(
                    values, abs=2e-5
                )
            compared, largest = compared + 1, max(largest, kl)
    assert compared > 10
    assert largest > 1e-3, "nothing that is taken out matters: the test would not see it left in"


def less(point: str, part: Array, found: dict[str, Array]) -> Array:
    """Index 0 of a window, which is not counted, stays as it is."""
    return found[point] - np.concatenate([part[:1] * 0, part[1:]])


@pytest.mark.parametrize("name", VARIANTS)
def test_the_rest_of_every_family_is_its_own(name: str, tmp_path: Path) -> None:
    """What is taken out at each place, and at two at once, against Hugging Face's forward with hooks."""
    model = SubjectModel.load(ModelFolder.resolve(str(write_family(tmp_path, name))))
    rest, generator = Rest(model), torch.Generator().manual_seed(0)
    windows = torch.randint(0, tiny.D_VOCAB, (3, 20), generator=generator)
    asked = torch.rand(3, 20, generator=generator) < 0.5
    last = point_at(rest.end)
    written = [
        HookPoint(p, layer) for p in ("resid_pre", "attn_out", "mlp_out", "resid_post") for layer in (0, 1)
    ]
    for points in [*((each,) for each in written), (HookPoint("mlp_out", 0), HookPoint("mlp_out", 1))]:
        places = [place_of(each, model.shape) for each in points]
        taken = {place: torch.randn(3, 20, 24, generator=generator) for place in places if place is not None}
        stream = model.activations(windows, [point_at(min(taken))])[point_at(min(taken))]
        with ExitStack() as hooks:
            for point, part in zip(points, taken.values(), strict=True):
                hooks.enter_context(model.replacing([], point, lambda _, y, part=part: y - part))
            want = model.activations(windows, [last])[last]
            losses = model.losses(windows)
        got = rest.run(stream, taken, asked)
        torch.testing.assert_close(got, want[asked], rtol=1e-5, atol=1e-5 * want.abs().max().item())
        told = rest.log_probabilities(rest.run(stream, taken, torch.ones_like(asked)))
        next_token = windows[:, 1:].flatten()[:, None]
        own = -told.view(3, 20, -1)[:, :-1].flatten(0, 1).gather(1, next_token).view(3, 19)
        torch.testing.assert_close(own, losses, rtol=1e-4, atol=1e-4)


def test_what_writes_nothing_is_left_out(
    given: Params, atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latent = open_atlas(str(atlas)).dictionary("nothing")[0]
    assert latent.ablations() == [] and not len(latent.floats["ablation_loss"])
    work = tmp_path / "work"
    shutil.copytree(work_folder(atlas), work)
    shutil.rmtree(work / "effects")
    one = given.model_copy(update={"dictionaries": {"nothing": given.dictionaries["nothing"]}})
    effects.run(one.model_copy(update={"effects": EffectsParams(examples=1)}), work)
    assert "nothing writes nothing to the residual stream" in " ".join(capsys.readouterr().err.split())
    assert not list((work / "effects").glob("*.npz"))


@pytest.fixture
def by_token(tmp_path: Path, tiny_text: Path) -> tuple[Params, Array, int, int]:
    """A model whose blocks write nothing, so that each prediction is a function of the token before it, and
    an SAE of its stream whose first latent fires on one type, A, and writes e(A) - e(B); the second writes
    nothing, and the third what the final norm takes no notice of."""
    folder = tiny.write_model(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    for name, array in weights.items():
        if "c_proj" in name or "wpe" in name:
            array[:] = 0
    save_file(
        {name: torch.from_numpy(array) for name, array in weights.items()}, folder / "model.safetensors"
    )
    e = weights["transformer.wte.weight"].astype(np.float64)
    (A,), (B, *_) = ModelFolder.resolve(str(folder)).tokenizer().encode([" the", " Tuesday"])
    read = e[A] / (e[A] @ e[A])
    assert sum(e @ read > 0.9) == 1
    arrays = {
        "W_enc": np.stack([read] * 3, axis=1),
        "b_enc": np.full(3, -0.9),
        "W_dec": np.stack([(e[A] - e[B]) * 10, e[A] * 0, e[A] * 0 + 5]),
        "b_dec": e[A] * 0,
    }
    tiny.write_saelens(
        tmp_path / "sae", {n: torch.from_numpy(x).float() for n, x in arrays.items()}, architecture="standard"
    )
    given = Params(
        model=str(folder),
        corpus=[str(tiny_text)],
        dictionaries={"sae": f"{tmp_path / 'sae'}@resid_post.1"},
        ctx=CTX,
        neurons=False,
        heads=False,
    )
    return given, e, A, B


def test_without_it_one_token_is_taken_for_another(
    by_token: tuple[Params, Array, int, int], tmp_path: Path
) -> None:
    given, e, A, B = by_token
    build(given, tmp_path / "atlas")
    opened = open_atlas(str(tmp_path / "atlas")).dictionary("sae")
    centred = e - e.mean(1, keepdims=True)
    log_p = log_softmax(centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5) @ e.T)
    change = log_p[B] - log_p[A]
    told = opened[0].ablations()
    assert len(told) == 5
    for row, got in enumerate(told):
        window, peak, following = where(opened[0], row)
        assert window[peak] == A
        assert got["kl"] == pytest.approx(-(np.exp(log_p[A]) * change).sum(), rel=1e-4)
        assert got["raised"][0]["token_id"] == change.argmax()
        assert got["lowered"][0]["value"] == pytest.approx(change.min(), rel=1e-4)
        rises = [-change[t] * (w == A) for w, t in zip(window[peak:], following, strict=False)]
        assert got["loss"] == (pytest.approx(rises[0], rel=1e-4) if rises else None)
        later = rises[1 : 1 + N_LATER]
        assert got["later"] == (pytest.approx(np.mean(later), rel=1e-4, abs=1e-6) if later else None)
    for latent in (opened[1], opened[2]):
        for got in latent.ablations():
            assert got["kl"] == pytest.approx(0, abs=1e-6)
            assert got["loss"] is None or got["loss"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_stopped_run_goes_on(
    tiny_params: Params, tiny_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    out, state = tmp_path / "atlas", tmp_path / "atlas.work" / "effects" / "state.npz"
    seen, asked = itertools.count(1), []

    @contextmanager
    def stopping() -> Generator[Callable[[], bool]]:
        yield lambda: next(seen) > calls

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.effects.stop_asked", stopping)
        with pytest.raises(KeyboardInterrupt):
            build(tiny_params, out)
    with np.load(state) as saved:
        assert saved["done"] == calls + 1
    done = effects.Rerun.do

    def counted(self: effects.Rerun, first: int, found: effects.Found) -> None:
        asked.append(first)
        done(self, first, found)

    monkeypatch.setattr("pipeline.effects.Rerun.do", counted)
    build(tiny_params, out)
    assert asked[0] == asked[1], "a trial, to foretell the time"
    assert min(asked) == (calls + 1) * effects.CHUNK
    assert not state.exists()
    assert content(out) == content(tiny_atlas)


def test_other_settings_redo_it(tiny_params: Params, tiny_atlas: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    shutil.copytree(work_folder(tiny_atlas), work_folder(out))
    told, size = {}, {}
    for n in (0, 1, 2):
        build(tiny_params.model_copy(update={"effects": EffectsParams(examples=n)}), out)
        latent = open_atlas(str(out)).dictionary("tiny-sae")[3]
        told[n] = latent.to_json()["ablations"]
        assert [len(told[n]), len(latent.floats["ablation_raised_value"])] == [n, n * N_MOVED]
        assert (work_folder(out) / "effects" / "tiny-sae.npz").exists() == (n > 0)
        size[n] = sum(
            path.stat().st_size for path in out.glob("runs/*/dictionaries/tiny-sae.zarr/card/*/c/*/*")
        )
    assert told[1] == told[2][:1]
    per_example = (size[2] - size[0]) / 2 / tiny.N_LATENTS
    assert 40 < per_example < 110, "five take half a kilobyte of a latent's 6.5"
    neurons = open_atlas(str(out)).dictionary("mlp_post.0")[0]
    assert neurons.ablations() == []
    more = EffectsParams(examples=2, neurons=True)
    before = (work_folder(out) / "effects" / "tiny-sae.npz").stat().st_mtime_ns
    build(tiny_params.model_copy(update={"effects": more}), out)
    assert len(open_atlas(str(out)).dictionary("mlp_post.0")[0].ablations()) == 2
    assert (work_folder(out) / "effects" / "tiny-sae.npz").stat().st_mtime_ns == before


def test_it_needs_a_finished_scan(tiny_params: Params, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="scan has not finished; run: atlas scan"):
        effects.run(tiny_params, tmp_path / "work")


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"examples": -1}, r"effects\.examples: .* 0 .*\(it is -1\)"),
        ({"examples": 21}, r"effects\.examples: .* 20"),
        ({"neurons": "yes"}, r"effects\.neurons"),
        ({"latents": 3}, r"effects\.latents"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        make_params({"model": "m", "corpus": ["c"], "effects": settings}, "here")


def test_the_terminal_tells_it(tiny_atlas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latent = open_atlas(str(tiny_atlas)).dictionary("tiny-sae")[3]
    print_latent(latent)
    shown = capsys.readouterr().out
    assert shown.count("without it: ") == len(latent.ablations()) > 0
    assert f"KL {latent.ablations()[0]['kl']:.3g}" in shown
    json.dumps(latent.to_json(), allow_nan=False)
