"""The samples are uniform over seeds, do not depend on batching, and packing has no silent limit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from feature_atlas.contract import N_RANDOM, PER_BAND
from pipeline.core.accumulate.best import Best, Excerpts, order_of, pack, token_of
from pipeline.core.accumulate.block import Block
from pipeline.core.accumulate.examples import N_OCTAVES, Extremes, Samples, octave, quantise
from pipeline.core.windows import Corpus, Windows

SEEDS = 800


def windows_of(n_windows: int, ctx: int = 9) -> Windows:
    """Documents of one window each."""
    length = ctx - 1
    tokens = np.arange(n_windows * length, dtype=np.uint32) % 50
    starts = np.arange(0, len(tokens) + 1, length, dtype=np.int64)
    ids = [str(i) for i in range(n_windows)]
    return Windows(Corpus(tokens, starts, ids, ids, ["test"], 0), ctx, bos=0)


def feed(accumulator: Samples | Extremes, acts: np.ndarray, windows: Windows, size: int) -> None:
    """Offers the activations [latent, column] in batches of `size` windows."""
    first = 0
    for batch in windows.batches(size):
        n = len(batch.token)
        accumulator.add(Block(acts[:, first : first + n], 0, batch))
        first += n


def chosen(best: Best, row: int) -> list[int]:
    return [int(token) for token in token_of(best.key[row][best.key[row] > 0])]


def test_samples_are_uniform_over_seeds() -> None:
    """Chi-square over 800 seeds: each firing of a band is drawn equally often, whatever its strength."""
    windows = windows_of(12)
    random = np.random.default_rng(0)
    acts = np.where(random.random((2, 96)) < 0.5, random.uniform(1, 8, (2, 96)), 0).astype(np.float32)
    in_octave = np.flatnonzero((acts[1] >= 4) & (acts[1] < 8))
    firing = np.flatnonzero(acts[1] > 0)
    band, anywhere = np.zeros(96), np.zeros(96)
    for seed in range(SEEDS):
        samples = Samples(2, windows, False, "d", seed)
        feed(samples, acts, windows, 5)
        row = N_OCTAVES + int(octave(np.array([4.0], np.float32))[0])
        band[chosen(samples.octaves, row)] += 1
        anywhere[chosen(samples.random, 1)] += 1
    assert band.sum() == SEEDS * PER_BAND
    assert anywhere.sum() == SEEDS * N_RANDOM
    assert set(np.flatnonzero(band)) == set(in_octave)
    # Draws without replacement vary less than independent ones, so the test is on the safe side.
    assert stats.chisquare(band[in_octave]).pvalue > 1e-3
    assert stats.chisquare(anywhere[firing]).pvalue > 1e-3


def test_latents_draw_apart() -> None:
    """Two latents with the same firings do not draw the same samples."""
    windows = windows_of(40)
    acts = np.ones((50, 320), np.float32)
    samples = Samples(50, windows, False, "d", 0)
    feed(samples, acts, windows, 8)
    shared = [len(set(chosen(samples.random, 0)) & set(chosen(samples.random, i))) for i in range(1, 50)]
    assert sum(shared) / 49 < 0.5  # by chance 5 * 5 / 320 = 0.08


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 13), seed=st.integers(0, 10_000), n=st.integers(1, 13))
def test_batching_changes_nothing(size: int, seed: int, n: int) -> None:
    windows = windows_of(n)
    random = np.random.default_rng(seed)
    # Few distinct values, so that ties are common.
    acts = random.integers(-2, 4, (3, n * 8)).astype(np.float32)
    states = []
    for batch in (size, n):
        parts = (
            Samples(3, windows, True, "d", seed),
            Extremes(3, 4, windows, True),
            Extremes(3, 4, windows, True, sign=-1),
        )
        for part in parts:
            feed(part, acts, windows, batch)
        kept = [parts[0].octaves, parts[0].random, parts[1].best, parts[2].best]
        states.append([array for best in kept for array in best.state().values()])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 2**40), unique=True, max_size=60), st.integers(1, 7), st.integers(1, 9))
def test_best_keeps_the_largest(keys: list[int], k: int, size: int) -> None:
    best = Best(1, k, np.dtype(np.uint8))
    every = np.array(keys, np.uint64)
    for start in range(0, len(every), size):
        part = every[start : start + size]
        best.offer(np.zeros(len(part), np.int64), part, lambda which, part=part: _excerpts(part[which]))
    kept = best.key[0][best.key[0] > 0]
    assert kept.tolist() == sorted(keys, reverse=True)[:k]
    np.testing.assert_array_equal(best.value[0, : len(kept)], kept.astype(np.float32))


def _excerpts(keys: np.ndarray) -> Excerpts:
    zeros = np.zeros((len(keys), 64), np.uint8)
    return Excerpts(keys.astype(np.float32), np.ones(len(keys), np.float32), zeros)


def test_packing_orders_floats_and_prefers_the_earlier_token() -> None:
    values = np.array([-np.inf, -3.5, -1e-30, 0.0, 1e-30, 2.0, 2.0000002, np.inf], np.float32)
    assert (np.diff(order_of(values)) > 0).all()
    assert order_of(np.array([0.0], np.float32)) == order_of(np.array([-0.0], np.float32))
    last = 2**32 - 2
    keys = pack(np.array([7, 7, 8]), np.array([last, last - 1, last]))
    assert keys[0] < keys[1] < keys[2]
    assert token_of(keys).tolist() == [last, last - 1, last]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_quantising_keeps_zero_and_sign(values: list[float]) -> None:
    acts = np.zeros((1, 64), np.float32)
    acts[0, :4] = values
    whole, scale = quantise(acts, np.dtype(np.int8))
    assert np.abs(whole[0] * scale[0] - acts[0]).max() <= np.abs(acts).max() / 127 * 1.001 + 1e-37
    if scale[0] > 0:
        np.testing.assert_array_equal(np.sign(whole[0]), np.sign(acts[0]))
