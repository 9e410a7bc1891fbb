"""Virtual weights, read directions and what heads write, against plain numpy from the weights files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from feature_atlas import open_atlas
from feature_atlas.address import HookPoint
from feature_atlas.contract import N_VIRTUAL, N_WRITERS
from pipeline.core.dictionaries import Dictionary, neurons
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.stream import feeds, heads_feed, read_directions
from pipeline.core.virtual import Partners, chance, head_writes, virtual_weights
from tests import tiny
from tests.families import write_family
from tests.numpy_gpt2 import forward

D, D_MLP, N_HEADS = 24, 96, 3
D_HEAD = D // N_HEADS

# By reader the dictionaries that write what it reads, by hand.
LAYER_0 = ["mlp_post.0", "attn_0", "coder_0", "cross_0"]
BEFORE_1 = [*LAYER_0, "post_0", "pre_1"]
INTO_MLP_1 = [*BEFORE_1, "heads_1", "attn_1", "mid_1"]
UPSTREAM = {
    "mlp_post.0": ["attn_0"],
    "mlp_post.1": INTO_MLP_1,
    "attn_0": [],
    "coder_0": ["attn_0"],
    "cross_0": ["attn_0"],
    "post_0": LAYER_0,
    "pre_1": LAYER_0,
    "norm_1": BEFORE_1,
    "heads_1": [],
    "attn_1": ["heads_1"],
    "mid_1": [*BEFORE_1, "heads_1", "attn_1"],
    "coder_1": INTO_MLP_1,
    "of_neurons_1": [],
    "mlp_1": ["mlp_post.1", "cross_0", "coder_1", "of_neurons_1"],
    "post_1": [*INTO_MLP_1, "mlp_post.1", "coder_1", "of_neurons_1", "mlp_1"],
}
WIDTHS = {"mlp_post": D_MLP}


def made(name: str, read: str, written: str = "", n: int = 11, **settings: Any) -> Dictionary:
    """A dictionary of random directions."""
    random = torch.Generator().manual_seed(sum(map(ord, name)))
    hook_in, hook_out = HookPoint.parse(read), HookPoint.parse(written or read)
    d_in, d_out = (WIDTHS.get(point.point, D) for point in (hook_in, hook_out))
    arrays = {
        "W_enc": torch.randn(d_in, n, generator=random),
        "b_enc": torch.zeros(n),
        "W_dec": torch.randn(n, d_out, generator=random),
        "b_dec": torch.zeros(d_out),
    }
    kind = "transcoder" if written else "sae"
    return Dictionary(name, kind, "standard", hook_in, hook_out, n, name, "made up", **{**arrays, **settings})


def cross_layer() -> Dictionary:
    """Latents of layer 0 that write to both MLP outputs."""
    writes = torch.randn(11, 2, D, generator=torch.Generator().manual_seed(3))
    return made("cross_0", "ln2_out.0", "mlp_out.0", writes=writes, W_dec=writes.sum(1))


ALL = [
    neurons(0, D_MLP, ""),
    neurons(1, D_MLP, ""),
    made("attn_0", "attn_out.0"),
    made("coder_0", "ln2_out.0", "mlp_out.0"),
    cross_layer(),
    made("post_0", "resid_post.0"),
    made("pre_1", "resid_pre.1", normalization="layer_norm"),
    made("norm_1", "ln1_out.1", normalization="layer_norm"),
    made("heads_1", "attn_z.1"),
    made("attn_1", "attn_out.1", processing=("centre_writes",)),
    made("mid_1", "resid_mid.1", processing=("centre_writes",)),
    made("coder_1", "ln2_out.1", "mlp_out.1", processing=("centre_writes", "fold_norms")),
    made("of_neurons_1", "mlp_post.1"),
    made("mlp_1", "mlp_out.1"),
    made("post_1", "resid_post.1", n=40),
]
BY_NAME = {each.id: each for each in ALL}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 whose norms have gains and biases."""
    return write_family(tmp_path_factory.mktemp("gpt2"), "gpt2")


@pytest.fixture(scope="module")
def model(folder: Path) -> SubjectModel:
    """The same, loaded."""
    return SubjectModel.load(ModelFolder.resolve(str(folder)))


