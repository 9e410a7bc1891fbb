"""Every family and its variants: hook points against numpy and Hugging Face's own forward, and identities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from feature_atlas import open_atlas
from feature_atlas.address import POINTS, HookPoint
from feature_atlas.errors import AddressError, InputError
from feature_atlas.verify import verify
from pipeline.build import build
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams
from pipeline.core.subject import load_dictionaries
from tests import numpy_gpt2, numpy_rotary, tiny
from tests.families import VARIANTS, write_family, write_marked_tokenizer
from viewer_builder.build import build_site

WINDOWS = np.random.default_rng(0).integers(0, tiny.D_VOCAB, (2, 20))
NUMPY = ("gpt2", "pythia", "neox-sequential", "llama", "llama-biases")
PARALLEL = ("pythia",)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model of each variant."""
    return {name: write_family(tmp_path_factory.mktemp(name), name) for name in VARIANTS}


def load(folder: Path) -> SubjectModel:
    return SubjectModel.load(ModelFolder.resolve(str(folder)))


def activations(model: SubjectModel, names: tuple[str, ...] = tuple(POINTS)) -> dict[str, torch.Tensor]:
    """At all hook points that the model has."""
    lacking = {"resid_mid"} if model.shape.parallel else set()
    points = [
        HookPoint(name, layer) for name in names if name not in lacking for layer in range(model.n_layers)
    ]
    found = model.activations(torch.from_numpy(WINDOWS), points)
    return {str(point): value for point, value in found.items()}


def close(got: torch.Tensor, want: Any) -> None:
    want = torch.as_tensor(want).float()
    error = ((got - want).abs().max() / want.abs().max()).item()
    assert got.shape == want.shape and error < 1e-5, f"relative error {error:.1e}"


@pytest.mark.parametrize("name", NUMPY)
def test_hook_points_equal_numpy(name: str, folders: dict[str, Path]) -> None:
    forward = numpy_gpt2.forward if name.startswith("gpt2") else numpy_rotary.forward
    model = load(folders[name])
    got = activations(model)
    for number, window in enumerate(WINDOWS):
        want = forward(folders[name], window)
        assert got.keys() == want.keys() - {"logits"}
        for point, value in got.items():
            close(value[number], want[point])
        logits = model.network(torch.from_numpy(window)[None]).logits[0]
        close(logits.detach(), want["logits"])


@pytest.mark.parametrize("name", VARIANTS)
def test_streams_and_patterns_equal_hugging_faces(name: str, folders: dict[str, Path]) -> None:
    got = activations(load(folders[name]))
    plain = transformers.AutoModelForCausalLM.from_pretrained(folders[name], attn_implementation="eager")
    with torch.inference_mode():
        told = plain.eval()(torch.from_numpy(WINDOWS), output_hidden_states=True, output_attentions=True)
    for layer in range(2):
        close(got[f"resid_pre.{layer}"], told.hidden_states[layer])
        close(got[f"attn_pattern.{layer}"], told.attentions[layer])
    close(got["resid_post.0"], told.hidden_states[1])


@pytest.mark.parametrize("name", VARIANTS)
def test_parts_add_up(name: str, folders: dict[str, Path]) -> None:
    model = load(folders[name])
    acts = activations(model)
    for layer in range(model.n_layers):
        at = {point: acts.get(f"{point}.{layer}", torch.empty(0)) for point in POINTS}
        heads, (ln1, ln2) = model.head_weights(layer), model.norms(layer)
        block = model.blocks[layer]
        b_O, b_out = (
            getattr(block.get_submodule(path), "bias", None)
            for path in (model.family.attn_write, model.family.mlp_write)
        )
        before_mlp = at["resid_pre"] if model.shape.parallel else at["resid_mid"]
        for got, norm, x in ((at["ln1_out"], ln1, at["resid_pre"]), (at["ln2_out"], ln2, before_mlp)):
            close(got, norm.normalised(x) * norm.gain + (0 if norm.bias is None else norm.bias))
        v = torch.einsum("wpd,hdk->whpk", at["ln1_out"], heads.W_V)
        close(at["attn_v"], v if heads.b_V is None else v + heads.b_V[:, None])
        z = at["attn_pattern"] @ at["attn_v"]
        close(at["attn_z"], z.transpose(1, 2).flatten(2))
        close(at["attn_out"], (z @ heads.W_O).sum(1) + (0 if b_O is None else b_O.detach()))
        for point, out, bias in (("attn_z", "attn_out", b_O), ("mlp_post", "mlp_out", b_out)):
            write = model.write_matrix(HookPoint(point, layer))
            assert write is not None and write.shape == (model.width(HookPoint(point, layer)), 24)
            close(at[out], at[point] @ write + (0 if bias is None else bias.detach()))
        if not model.shape.parallel:
            close(at["resid_mid"], at["resid_pre"] + at["attn_out"])
        close(at["resid_post"], at["resid_pre"] + at["attn_out"] + at["mlp_out"])


