"""The shapes that the builder counts: nothing is lost, and nothing breaks on odd columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from viewer_builder.spreads import N_BARS, spread


def living(n: int) -> np.ndarray[Any, Any]:
    return np.arange(n) % 5 > 0


@pytest.mark.parametrize("name", ["max", "concentration"])
def test_every_living_latent_is_in_the_bar_of_its_value(name: str) -> None:
    values = np.random.default_rng(1).lognormal(0, 2, 2_000).astype(np.float32)
    found = spread(name, values, living(2_000))
    scale = np.log if name == "max" else np.asarray
    shown = scale(values[living(2_000)].astype(np.float64))
    counts, edges = np.histogram(shown, N_BARS)
    assert found.log == (name == "max")
    assert found.counts == counts.tolist()
    assert (scale(found.low), scale(found.high)) == pytest.approx((edges[0], edges[-1]))


def test_what_is_no_number_or_below_zero(name: str = "skew") -> None:
    values = np.array([-2, 5, np.nan, np.inf, 0, 8], np.float32)
    found = spread(name, values, np.array([True, True, True, True, True, False]))
    assert (found.log, found.low, found.high, sum(found.counts)) == (False, -2.0, 5.0, 3)


def test_one_value_and_no_value() -> None:
    same = spread("min", np.zeros(9, np.float32), living(9))
    assert (same.low, same.high, same.counts[0], sum(same.counts)) == (0.0, 0.0, 7, 7)
    none = spread("max", np.ones(9, np.float32), np.zeros(9, bool))
    assert (none.low, none.high, sum(none.counts), len(none.counts)) == (0.0, 0.0, 0, N_BARS)
