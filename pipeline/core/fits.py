"""From a short run to a long one: lines through two measurements, and how many latents will have fired."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

Amount = float | int
Measured = tuple[Amount, Amount]  # so much, in so many seconds


def seconds_of(work: Callable[[], object]) -> float:
    """What it takes by the clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Line:
    """seconds = fixed + slope x amount; neither is negative."""

    fixed: Amount
    slope: Amount

    @classmethod
    def through(cls, small: Measured, large: Measured) -> Line:
        """Through (amount, seconds) of two runs; where the second took no longer, all of it is fixed."""
        (n, t), (m, u) = small, large
        slope = max(0.0, (u - t) / (m - n))
        return cls(max(0.0, u - slope * m), slope)

    def at(self, amount: Amount) -> Amount:
        """Seconds for so much."""
        return self.fixed + self.slope * amount


@dataclass(frozen=True)
class Parabola:
    """seconds = linear x n + square x n^2, as of what is done for each latent, and for each pair of them."""

    linear: Amount
    square: Amount

    @classmethod
    def through(cls, small: Measured, large: Measured) -> Parabola:
        """Through (n, seconds) of two runs."""
        (n, t), (m, u) = small, large
        square = max(0.0, (u / m - t / n) / (m - n))
        return cls(max(0.0, u / m - square * m), square)

    def at(self, n: Amount) -> Amount:
        """Seconds for n latents."""
        return self.linear * n + self.square * n * n


def firings_later(seen: Integer[np.ndarray, " latent"], times: Amount) -> Float[np.ndarray, " latent"]:
    """Firings expected in a text `times` as long as that in which the latents fired `seen` times.

    Of latents that were not seen to fire, Chao's lower bound is taken: f1^2 / (2 f2) do, where f1 fired
    once and f2 twice, and together they fire f1 times as often as the text is longer.
    """
    later = seen * float(times)
    once, twice, silent = (int((seen == n).sum()) for n in (1, 2, 0))
    hidden = min(silent, round(once**2 / (2 * max(twice, 1))))
    if hidden and times > 1:
        there = np.flatnonzero(seen == 0)[:hidden]
        later[there] = once * (times - 1) / hidden
    return later


def filled(
    firings: Float[np.ndarray, " latent"], n_windows: Amount, n_top: int, drawn: int
) -> Float[np.ndarray, " latent"]:
    """Examples of each latent that are there: top, by the windows it fires in, and drawn ones.

    Firings fall on windows at random: n of them on n_windows (1 - exp(-n / n_windows)). `drawn` are the
    slots of bands and of random examples, of which each firing fills one of either.
    """
    windows = n_windows * -np.expm1(-firings / n_windows)
    return np.minimum(n_top, windows) + np.minimum(drawn, 2 * firings)
