"""Quality of dictionaries against a numpy forward with the reconstruction spliced in, and known cases."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.manifest import QualityRecord
from pipeline import quality
from pipeline.build import build
from pipeline.core.corpus import open_source
from pipeline.core.files import file_digest
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, QualityParams, load_params
from pipeline.core.read_corpus import read_corpus
from tests import tiny
from tests.numpy_gpt2 import forward
from tests.synthetic import QUALITY
from tests.tiny import CTX, D_MODEL

Array = np.ndarray[Any, Any]
PLACES = {
    "topk": "resid_post.0",
    "standard": "attn_out.1",
    "jumprelu": "mlp_out.0",
    "jumprelu_transcoder": "ln2_out.1:mlp_out.1",
}


@pytest.fixture
def windows(tiny_model: Path, tiny_text: Path) -> list[Array]:
    """The windows of the small corpus, BOS first."""
    corpus = read_corpus([open_source(str(tiny_text))], ModelFolder.resolve(str(tiny_model)), None)
    found: list[Array] = []
    for start, stop in zip(corpus.starts[:-1], corpus.starts[1:], strict=True):
        tokens = corpus.tokens[start:stop].astype(np.int64)
        found += [np.append(0, tokens[i : i + CTX - 1]) for i in range(0, len(tokens), CTX - 1)]
    return found


def params(model: Path, text: Path, dictionaries: dict[str, str], **settings: Any) -> Params:
    return Params(
        model=str(model),
        corpus=[str(text)],
        dictionaries=dictionaries,
        ctx=CTX,
        quality=QualityParams(corpus=[str(text)], **settings),
    )


def measured(given: Params, work: Path, names: Iterable[str] | None = None) -> dict[str, QualityRecord]:
    quality.run(given, work)
    names = given.dictionaries if names is None else names
    return {
        n: QualityRecord.model_validate_json((work / "quality" / f"{n}.json").read_bytes()) for n in names
    }


def mean_loss(
    model: Path, windows: list[Array], spliced: dict[str, Callable[..., Array]] | None = None
) -> float:
    losses: list[float] = []
    for window in windows:
        logits = forward(model, window, spliced)["logits"]
        top = logits.max(-1, keepdims=True)
        log_p = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
        losses += [-log_p[i, window[i + 1]] for i in range(len(window) - 1)]
    return float(np.mean(losses))


@pytest.mark.parametrize("architecture", PLACES)
def test_every_number_equals_brute_force(
    architecture: str, tiny_model: Path, tiny_text: Path, windows: list[Array], tmp_path: Path
) -> None:
    folder = tiny.write_dictionary(tmp_path / "d", architecture=architecture)
    spec = f"{folder}@{PLACES[architecture]}"
    got = measured(params(tiny_model, tiny_text, {"d": f"{folder}@{PLACES[architecture]}"}), tmp_path)["d"]

    dictionary = tiny.load(spec)
    found = [forward(tiny_model, window) for window in windows]
    x, y = (np.concatenate([f[str(p)][1:] for f in found]) for p in (dictionary.hook_in, dictionary.hook_out))
    acts = dictionary.encode(torch.from_numpy(x).float())
    y_hat = dictionary.decode(acts, torch.from_numpy(x).float()).numpy()
    errors, spread = ((y - y_hat) ** 2).sum(1), ((y - y.mean(0)) ** 2).sum(1)
    density = (acts.numpy() > 0).mean(0)
    assert got.n_tokens == len(x) == got.n_spliced
    assert got.l0 == pytest.approx(density.sum())
    assert got.dead == pytest.approx((density == 0).mean())
    assert got.fvu == pytest.approx(errors.sum() / spread.sum(), rel=1e-5)
    assert got.fvu_per_position == pytest.approx((errors / spread).mean(), rel=1e-5)
    edges = np.append(0, 10 ** (np.arange(-23, 1) / 4))
    counts = np.histogram(density[density > 0], edges)[0]
    assert list(got.density_histogram) == counts.tolist()

    def spliced(new: Callable[[Array], Array]) -> dict[str, Callable[..., Array]]:
        read, written = str(dictionary.hook_in), str(dictionary.hook_out)
        return {written: lambda f: np.concatenate([f[written][:1], new(f[read][1:])])}

    def reconstructed(x: Array) -> Array:
        read = torch.from_numpy(x).float()
        return dictionary.decode(dictionary.encode(read), read).numpy()

    assert got.ce == pytest.approx(mean_loss(tiny_model, windows), rel=1e-5)
    assert got.ce_spliced == pytest.approx(mean_loss(tiny_model, windows, spliced(reconstructed)), rel=1e-5)
    ablated = spliced(lambda x: np.tile(y.mean(0), (len(x), 1)))
    assert got.ce_mean_ablated == pytest.approx(mean_loss(tiny_model, windows, ablated), rel=1e-5)


def test_a_perfect_and_an_empty_dictionary(tiny_model: Path, tiny_text: Path, tmp_path: Path) -> None:
    """x = relu(x) - relu(-x) leaves nothing out; a dictionary whose latents never fire leaves all."""
    eye, none = torch.eye(D_MODEL), torch.zeros(D_MODEL, D_MODEL)
    both = torch.cat([eye, -eye])
    perfect = {"W_enc": both.T.contiguous(), "W_dec": both, "b_enc": torch.zeros(len(both))}
    empty = {"W_enc": none, "W_dec": none.clone(), "b_enc": -torch.ones(D_MODEL)}
    specs: dict[str, str] = {}
    for name, arrays in {"perfect": perfect, "empty": empty}.items():
        arrays = {**arrays, "b_dec": torch.zeros(D_MODEL)}
        specs[name] = (
            f"saelens:{tiny.write_saelens(tmp_path / name, arrays, architecture='standard')}@resid_post.0"
        )
    got = measured(params(tiny_model, tiny_text, specs), tmp_path)
    assert got["perfect"].fvu == pytest.approx(0, abs=1e-9)
    assert got["perfect"].ce_recovered == pytest.approx(1, abs=1e-5)
    assert got["perfect"].l0 == pytest.approx(D_MODEL, rel=1e-3)
    assert got["empty"].dead == 1
    assert got["empty"].fvu >= 1
    assert sum(got["empty"].density_histogram) == 0


def test_it_is_stored_and_redone_only_when_it_must(
    tiny_model: Path, tiny_text: Path, tiny_dictionary: Path, tmp_path: Path
) -> None:
    given = params(tiny_model, tiny_text, {"d": f"{tiny_dictionary}@resid_post.1"}, spliced_tokens=500)
    out = tmp_path / "atlas"
    build(given, out)
    stored = open_atlas(str(out))["d"].record.quality
    assert stored is not None
    assert 0 < stored.n_spliced < stored.n_tokens
    path = tmp_path / "atlas.work" / "quality" / "d.json"
    before = path.stat().st_mtime_ns
    quality.run(given, tmp_path / "atlas.work")
    assert path.stat().st_mtime_ns == before
    run = open_atlas(str(out)).manifest.run
    build(given.model_copy(update={"quality": QualityParams()}), out)
    assert open_atlas(str(out)).manifest.run != run
    assert open_atlas(str(out))["d"].record.quality is None


def test_what_a_folder_tells_is_taken_for_its_own_weights_only(
    tiny_model: Path, tiny_text: Path, tiny_dictionary: Path, tmp_path: Path
) -> None:
    folder = tiny.write_dictionary(tmp_path / "d")
    specs = {"d": f"{folder}@resid_post.1"}
    record = measured(params(tiny_model, tiny_text, specs), tmp_path)["d"]
    weights = file_digest(folder / "sae_weights.safetensors")
    (folder / "quality.json").write_text(json.dumps({"weights": weights, **record.model_dump()}))
    assert tiny.load(specs["d"]).quality == record
    (folder / "quality.json").write_text(json.dumps({"weights": "0" * 64, **record.model_dump()}))
    with pytest.raises(InputError, match=r"quality\.json speaks of weights 000000000000"):
        tiny.load(specs["d"])


def test_paths_in_a_file_of_parameters_are_relative_to_it(tiny_model: Path, tmp_path: Path) -> None:
    tiny.write_text(tmp_path / "held_out")
    (tmp_path / "p.yaml").write_text(f"model: {tiny_model}\ncorpus: [x]\nquality: {{corpus: [held_out]}}\n")
    assert load_params(tmp_path / "p.yaml", {}).quality.corpus == [str(tmp_path / "held_out")]


def test_text_on_which_nothing_varies_is_refused(tiny_dictionary: Path, tmp_path: Path) -> None:
    """Without a BOS, a document of two tokens has one counted position."""
    model = tiny.write_model(tmp_path / "model", bos=False)
    (tmp_path / "two.txt").write_text("the heron")
    given = params(model, tmp_path / "two.txt", {"d": f"{tiny_dictionary}@resid_post.1"})
    with pytest.raises(InputError, match=r"resid_post\.1 the same activation at every position"):
        quality.run(given, tmp_path / "work")


def test_what_the_mean_does_as_well_as_the_model_has_nothing_to_recover() -> None:
    record = QualityRecord.model_validate({**QUALITY, "ce_mean_ablated": QUALITY["ce"]})
    assert math.isnan(record.ce_recovered)
    with pytest.raises(ValidationError, match="density_histogram"):
        QualityRecord.model_validate({**QUALITY, "density_histogram": []})


def test_a_cross_layer_set_reconstructs_together(
    tiny_model: Path, tiny_text: Path, windows: list[Array], tmp_path: Path
) -> None:
    """The second layer's MLP output is made by the latents of both layers."""
    folder, random = tmp_path / "clt", np.random.default_rng(0)
    folder.mkdir()
    kinds = "model_kind: cross_layer_transcoder\nfeature_input_hook: ln2.hook_normalized\n"
    (folder / "config.yaml").write_text(f"{kinds}feature_output_hook: hook_mlp_out\n")
    W: list[dict[str, Array]] = []
    for layer in range(2):
        shapes = {
            "W_enc": (40, D_MODEL),
            "b_enc": (40,),
            "b_dec": (D_MODEL,),
            "W_dec": (40, 2 - layer, D_MODEL),
        }
        W.append({name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()})
        for side in (("W_enc", "b_enc", "b_dec"), ("W_dec",)):
            arrays = {f"{name}_{layer}": torch.from_numpy(W[layer][name]) for name in side}
            save_file(arrays, folder / f"{side[0]}_{layer}.safetensors")
    got = measured(params(tiny_model, tiny_text, {"clt": str(folder)}), tmp_path, ["clt.0", "clt.1"])

    found = [forward(tiny_model, window) for window in windows]

    def acts(f: dict[str, Array], layer: int) -> Array:
        return np.maximum(f[f"ln2_out.{layer}"][1:] @ W[layer]["W_enc"].T + W[layer]["b_enc"], 0)

    def made(f: dict[str, Array]) -> Array:
        writes = acts(f, 0) @ W[0]["W_dec"][:, 1] + acts(f, 1) @ W[1]["W_dec"][:, 0]
        return writes + W[1]["b_dec"]

    y, y_hat = np.concatenate([f["mlp_out.1"][1:] for f in found]), np.concatenate([made(f) for f in found])
    expected = ((y - y_hat) ** 2).sum() / ((y - y.mean(0)) ** 2).sum()
    assert got["clt.1"].fvu == pytest.approx(expected, rel=1e-4)
    spliced = {"mlp_out.1": lambda f: np.concatenate([f["mlp_out.1"][:1], made(f)])}
    assert got["clt.1"].ce_spliced == pytest.approx(mean_loss(tiny_model, windows, spliced), rel=1e-4)
    one = measured(
        params(tiny_model, tiny_text, {"clt": f"{folder}@ln2_out.1:mlp_out.1"}), tmp_path / "one", []
    )
    assert one == {}
    assert not (tmp_path / "one" / "quality" / "clt.json").exists(), "one layer makes no whole"
