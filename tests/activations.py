"""A dictionary's whole activation matrix: what brute force starts from."""

from __future__ import annotations

import numpy as np
import torch

from feature_atlas.manifest import Windowing
from pipeline.core.dictionaries import Dictionary
from pipeline.core.model import SubjectModel


def activation_matrix(
    model: SubjectModel, dictionary: Dictionary, windows: list[np.ndarray], windowing: Windowing, batch: int
) -> np.ndarray:
    """Activations [counted position, latent]; windows padded and batched as the model read them."""
    point = dictionary.hook_in
    parts = []
    for start in range(0, len(windows), batch):
        read = windows[start : start + batch]
        padded = np.zeros((len(read), windowing.ctx), np.int64)
        for row, window in zip(padded, read, strict=True):
            row[: len(window)] = window
        got = model.activations(torch.from_numpy(padded), [point])[point]
        x = torch.cat([got[i, 1 : len(window)] for i, window in enumerate(read)])
        parts.append(dictionary.encode(x).numpy())
    return np.concatenate(parts)
