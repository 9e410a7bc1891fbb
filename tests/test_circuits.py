"""Heads by their weights, and on random tokens said twice; a hand-wired model whose heads are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import GPT2Config, GPT2LMHeadModel

from feature_atlas import Atlas, open_atlas
from feature_atlas.contract import N_HEAD_TYPES
from feature_atlas.errors import InputError
from pipeline.core.embedded import embedded_root
from pipeline.core.head_cards import head_scores
from pipeline.core.head_scan import HeadScan
from pipeline.core.heads import HeadGroup, write_factor
from pipeline.core.model import SubjectModel
from pipeline.core.params import ScanParams
from pipeline.core.repeated import random_scores, said_twice
from pipeline.core.windows import Corpus, Windows
from tests.numpy_gpt2 import forward

V, N_CTX, D_HEAD = 40, 24, 52
DEMO = embedded_root() / "data" / "demo" / "lm"


def weights_of(folder: Path, atlas: Atlas) -> dict[str, Any]:
    """The model's weights in float64, and by head its W_Q, W_K, W_V and W_O."""
    raw = load_file(folder / "model.safetensors").items()
    get = {key.removeprefix("transformer."): value.astype(np.float64) for key, value in raw}
    for record in atlas.manifest.heads:
        maps = np.split(get[f"h.{record.layer}.attn.c_attn.weight"], 3, axis=1)
        out = get[f"h.{record.layer}.attn.c_proj.weight"]
        for head in range(record.n_heads):
            part = slice(head * out.shape[0] // record.n_heads, (head + 1) * out.shape[0] // record.n_heads)
            get[f"{record.id}/{head}"] = (*(matrix[:, part] for matrix in maps), out[part])
    return get


def test_ov_and_qk_equal_the_explicit_products(tiny_atlas: Path, tiny_model: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    get = weights_of(tiny_model, atlas)
    U = get["ln_f.weight"][:, None] * get["wte.weight"].T
    U -= U.mean(axis=1, keepdims=True)
    for record in atlas.manifest.heads:
        x = get["wte.weight"] - get["wte.weight"].mean(axis=1, keepdims=True)
        x /= np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
        e = x * get[f"h.{record.layer}.ln_1.weight"] + get[f"h.{record.layer}.ln_1.bias"]
        for head in range(record.n_heads):
            W_Q, W_K, W_V, W_O = get[f"{record.id}/{head}"]
            shown = atlas.at(f"{record.id}/{head}").to_json()
            effects = e @ W_V @ W_O @ U
            values = np.linalg.eigvals(effects)
            copying = values.sum().real / np.abs(values).sum()
            assert shown["scores"]["copying_score"] == pytest.approx(copying, abs=1e-4)
            assert [row["token_id"] for row in shown["ov"]] == [
                row["token_id"] for row in shown["key_tokens"]
            ]
            for row in shown["ov"]:
                check_best(row["promoted"], effects[row["token_id"]], 1)
                check_best(row["suppressed"], effects[row["token_id"]], -1)
            scores = e @ W_Q @ (e @ W_K).T / np.sqrt(W_Q.shape[1])
            assert len(shown["qk"]) == N_HEAD_TYPES
            for row in shown["qk"]:
                check_best(row["keys"], scores[row["token_id"]], 1)


def check_best(rows: list[dict[str, Any]], values: np.ndarray, sign: int) -> None:
    """The ten largest of sign * values, each token with its own."""
    want = np.sort(sign * values)[::-1][:10] * sign
    assert [row["value"] for row in rows] == pytest.approx(want.tolist(), rel=1e-4, abs=1e-4)
    assert [values[row["token_id"]] for row in rows] == pytest.approx(want.tolist(), rel=1e-4, abs=1e-4)


def test_random_scores_equal_plain_means(tiny_model: Path, tiny_atlas: Path) -> None:
    """From the whole patterns of a numpy forward."""
    windows = said_twice(400, 32, 0)
    half = (windows.shape[1] - 1) // 2
    sums: dict[str, list[float]] = {}
    for window in windows:
        assert window[0] == 0 and (window[1 : 1 + half] == window[1 + half :]).all()
        assert len(set(window[1 : 1 + half].tolist()) | {0}) == half + 1
        acts = forward(tiny_model, window)
        for layer in range(2):
            for head, p in enumerate(acts[f"attn_pattern.{layer}"]):
                for q in range(1 + half, 1 + 2 * half):
                    for name, key in (
                        ("prev_token", q - 1),
                        ("duplicate_token", q - half),
                        ("induction", q - half + 1),
                    ):
                        sums.setdefault(f"attn.{layer}/{head} random_{name}_score", []).append(p[q, key])
    atlas = open_atlas(str(tiny_atlas))
    for name, values in sums.items():
        address, score = name.split(" ")
        assert atlas.at(address).number(score) == pytest.approx(np.mean(values), rel=1e-4)


def wired() -> SubjectModel:
    """Two layers that do induction and nothing else.

    The stream has a block for the token, one for the position and one for the token before, each one-hot,
    so that every norm divides by the same number. Head 0/0 looks at the position before and writes its
    token into the third block; head 1/0 looks where that block holds its own token. The others do nothing.
    """
    config = GPT2Config(
        n_layer=2, n_head=2, n_embd=2 * D_HEAD, n_positions=N_CTX, vocab_size=V, bos_token_id=0
    )
    assert config.n_embd == V + N_CTX + V
    model = GPT2LMHeadModel(config)
    token, position, before = slice(0, V), slice(V, V + N_CTX), slice(V + N_CTX, 2 * V + N_CTX)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ln_" not in name:
                parameter.zero_()
        network = model.transformer
        network.wte.weight[:, token] = torch.eye(V)
        network.wpe.weight[:, position] = torch.eye(N_CTX)
        query, key, value = (slice(i * 2 * D_HEAD, i * 2 * D_HEAD + D_HEAD) for i in range(3))
        first, second = (block.attn for block in network.h)
        first.c_attn.weight[position, query][:, :N_CTX] = 10 * torch.eye(N_CTX).roll(-1, 1)
        first.c_attn.weight[position, key][:, :N_CTX] = torch.eye(N_CTX)
        first.c_attn.weight[token, value][:, :V] = torch.eye(V)
        first.c_proj.weight[:V, before] = torch.eye(V)
        second.c_attn.weight[token, query][:, :V] = 10 * torch.eye(V)
        second.c_attn.weight[before, key][:, :V] = torch.eye(V)
    return SubjectModel(model)


def test_the_wired_heads_are_found() -> None:
    scores = random_scores(wired(), 0)
    known = {(0, 0): "random_prev_token_score", (1, 0): "random_induction_score"}
    for layer, each in enumerate(scores):
        for name, values in each.items():
            for head, value in enumerate(values):
                if known.get((layer, head)) == name:
                    assert value > 0.99
                else:
                    assert value < 0.2, (layer, head, name)


def test_the_scan_finds_the_wired_heads_too() -> None:
    """On a corpus of random documents each said twice, but for its last token, which stands alone."""
    model, random = wired(), np.random.default_rng(1)
    half = (N_CTX - 2) // 2
    said = [random.choice(np.arange(1, V), half + 1, replace=False) for _ in range(20)]
    documents = [np.concatenate([each[:half], each[:half], each[half:]]) for each in said]
    starts = np.cumsum([0, *map(len, documents)])
    ids = [str(i) for i in range(len(documents))]
    windows = Windows(Corpus(np.concatenate(documents), starts, ids, ids, ["made"], 0), N_CTX, 0)
    for layer, score in enumerate(("prev_token_score", "induction_score")):
        group = HeadGroup(layer, 2, False)
        factor = write_factor(model.head_weights(layer).W_O)
        scan = HeadScan(group, factor, N_CTX, ScanParams(), windows.type_counts(V))
        for batch in windows.batches(8):
            acts = model.activations(torch.from_numpy(batch.windows), [group.pattern, group.values])
            for head in range(2):
                scan.add(head, (batch,), [acts[group.pattern].numpy()], [acts[group.values]])
        found = head_scores(scan.result(), windows)
        assert found[score][0] > 0.99 and found[score][1] < 0.2
        assert (found["induction_queries"] == 20 * half).all()


def test_the_demo_has_the_induction_heads_of_its_card() -> None:
    from pipeline.core.model_folder import ModelFolder

    scores = random_scores(SubjectModel.load(ModelFolder.resolve(str(DEMO))), 0)
    induction = np.stack([each["random_induction_score"] for each in scores])
    assert sorted(zip(*np.nonzero(induction > 0.2), strict=True)) == [(3, 0), (3, 2)]
    before = np.stack([each["random_prev_token_score"] for each in scores])
    assert before[:3].max() > 0.35 and before[3].max() < 0.1


def test_a_model_that_reads_three_tokens_is_refused() -> None:
    with pytest.raises(InputError, match="at most 3 tokens.*heads: false"):
        said_twice(400, 3, None)
    assert said_twice(400, 4, None).shape[1] == 4