@pytest.fixture(scope="module")
def weights(folder: Path) -> dict[str, np.ndarray]:
    """Its weights in float64."""
    found = load_file(folder / "model.safetensors").items()
    return {name.removeprefix("transformer."): value.astype(np.float64) for name, value in found}


def read_by(dictionary: Dictionary, weights: dict[str, np.ndarray]) -> np.ndarray:
    """By latent what it reads of each coordinate of the stream: each one is sent through by itself."""
    x, layer = np.eye(D_MLP if dictionary.id == "of_neurons_1" else D), dictionary.hook_in.layer
    point = dictionary.hook_in.point
    W_enc = dictionary.W_enc
    if "centre_writes" in dictionary.processing:
        x = x - x.mean(1, keepdims=True)
    norm = {"ln1_out": "ln_1", "ln2_out": "ln_2", "mlp_post": "ln_2"}.get(point)
    if norm and dictionary.id != "of_neurons_1":
        x = x - x.mean(1, keepdims=True)
        x = x if "fold_norms" in dictionary.processing else x * weights[f"h.{layer}.{norm}.weight"]
    if dictionary.normalization == "layer_norm":
        x = x - x.mean(1, keepdims=True)
    W = weights[f"h.{layer}.mlp.c_fc.weight"] if W_enc is None else W_enc.numpy().astype(np.float64)
    return (x @ W).T


def written_by(dictionary: Dictionary, reader: Dictionary, weights: dict[str, np.ndarray]) -> np.ndarray:
    """By latent what it adds to the stream where the reader sees it."""
    point, layer = dictionary.hook_out.point, dictionary.hook_out.layer
    carried = {"mlp_post": "mlp.c_proj", "attn_z": "attn.c_proj"}.get(point)
    matrix = weights[f"h.{layer}.{carried}.weight"] if carried else np.eye(D)
    if dictionary.W_dec is None:
        return matrix
    W = dictionary.W_dec.numpy()
    if dictionary.writes is not None:
        first, second = dictionary.writes.numpy().astype(np.float64).transpose(1, 0, 2)
        W = {"mlp_1": second, "post_1": first + second}.get(reader.id, first)
    return W @ matrix


