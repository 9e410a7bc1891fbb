"""A few windows read, and some examples in them run again without a latent: what either takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from feature_atlas.address import HookPoint
from pipeline import effects
from pipeline.core.ablation import Ablation, Places
from pipeline.core.clean import READ, Clean, read_clean
from pipeline.core.fits import Amount, Line, seconds_of
from pipeline.core.model import SubjectModel
from pipeline.core.outlook import Outlook
from pipeline.core.planned import stand_in
from pipeline.core.rest import Rest
from pipeline.core.windows import Windows

TOKENS = 4_096  # of the windows
LEAST, MOST = 32, 256  # examples that are timed; that are taken to be of one dictionary in a chunk of windows


@dataclass(frozen=True)
class EffectRates:
    """Seconds to read a window, and of an example by the layers after the place where its latent writes."""

    window: Amount
    example: Line


def effect_rates(outlook: Outlook) -> EffectRates | None:
    """Behind the last layer of the model at hand, and behind its first; None if nothing is to be ablated."""
    asked = effects.asked(outlook.params, [each.whole for each in outlook.planned])
    if not asked:
        return None
    n, size = outlook.model.n_layers, max(each.n_latents for each in asked)
    read, last = _timed(outlook, n - 1, size)
    if n == 1:
        return EffectRates(read, Line(last, 0.0))
    _, first = _timed(outlook, 0, size)
    return EffectRates(read, Line.through((0, last), (n - 1, first)))


def _timed(outlook: Outlook, layer: int, size: int) -> tuple[float, float]:
    """Seconds of a window and of an example, of as many as a chunk of windows has of a dictionary of that
    size: together are run those whose peaks are near each other. What comes first compiles."""
    n_chunks = max(1, outlook.text.n_windows / effects.CHUNK)
    n = int(np.clip(size * outlook.params.effects.examples / n_chunks, 1, MOST))
    windows = outlook.sample(max(READ, TOKENS // outlook.params.ctx))
    first, *draws = (_places(n, windows.lengths, number) for number in range(1 + -(-LEAST // n)))
    ablation = _ablation(outlook.model, HookPoint("resid_post", layer), windows, n, size)
    _, clean = _read(outlook.model, ablation.points, windows)
    reading, clean = _read(outlook.model, ablation.points, windows)
    for some in first:
        ablation.measure(clean, some)
    spent = seconds_of(lambda: [ablation.measure(clean, some) for draw in draws for some in draw])
    return reading / len(windows), spent / (n * len(draws))


def _ablation(model: SubjectModel, point: HookPoint, windows: Windows, n: int, size: int) -> Ablation:
    """Of `n` random latents that fire on these windows as those of a dictionary of that size do."""
    _, clean = _read(model, {point}, windows)
    x = clean.acts[point][clean.counted]
    return Ablation(stand_in(model.shape.d_model, n, point, x, size), model, Rest(model))


def _read(model: SubjectModel, points: set[HookPoint], windows: Windows) -> tuple[float, Clean]:
    """Seconds, and what was read."""
    with model.catching(points) as read:
        started = time.perf_counter()
        clean = read_clean(read, windows, np.arange(len(windows)))
        return time.perf_counter() - started, clean


def _places(n: int, lengths: np.ndarray, seed: int) -> list[Places]:
    """`n` random examples, as many at once as the stage has."""
    random = np.random.default_rng(seed)
    window = random.integers(0, len(lengths), n)
    peak = (random.random(n) * (lengths[window] - 1)).astype(np.int64) + 1
    order, latent = np.argsort(peak, kind="stable"), np.arange(n)
    parts = (order[at : at + effects.EXAMPLES] for at in range(0, n, effects.EXAMPLES))
    return [Places(*(torch.from_numpy(each[part]) for each in (window, latent, peak))) for part in parts]
