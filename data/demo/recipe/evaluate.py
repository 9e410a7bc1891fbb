"""Held-out losses of the language model and the quality of the SAEs, of the files as shipped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from tokens import Tokens
from torch import Tensor

from feature_atlas.address import HookPoint
from pipeline.core.dictionaries import Dictionary, load_dictionary
from pipeline.core.model import SubjectModel
from pipeline.core.progress import say, step

BATCH = 32
Replacement = Callable[[Float[Tensor, "token d_model"]], Float[Tensor, "token d_model"]]


def evaluate(subject: SubjectModel, out: Path, held: Tokens, recipe: dict[str, Any]) -> dict[str, Any]:
    """Everything that the model card states as measured; reads the SAEs that lie in `out`."""
    parts, sources = held.by_source(), {}
    for source, part in parts.items():
        sources[source] = _source_loss(subject, part)
        say(f"{source}: {sources[source]['nats']:.3f} nats/token")
    sample = _sample(parts, recipe["evaluation"]["windows_per_source"], recipe["seed"])
    saes = [_sae(subject, sae, held.windows, sample) for sae in _shipped(subject, out)]
    return {"sources": sources, "saes": saes, "base_ce": cross_entropy(subject, sample)}


@torch.inference_mode()
def cross_entropy(subject: SubjectModel, table: np.ndarray) -> float:
    """Mean nats per token: -mean log p(token | BOS and the tokens before it in its window)."""
    total, count = 0.0, 0
    for rows in _batches(table):
        logits = subject.network(rows.clamp(min=0), use_cache=False).logits[:, :-1]
        targets = rows[:, 1:].flatten()
        total += torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets, ignore_index=-1, reduction="sum"
        ).item()
        count += int((targets >= 0).sum())
    return total / count


@contextmanager
def spliced(subject: SubjectModel, layer: int, replace: Replacement) -> Iterator[None]:
    """`resid_post` of a layer replaced at every position but BOS, which no SAE was trained on."""

    def hook(_: Any, __: Any, output: Any) -> Any:
        x = output[0] if isinstance(output, tuple) else output
        new = x.clone()
        new[:, 1:] = replace(x[:, 1:].flatten(0, 1)).view_as(x[:, 1:])
        return (new, *output[1:]) if isinstance(output, tuple) else new

    handle = subject.network.transformer.h[layer].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _source_loss(subject: SubjectModel, part: Tokens) -> dict[str, float]:
    """nats/token, and bits/byte = nats/token * tokens / (ln 2 * bytes)."""
    nats, n_bytes = cross_entropy(subject, part.windows), int(part.n_bytes.sum())
    return {
        "documents": len(part.source),
        "tokens": part.n_tokens,
        "bytes": n_bytes,
        "nats": nats,
        "bits_per_byte": nats * part.n_tokens / (math.log(2) * n_bytes),
    }


def _sample(parts: dict[str, Tokens], per_source: int, seed: int) -> np.ndarray:
    """Equally many windows of each source, as far as it has them: books must not decide alone."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(p.windows)[:per_source] for p in parts.values()])


def _shipped(subject: SubjectModel, out: Path) -> list[Dictionary]:
    """The SAEs in the folder that the atlas will read, by the reader that it will use."""
    points = [HookPoint("resid_post", layer) for layer in range(subject.n_layers)]
    folder = out / "dictionaries"
    return [
        load_dictionary(f"{point}.sae", f"{folder}/{point}.sae@{point}", subject.width(point))
        for point in points
    ]


def _sae(
    subject: SubjectModel, sae: Dictionary, everything: np.ndarray, sample: np.ndarray
) -> dict[str, Any]:
    """FVU, L0 and dead share over all held-out text; spliced cross-entropies over the sample."""
    result, mean = _fit(subject, sae, everything)
    with spliced(subject, sae.hook_in.layer, lambda x: sae.decode(sae.encode(x))):
        result["ce"] = cross_entropy(subject, sample)
    with spliced(subject, sae.hook_in.layer, lambda x: mean.expand_as(x)):
        result["ce_mean_ablated"] = cross_entropy(subject, sample)
    say(f"{sae.id}: FVU {result['fvu']:.3f}, dead {result['dead']:.3f}, CE {result['ce']:.3f}")
    return result


def _fit(
    subject: SubjectModel, sae: Dictionary, table: np.ndarray
) -> tuple[dict[str, Any], Float[Tensor, " d_model"]]:
    """FVU = sum |x - x_hat|^2 / sum |x - mean|^2; L0 = latents above 0 a position; and the mean."""
    error, squares, n, active = 0.0, 0.0, 0, 0
    total = torch.zeros(subject.width(sae.hook_in), dtype=torch.float64)
    fired = torch.zeros(sae.n_latents, dtype=torch.int64)
    with step(sae.id, len(table), "windows") as progress:
        for rows in _batches(table):
            there = rows >= 0
            there[:, 0] = False
            x = subject.activations(rows.clamp(min=0), [sae.hook_in])[sae.hook_in][there]
            acts = sae.encode(x)
            error += (x - sae.decode(acts)).double().pow(2).sum().item()
            squares += x.double().pow(2).sum().item()
            total += x.double().sum(0)
            fired += (acts > 0).sum(0)
            active, n = active + int((acts > 0).sum()), n + len(x)
            progress.advance(len(rows))
    variance = squares - (total.pow(2).sum() / n).item()
    measured = {
        "id": sae.id,
        "fvu": error / variance,
        "l0": active / n,
        "dead": (fired == 0).double().mean().item(),
        "positions": n,
    }
    return measured, (total / n).float()


def _batches(table: np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(table), BATCH):
        yield torch.from_numpy(table[start : start + BATCH].astype(np.int64))