@pytest.mark.parametrize("name", UPSTREAM)
def test_weights_equal_every_product(name: str, model: SubjectModel, weights: dict[str, np.ndarray]) -> None:
    reader = BY_NAME[name]
    partners = Partners.of(reader, ALL, model.shape)
    assert {each.id for each in partners.upstream} == set(UPSTREAM[name])
    assert {each.id for each in partners.downstream} == {who for who, fed in UPSTREAM.items() if name in fed}
    found = virtual_weights(reader, partners, model)
    assert {key.partition("_")[0] for key in found} == {
        side for side in ("upstream", "downstream") if getattr(partners, side)
    }
    for side in ("upstream", "downstream"):
        units: list[Dictionary] = getattr(partners, side)
        if not units:
            continue
        pairs = [(each, reader) if side == "upstream" else (reader, each) for each in units]
        w, r = (
            [written_by(i, j, weights) for i, j in pairs],
            [read_by(j, weights) for _, j in pairs],
        )
        products = [(a @ b.T).T if side == "upstream" else a @ b.T for a, b in zip(w, r, strict=True)]
        lengths = [
            np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1) for a, b in zip(w, r, strict=True)
        ]
        cosines = [
            p / (size.T if side == "upstream" else size) for p, size in zip(products, lengths, strict=True)
        ]
        whole = np.sort(np.abs(np.concatenate(cosines, axis=1)), axis=1)[:, ::-1]
        got = {part: found[f"{side}_{part}"] for part in ("cosine", "weight", "dictionary", "index")}
        assert got["cosine"].shape == (reader.n_latents, N_VIRTUAL)
        np.testing.assert_allclose(np.abs(got["cosine"]), whole[:, :N_VIRTUAL], atol=1e-5)
        for latent in range(reader.n_latents):
            slots = [got[part][latent] for part in ("cosine", "weight", "dictionary", "index")]
            for cosine, weight, number, index in zip(*slots, strict=True):
                assert cosine == pytest.approx(cosines[number][latent, index], abs=1e-5)
                assert weight == pytest.approx(products[number][latent, index], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("written", ["attn_out.0", "mlp_out.0", "resid_post.0", "attn_out.1", "resid_mid.1"])
def test_the_order_is_that_of_the_forward_pass(written: str, folder: Path, model: SubjectModel) -> None:
    """What is written at a point is fed to those whose input it changes, but to no one at the same point."""
    tokens = np.arange(1, 7)
    plain = forward(folder, tokens)
    shift = np.random.default_rng(0).normal(size=D)
    changed = forward(folder, tokens, {written: lambda acts: acts[written] + shift})
    writer = made("writer", written)
    for point, before in plain.items():
        if point == "logits" or point.startswith("attn") or point in (written, "mlp_out.0", "mlp_out.1"):
            continue  # written to, and not the stream; those are told by hand above
        name, _, layer = point.partition(".")
        reader = neurons(int(layer), D_MLP, "") if name == "mlp_post" else made("reader", point)
        same = {written, point} == {"resid_post.0", "resid_pre.1"}
        differs = not np.allclose(before, changed[point])
        assert feeds(writer, reader, model.shape) == (differs and not same), point
        assert not (feeds(reader, writer, model.shape) and feeds(writer, reader, model.shape))


def test_a_latent_raises_another_by_its_weight(folder: Path, model: SubjectModel) -> None:
    """In the model itself, with the norm's scale undone: a neuron of layer 0, latents behind `ln1` of 1."""
    tokens, eps = np.arange(1, 7), 0.25
    writer, reader = BY_NAME["mlp_post.0"], made("reader", "ln1_out.1", n=5)
    found = virtual_weights(writer, Partners([], [reader]), model)
    assert reader.W_enc is not None
    for neuron in range(0, D_MLP, 19):

        def more(acts: dict[str, np.ndarray], neuron: int = neuron) -> np.ndarray:
            W = load_file(folder / "model.safetensors")["transformer.h.0.mlp.c_proj.weight"]
            return acts["mlp_out.0"] + eps * W[neuron]

        sums = []
        for acts in (forward(folder, tokens), forward(folder, tokens, {"mlp_out.0": more})):
            bias = load_file(folder / "model.safetensors")["transformer.h.1.ln_1.bias"]
            x = acts["resid_pre.1"]
            scale = np.sqrt(((x - x.mean(1, keepdims=True)) ** 2).mean(1, keepdims=True) + 1e-5)
            sums.append((acts["ln1_out.1"] - bias) * scale @ reader.W_enc.numpy())
        rises = (sums[1] - sums[0]) / eps
        rows = zip(found["downstream_index"][neuron], found["downstream_weight"][neuron], strict=True)
        told = {index: weight for index, weight in rows if weight}
        assert sorted(told) == list(range(5))
        for index, weight in told.items():
            np.testing.assert_allclose(rises[:, index], weight, rtol=1e-3, atol=1e-3)


def test_a_wired_latent_feeds_the_one_that_reads_it(model: SubjectModel) -> None:
    """Latent n of the one writes coordinate n; latent n of the other reads coordinate n + 2, some negated."""
    sign = torch.ones(D).index_fill(0, torch.tensor([3, 8]), -1)
    one = made("one", "resid_post.0", n=D, W_dec=torch.eye(D))
    other = made("other", "resid_post.1", n=D, W_enc=(torch.eye(D) * 2).roll(2, 0) * sign)
    forwards = virtual_weights(one, Partners.of(one, [one, other], model.shape), model)
    backwards = virtual_weights(other, Partners.of(other, [one, other], model.shape), model)
    assert [name for name in forwards if name.startswith("upstream")] == []
    assert [name for name in backwards if name.startswith("downstream")] == []
    for latent in range(D):
        fed = (latent - 2) % D
        assert forwards["downstream_index"][latent, 0] == fed
        assert forwards["downstream_cosine"][latent, 0] == sign[fed]
        assert forwards["downstream_weight"][latent, 0] == 2 * sign[fed]
        assert backwards["upstream_index"][fed, 0] == latent
        assert backwards["upstream_weight"][fed, 0] == 2 * sign[fed]
    # nothing else is written that is read: all other slots are empty
    for name, values in (forwards | backwards).items():
        assert not values[:, 1:].any(), name


def test_few_and_dead_partners_leave_slots_empty(model: SubjectModel) -> None:
    few = made("few", "resid_post.0", n=3, W_dec=torch.randn(3, D) * torch.tensor([1.0, 0, 1])[:, None])
    dead = made("dead", "resid_pre.1", n=2, W_dec=torch.zeros(2, D))
    reader = made("reader", "resid_post.1", n=4, W_enc=torch.randn(D, 4) * torch.tensor([1.0, 1, 1, 0]))
    found = virtual_weights(reader, Partners.of(reader, [dead, few], model.shape), model)
    for latent in range(3):
        there = found["upstream_cosine"][latent] != 0
        assert there.tolist() == [True, True] + [False] * (N_VIRTUAL - 2)
        assert found["upstream_dictionary"][latent, :2].tolist() == [1, 1]
        assert sorted(found["upstream_index"][latent, :2].tolist()) == [0, 2]
    assert not any(values[3].any() for values in found.values())
    assert not found["upstream_index"][:, 2:].any() and not found["upstream_weight"][:, 2:].any()


def test_dictionaries_in_another_order_tell_the_same(model: SubjectModel) -> None:
    reader = BY_NAME["post_1"]
    one, other = (Partners.of(reader, order, model.shape) for order in (ALL, ALL[::-1]))
    found = [virtual_weights(reader, each, model) for each in (one, other)]
    np.testing.assert_array_equal(found[0]["upstream_weight"], found[1]["upstream_weight"])
    names = [
        [[side.upstream[n].id for n in row] for row in each["upstream_dictionary"]]
        for side, each in zip((one, other), found, strict=True)
    ]
    assert names[0] == names[1]


def test_heads_are_ranked_by_what_they_can_write(model: SubjectModel, weights: dict[str, np.ndarray]) -> None:
    expected = {"post_0": [0], "mid_1": [0, 1], "norm_1": [0], "attn_1": [1], "mlp_post.0": [0]}
    random = np.random.default_rng(0).normal(size=(500, D))
    for name, layers in expected.items():
        reader = BY_NAME[name]
        assert [n for n in range(2) if heads_feed(n, reader, model.shape)] == layers
        found = head_writes(reader, model)
        r = read_by(reader, weights)
        r /= np.linalg.norm(r, axis=1, keepdims=True)
        # x by x, as the model computes it: normalised inputs of length 1, through one head, along r
        x = random - random.mean(1, keepdims=True)
        most = np.zeros((len(r), 2 * N_HEADS))
        for layer in layers:
            W_V = weights[f"h.{layer}.attn.c_attn.weight"][:, 2 * D :]
            W_O = weights[f"h.{layer}.attn.c_proj.weight"]
            for head in range(N_HEADS):
                part = slice(head * D_HEAD, (head + 1) * D_HEAD)
                gain = weights[f"h.{layer}.ln_1.weight"]
                pull = r @ (gain[:, None] * W_V[:, part] @ W_O[part]).T
                pull -= pull.mean(1, keepdims=True)
                each = np.concatenate([x, pull])
                each /= np.linalg.norm(each, axis=1, keepdims=True)
                most[:, layer * N_HEADS + head] = ((each * gain) @ W_V[:, part] @ W_O[part] @ r.T).max(0)
        n = min(N_WRITERS, N_HEADS * len(layers))
        np.testing.assert_allclose(found["writer_norm"], -np.sort(-most, axis=1)[:, :n], rtol=1e-4)
        np.testing.assert_array_equal(found["writer_head"], np.argsort(-most, axis=1)[:, :n])
    assert head_writes(BY_NAME["mlp_1"], model) == head_writes(BY_NAME["heads_1"], model) == {}


def test_gated_and_parallel_mlps(tmp_path: Path) -> None:
    """A gated neuron reads by its gate, no mean is taken off; in parallel blocks no head comes before it."""
    for name, read, gain, parallel in (
        ("llama", "mlp.gate_proj", "post_attention_layernorm", False),
        ("pythia", "mlp.dense_h_to_4h", "post_attention_layernorm", True),
    ):
        path = write_family(tmp_path / name, name)
        model = SubjectModel.load(ModelFolder.resolve(str(path)))
        get = load_file(path / "model.safetensors")
        (key,) = (key for key in get if key.endswith(f"layers.1.{read}.weight"))
        r = get[key] * get[key.replace(f"{read}.weight", f"{gain}.weight")]
        r = r - r.mean(1, keepdims=True) if parallel else r
        reader = neurons(1, model.shape.d_mlp, "")
        np.testing.assert_allclose(read_directions(reader, model).numpy(), r, rtol=1e-5, atol=1e-6)
        assert feeds(made("attn", "attn_out.1"), reader, model.shape) == (not parallel)
        assert feeds(made("stream", "resid_pre.1"), reader, model.shape)
        assert feeds(made("attn", "attn_out.1"), made("after", "resid_post.1"), model.shape)


@pytest.mark.parametrize(("n", "d"), [(50, 128), (5000, 64)])
def test_the_level_of_chance_is_that_of_random_directions(n: int, d: int) -> None:
    random = np.random.default_rng(0)
    units, own = random.normal(size=(n, d)), random.normal(size=(300, d))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    largest = np.abs(own @ units.T).max(axis=1)
    dictionaries = [made("a", "resid_post.0", n=n // 2), made("b", "resid_post.0", n=n - n // 2)]
    assert chance(dictionaries, d) == pytest.approx(np.median(largest), rel=0.06)


def test_the_atlas_tells_them(tiny_atlas: Path, tiny_model: Path, tiny_dictionary: Path) -> None:
    """An SAE of the last layer: read directions are its encoder's, the neurons of both layers write it."""
    get = load_file(tiny_model / "model.safetensors")
    sae = load_file(tiny_dictionary / "sae_weights.safetensors")
    r = sae["W_enc"].T / np.linalg.norm(sae["W_enc"].T, axis=1, keepdims=True)
    out = [get[f"transformer.h.{layer}.mlp.c_proj.weight"] for layer in (0, 1)]
    cosine = [r @ (W / np.linalg.norm(W, axis=1, keepdims=True)).T for W in out]
    atlas = open_atlas(str(tiny_atlas))
    opened = atlas.dictionary("tiny-sae")
    for index in range(tiny.N_LATENTS):
        shown = opened[index].to_json()
        assert shown["downstream"] == []
        assert len(shown["upstream"]) == N_VIRTUAL
        best = np.sort(np.abs(np.concatenate([each[index] for each in cosine])))[::-1][:N_VIRTUAL]
        assert [abs(row["cosine"]) for row in shown["upstream"]] == pytest.approx(best.tolist(), abs=1e-5)
        for row in shown["upstream"]:
            layer, neuron = map(int, row["address"].removeprefix("mlp_post.").split("/"))
            assert row["cosine"] == pytest.approx(cosine[layer][index, neuron], abs=1e-5)
            assert row["weight"] == pytest.approx(out[layer][neuron] @ sae["W_enc"][:, index], abs=1e-4)
        near = np.sort(np.delete(r @ r[index], index))[::-1][:10]
        assert [row["cosine"] for row in shown["encoder_neighbours"]] == pytest.approx(
            near.tolist(), abs=1e-5
        )
        assert len(shown["writers"]) == 2 * tiny.N_HEADS
        norms = [row["norm"] for row in shown["writers"]]
        assert norms == sorted(norms, reverse=True) and norms[-1] > 0
        assert {row["address"] for row in shown["writers"]} == {
            f"attn.{layer}/{head}" for layer in (0, 1) for head in range(tiny.N_HEADS)
        }
    fed = atlas.at("mlp_post.0/5").to_json()["downstream"]
    assert {row["address"].split("/")[0] for row in fed} <= {"mlp_post.1", "tiny-sae"}
    assert opened.upstream is not None and opened.upstream.dictionaries == ["mlp_post.0", "mlp_post.1"]
    assert opened.downstream is None
