"""What a head does by its weights alone: OV (what it writes), QK (what it looks for), copying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from feature_atlas.contract import N_EFFECTS
from pipeline.core.logits import largest, logit_effects
from pipeline.core.model import SubjectModel


@dataclass(frozen=True)
class HeadTokens:
    """Token types of the heads of a layer, those attended from and to; -1 marks an empty slot."""

    query: Int64[np.ndarray, "head rank"]
    key: Int64[np.ndarray, "head rank"]


@torch.inference_mode()
def describe_heads(model: SubjectModel, layer: int, tokens: HeadTokens) -> dict[str, np.ndarray]:
    """`ov_promoted_*`, `ov_suppressed_*` and `qk_*` [head, rank, effect], and `copying_score` [head]."""
    read, weights, unembedding = embedded(model, layer), model.head_weights(layer), model.unembedding
    centred = unembedding - unembedding.mean(dim=1, keepdim=True)
    through = centred @ read
    found: dict[str, list[Tensor]] = {}
    for head, (W_Q, W_K, W_V, W_O) in enumerate(
        zip(weights.W_Q, weights.W_K, weights.W_V, weights.W_O, strict=True)
    ):
        keys, queries = (torch.from_numpy(each[head]).to(model.device) for each in (tokens.key, tokens.query))
        effects = logit_effects(read[keys.clamp(min=0)] @ W_V @ W_O, unembedding, N_EFFECTS)
        told = {f"ov_{name}": values for name, values in effects.items()}
        scores = content_scores(read, queries.clamp(min=0), W_Q, W_K)
        told["qk_value"], told["qk_token"] = largest(scores, N_EFFECTS)
        for name, values in told.items():
            there = (queries if name.startswith("qk") else keys) >= 0
            found.setdefault(name, []).append(values.where(there[:, None], 0))
        found.setdefault("copying_score", []).append(copying_score(W_O @ through @ W_V))
    return {name: torch.stack(parts).cpu().numpy() for name, parts in found.items()}


def embedded(model: SubjectModel, layer: int) -> Float[Tensor, "d_vocab d_model"]:
    """e: what `ln1` of the layer makes of each token type's embedding by itself, no position in it."""
    ln1, _ = model.norms(layer)
    e = ln1.normalised(model.embedding) * ln1.gain
    return e if ln1.bias is None else e + ln1.bias


def content_scores(
    read: Float[Tensor, "d_vocab d_model"],
    queries: Int64[Tensor, " rank"],
    W_Q: Float[Tensor, "d_model d_head"],
    W_K: Float[Tensor, "d_model d_head"],
) -> Float[Tensor, "rank d_vocab"]:
    """e(q) W_Q . e(k) W_K / sqrt(d_head) of each query type with every key type; no biases, no positions."""
    return (read[queries] @ W_Q) @ (read @ W_K).T / W_Q.shape[1] ** 0.5


def copying_score(inner: Float[Tensor, "d_head d_head"]) -> Float[Tensor, ""]:
    """sum(lambda) / sum|lambda| over the eigenvalues of the types' logit effects on types; 0 if all are 0.

    That matrix, e W_V W_O U with the vocabulary mean removed, is d_vocab x d_vocab; its eigenvalues other
    than 0 are those of `inner` = W_O U e W_V.
    """
    values = torch.linalg.eigvals(inner.double())
    size = values.abs().sum()
    return torch.where(size > 0, values.real.sum() / size.clamp(min=1e-300), 0).float()
