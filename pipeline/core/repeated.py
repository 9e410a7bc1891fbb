"""What heads do on random tokens said twice, where nothing but the repetition is to be seen."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.model import SubjectModel

SEED, WINDOWS, BATCH, HALF = 0, 32, 8, 64  # the same for every atlas, so that scores compare


def random_scores(model: SubjectModel, bos: int | None) -> list[dict[str, np.ndarray]]:
    """By layer the `random_*_score` of each head: means over the second half of all windows.

    From the token at i of the second half: attention to the token before it, to its earlier self at i of
    the first half, and to the token after that.
    """
    windows = said_twice(model.shape.d_vocab, model.shape.n_ctx, bos)
    half = (windows.shape[1] - (bos is not None)) // 2
    points = [HookPoint("attn_pattern", layer) for layer in range(model.n_layers)]
    query = torch.arange(windows.shape[1] - half, windows.shape[1], device=model.device)
    keys = {"prev_token": query - 1, "duplicate_token": query - half, "induction": query - half + 1}
    sums = np.zeros((len(points), len(keys), model.shape.n_heads))
    with model.catching(points) as read:
        for start in range(0, WINDOWS, BATCH):
            patterns = read(torch.from_numpy(windows[start : start + BATCH]))
            for layer, point in enumerate(points):
                for row, key in enumerate(keys.values()):
                    attention = patterns[point][:, :, query, key].double()
                    sums[layer, row] += attention.sum(dim=(0, 2)).cpu().numpy()
    means = (sums / (WINDOWS * half)).astype(np.float32)
    return [{f"random_{name}_score": row for name, row in zip(keys, layer, strict=True)} for layer in means]


def said_twice(d_vocab: int, n_ctx: int, bos: int | None) -> Int64[np.ndarray, "window pos"]:
    """WINDOWS windows: the BOS if there is one, up to HALF random token types, no two the same, and again.

    Raises InputError if a window holds less than four tokens.
    """
    lead = [] if bos is None else [bos]
    half = min(HALF, (n_ctx - len(lead)) // 2, d_vocab - len(lead))
    if half < 2:
        raise InputError(
            f"the model reads at most {n_ctx} tokens, too few to describe heads: set heads: false"
        )
    random, types = np.random.default_rng(SEED), np.delete(np.arange(d_vocab), lead)
    drawn = [random.choice(types, half, replace=False) for _ in range(WINDOWS)]
    return np.array([[*lead, *row, *row] for row in drawn], np.int64)