@pytest.mark.parametrize("name", VARIANTS)
def test_queries_and_keys_come_from_their_weights(name: str, folders: dict[str, Path]) -> None:
    """Position 0 is not rotated, and biases cancel between two windows."""
    model, seen = load(folders[name]), list[Any]()
    hook = (
        model.blocks[1]
        .get_submodule(f"{model.family.attn}.tap")
        .register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    )
    x = activations(model, ("ln1_out",))["ln1_out.1"][:, 0]
    hook.remove()
    heads = model.head_weights(1)
    for given, weights in ((seen[0].query, heads.W_Q), (seen[0].key, heads.W_K)):
        told = given[:, :, 0].repeat_interleave(model.shape.n_heads // given.shape[1], 1)
        close(told[0] - told[1], torch.einsum("d,hdk->hk", x[0] - x[1], weights))


@pytest.mark.parametrize("name", VARIANTS)
def test_unembedding_gives_the_logits(name: str, folders: dict[str, Path]) -> None:
    model = load(folders[name])
    final = model.network.get_submodule(model.family.final_norm)
    x = activations(model, ("resid_post",))["resid_post.1"]
    centred = x if model.family.rms else x - x.mean(-1, keepdim=True)
    eps = final.variance_epsilon if model.family.rms else final.eps
    scaled = centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
    with torch.inference_mode():
        logits = model.network(torch.from_numpy(WINDOWS)).logits
        offset = 0 if model.family.rms else final.bias @ model.network.lm_head.weight.T
        close(scaled @ model.unembedding + offset, logits)


@pytest.mark.parametrize("name", VARIANTS)
def test_embeddings_are_what_enters(name: str, folders: dict[str, Path]) -> None:
    model = load(folders[name])
    entered = activations(model, ("resid_pre",))["resid_pre.0"]
    positions = model.network.transformer.wpe.weight[:20].detach() if name.startswith("gpt2") else 0
    close(entered, model.embedding[torch.from_numpy(WINDOWS)] + positions)


@pytest.mark.parametrize("name", VARIANTS)
def test_attention_is_torchs_bit_for_bit(name: str, folders: dict[str, Path]) -> None:
    model = load(folders[name])
    names = ("resid_post", "attn_out")
    alone, beside = activations(model, names), activations(model, (*names, "attn_pattern", "attn_v"))
    model.network.set_attn_implementation("sdpa")
    plain = activations(model, names)
    assert all(torch.equal(alone[key], plain[key]) and torch.equal(beside[key], plain[key]) for key in plain)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_cut_model_gives_the_same(name: str, folders: dict[str, Path]) -> None:
    model, point = load(folders[name]), HookPoint("mlp_post", 0)
    want = model.activations(torch.from_numpy(WINDOWS), [point])[point]
    model.cut_after([point])
    assert len(model.blocks) == 1
    assert torch.equal(model.activations(torch.from_numpy(WINDOWS), [point])[point], want)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_replaced_goes_on(name: str, folders: dict[str, Path]) -> None:
    """Without what attention and MLP of the last block add, its input leaves it."""
    model = load(folders[name])
    read = HookPoint("resid_pre", 1)
    written = [HookPoint("attn_z", 1), HookPoint("mlp_out", 1)]
    before = activations(model)
    with (
        model.replacing([read], written[0], lambda _, y: torch.zeros_like(y)),
        model.replacing([read], written[1], lambda _, y: torch.zeros_like(y)),
    ):
        after = activations(model, ("resid_post", "attn_out"))
    close(after["resid_post.1"], before["resid_pre.1"] + after["attn_out.1"])
    assert not torch.equal(after["attn_out.1"], before["attn_out.1"])


def test_there_is_no_stream_between_what_runs_in_parallel(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(AddressError, match=r"resid_mid\.1.*parallel"):
        load(folders["pythia"]).activations(torch.from_numpy(WINDOWS), [HookPoint("resid_mid", 1)])
    params = Params(
        model=str(folders["pythia"]),
        corpus=["x"],
        dictionaries={"d": f"{tiny.write_dictionary(tmp_path)}@resid_mid.0"},
    )
    with pytest.raises(InputError, match=r"'d': resid_mid\.0.*parallel"):
        load_dictionaries(params, ModelFolder.resolve(params.model))


def test_sizes_are_those_of_the_weights(folders: dict[str, Path]) -> None:
    record = ModelFolder.resolve(str(folders["llama"])).record
    assert (record.architecture, record.n_layers, record.n_heads) == ("LlamaForCausalLM", 2, 6)
    assert (record.d_model, record.d_mlp, record.d_vocab, record.n_ctx) == (24, 40, tiny.D_VOCAB, tiny.CTX)
    for name, folder in folders.items():
        network = load(folder).network
        assert ModelFolder.resolve(str(folder)).record.n_parameters == network.num_parameters(), name


def test_a_size_that_is_none_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    config = json.loads((folders["llama"] / "config.json").read_text())
    for wrong, words in (
        ({"intermediate_size": None}, "intermediate_size is None"),
        ({"num_key_value_heads": 4}, "4 key and value heads do not divide 6"),
        ({"hidden_size": "24"}, "hidden_size is '24'"),
        ({"model_type": ["llama"]}, "supported: GPT2LMHeadModel, GPTNeoXForCausalLM, LlamaForCausalLM"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, **wrong}))
        with pytest.raises(InputError, match=words):
            _ = ModelFolder.resolve(str(tmp_path)).shape


# What files published before transformers 5 have otherwise: names of weights, tensors that are no
# parameters, keys of the configuration that are not there, and some that are.
PUBLISHED: dict[str, tuple[tuple[str, str], tuple[str, ...], tuple[str, ...], dict[str, Any]]] = {
    "gpt2": (("transformer.", ""), ("h.0.attn.bias",), (), {"n_ctx": tiny.CTX}),
    "pythia": (
        ("lm_head.", "embed_out."),
        ("gpt_neox.layers.0.attention.bias", "gpt_neox.layers.0.attention.rotary_emb.inv_freq"),
        ("rope_parameters",),
        {"rotary_pct": 0.5, "rotary_emb_base": 10000},
    ),
    "llama-biases": (
        ("", ""),
        ("model.layers.0.self_attn.rotary_emb.inv_freq",),
        ("rope_parameters", "head_dim", "num_key_value_heads"),
        {"rope_theta": 10000.0, "rope_scaling": None},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_files_as_they_were_published(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    (ours, theirs), masks, dropped, added = PUBLISHED[name]
    folder = write_family(tmp_path, name)
    weights = {k.replace(ours, theirs): v for k, v in load_file(folder / "model.safetensors").items()}
    save_file(
        {**weights, **{mask: torch.ones(1, 1, 4, 4) for mask in masks}},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    config = json.loads((folder / "config.json").read_text())
    config = {key: value for key, value in config.items() if key not in dropped} | added
    (folder / "config.json").write_text(json.dumps(config))
    old, new = (ModelFolder.resolve(str(each)) for each in (folder, folders[name]))
    assert old.shape == new.shape and old.record.n_parameters == new.record.n_parameters
    got, want = activations(load(folder)), activations(load(folders[name]))
    assert all(torch.equal(got[point], want[point]) for point in want)


def test_no_weight_is_made_up(tmp_path: Path) -> None:
    folder = write_family(tmp_path, "llama")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"], weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"no lm_head\.weight \(2 parameters lacking\)"):
        load(folder)


def test_weights_in_several_files(folders: dict[str, Path], tmp_path: Path) -> None:
    model = transformers.LlamaForCausalLM.from_pretrained(folders["llama"])
    model.save_pretrained(tmp_path, max_shard_size="30KB")
    folder = ModelFolder.resolve(str(tmp_path))
    assert len(folder.weight_files) > 1
    (tmp_path / "consolidated.safetensors").write_bytes(b"the same in another layout, not read")
    assert folder.record.n_parameters == ModelFolder.resolve(str(folders["llama"])).record.n_parameters
    got, want = activations(load(tmp_path)), activations(load(folders["llama"]))
    assert all(torch.equal(got[point], want[point]) for point in want)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ("[]", "maps no parameters"),
        ("{", "maps no parameters"),
        ('{"weight_map": {"x": "../model.safetensors"}}', "names '../model.safetensors'"),
        ('{"weight_map": {"x": "none.safetensors"}}', "names 'none.safetensors'"),
        ('{"weight_map": {"x": 3}}', "names 3"),
        ('{"weight_map": {"x": [3]}}', "maps no parameters"),
    ],
)
def test_a_bad_index_of_weights(index: str, words: str, folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "model.safetensors").write_bytes((folders["llama"] / "model.safetensors").read_bytes())
    (tmp_path / "m" / "config.json").write_bytes((folders["llama"] / "config.json").read_bytes())
    (tmp_path / "m" / "model.safetensors.index.json").write_text(index)
    with pytest.raises(InputError, match=words):
        _ = ModelFolder.resolve(str(tmp_path / "m")).weight_files


@pytest.mark.parametrize("name", ["pythia", "llama"])
def test_half_precision_weights_are_read_as_they_are(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    network = load(folders[name]).network
    network.bfloat16().save_pretrained(tmp_path / "half")
    network.float().save_pretrained(tmp_path / "rounded")
    assert load_file(tmp_path / "half" / "model.safetensors").popitem()[1].dtype == torch.bfloat16
    half, rounded = (activations(load(tmp_path / each)) for each in ("half", "rounded"))
    assert all(torch.equal(half[point], rounded[point]) for point in rounded)


@pytest.mark.parametrize("name", ["pythia", "llama"])
def test_an_atlas_of_it(name: str, tiny_text: Path, tmp_path: Path) -> None:
    folder = write_family(tmp_path / "model", name)
    if name == "llama":
        write_marked_tokenizer(folder)
    params = Params(
        model=str(folder),
        corpus=[str(tiny_text)],
        dictionaries={"d": f"saelens:{tiny.write_dictionary(tmp_path / 'sae', d_in=40)}@mlp_post.1"},
        ctx=tiny.CTX,
        scan=ScanParams(n_top=4, batch=4, cofiring_tokens=200),
    )
    build(params, tmp_path / "atlas")
    atlas = open_atlas(str(tmp_path / "atlas"))
    assert not list(verify(atlas))
    assert [each.id for each in atlas.manifest.dictionaries] == ["mlp_post.0", "mlp_post.1", "d"]
    assert atlas.manifest.windowing.bos_token_id == (0 if name == "llama" else None)
    for example in atlas.at("mlp_post.1/7").examples("top"):
        assert "".join(example.tokens).strip() in (tiny_text / example.document_id).read_text()
    build_site(str(tmp_path / "atlas"), tmp_path / "site", link=None)
    assert atlas.manifest.model.architecture in (tmp_path / "site" / "index.html").read_text()


def test_marked_pieces_are_told_as_text(tmp_path: Path) -> None:
    folder = write_family(tmp_path, "llama")
    write_marked_tokenizer(folder)
    tokenizer = ModelFolder.resolve(str(folder)).tokenizer()
    texts, kinds = tokenizer.vocabulary(tiny.D_VOCAB)
    (ids,) = tokenizer.encode(["the heron é\n"])
    assert "".join(texts[i] for i in ids if not kinds[i]) == " the heron \n"
    assert [texts[i] for i in ids if kinds[i] == 1] == ["c3", "a9"]
    assert [kinds[i] for i in range(2)] == [2, 2]
