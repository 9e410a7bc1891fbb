"""The samples are uniform over seeds, do not depend on batching, and packing has no silent limit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from feature_atlas.contract import N_RANDOM, PER_BAND
from pipeline.core.accumulate.best import Best, order_of, pack, quantise, token_of
from pipeline.core.accumulate.block import above, dense, listed
from pipeline.core.accumulate.common_types import CommonTypes
from pipeline.core.accumulate.examples import N_OCTAVES, Extremes, Samples, octave
from pipeline.core.accumulate.heavy_types import HeavyTypes
from pipeline.core.accumulate.moments import Moments
from pipeline.core.windows import Corpus, Windows

SEEDS = 800
ZEROS = np.zeros(3, np.float32)


def windows_of(n_windows: int, ctx: int = 9) -> Windows:
    """Documents of one window each."""
    length = ctx - 1
    tokens = np.arange(n_windows * length, dtype=np.uint32) % 50
    starts = np.arange(0, len(tokens) + 1, length, dtype=np.int64)
    ids = [str(i) for i in range(n_windows)]
    return Windows(Corpus(tokens, starts, ids, ids, ["test"], 0), ctx, bos=0)


def feed(
    accumulator: Samples | Extremes, acts: np.ndarray, windows: Windows, size: int, signs: bool = False
) -> None:
    """Offers the activations [latent, column] in batches of `size` windows."""
    first = 0
    nothing = np.zeros(len(acts), np.float32)
    for batch in windows.batches(size):
        part = np.ascontiguousarray(acts[:, first : first + len(batch.token)])
        accumulator.add(dense(part, 0, batch) if signs else above(part, nothing, nothing, 0, batch))
        first += len(batch.token)


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
        samples = Samples(2, False, "d", seed)
        feed(samples, acts, windows, 5)
        row = N_OCTAVES + int(octave(np.float32(4).view(np.int32)))
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
    samples = Samples(50, False, "d", 0)
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
            Samples(3, True, "d", seed),
            Extremes(3, 4, True),
            Extremes(3, 4, True, sign=-1),
        )
        for part in parts:
            feed(part, acts, windows, batch, signs=True)
        states.append([array for part in parts for array in kept_of(part)])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 13), cut=st.integers(1, 12), signs=st.booleans())
def test_parts_merge_to_the_whole(seed: int, n: int, cut: int, signs: bool) -> None:
    windows = windows_of(n)
    acts = np.random.default_rng(seed).integers(-2, 4, (3, n * 8)).astype(np.float32)
    counts = np.bincount(windows.corpus.tokens)
    whole, first, later = (
        [Samples(3, signs, "d", seed), Extremes(3, 4, signs), Moments(3)]
        + [CommonTypes(3, counts, 9) if signs else HeavyTypes(3)]
        for _ in range(3)
    )
    for number, batch in enumerate(windows.batches(1)):
        part = np.ascontiguousarray(acts[:, number * 8 : number * 8 + 8])
        block = dense(part, 0, batch) if signs else above(part, ZEROS, ZEROS, 0, batch)
        for accumulator in (*whole, *(first if number < cut else later)):
            accumulator.add(block)
    for mine, theirs, both in zip(first, later, whole, strict=True):
        mine.merge(theirs)
        for one, other in zip(kept_of(mine), kept_of(both), strict=True):
            np.testing.assert_array_equal(one, other)


def kept_of(accumulator: Samples | Extremes | Moments | CommonTypes | HeavyTypes) -> list[np.ndarray]:
    """All that an accumulator holds, in an order that does not depend on how it came there."""
    if isinstance(accumulator, HeavyTypes):
        return list(accumulator.listed().values())
    if isinstance(accumulator, Moments | CommonTypes):
        return list(accumulator.state().values())
    if isinstance(accumulator, Extremes):
        return in_order(accumulator.best)
    return in_order(accumulator.octaves) + in_order(accumulator.random)


def in_order(best: Best) -> list[np.ndarray]:
    """What a `Best` holds, largest key first."""
    order = np.argsort(best.key, axis=1)[:, ::-1]
    return [array[np.arange(len(order))[:, None], order] for array in best.state().values()]


def test_packing_orders_floats_and_prefers_the_earlier_token() -> None:
    values = np.array([-np.inf, -3.5, -1e-30, 0.0, 1e-30, 2.0, 2.0000002, np.inf], np.float32)
    ranks = [int(order_of(bits)) for bits in values.view(np.int32)]
    assert ranks == sorted(set(ranks))
    assert order_of(np.float32(0.0).view(np.int32)) == order_of(np.float32(-0.0).view(np.int32))
    last = 2**32 - 2
    keys = [pack(rank, token) for rank, token in ((7, last), (7, last - 1), (8, last))]
    assert keys[0] < keys[1] < keys[2]
    assert token_of(np.array(keys, np.uint64)).tolist() == [last, last - 1, last]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4))
def test_quantising_keeps_zero_and_sign(values: list[float]) -> None:
    acts, whole = np.array(values, np.float32), np.zeros(64, np.int8)
    scale = quantise(acts, 127, whole)
    assert not whole[4:].any()
    assert np.abs(whole[:4] * scale - acts).max() <= np.abs(acts).max() / 127 * 1.001 + 1e-37
    if scale > 0:
        np.testing.assert_array_equal(np.sign(whole[:4]), np.sign(acts))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), k=st.integers(1, 5))
def test_listed_firings_are_those_of_the_dense_matrix(seed: int, n: int, k: int) -> None:
    """A TopK dictionary's k latents of each position, latent by latent."""
    windows = windows_of(n)
    batch = next(windows.batches(n))
    pre = np.random.default_rng(seed).normal(size=(7, n * 8)).astype(np.float32)
    latents = np.argsort(-pre, axis=0)[:k].T.copy()
    values = np.maximum(np.take_along_axis(pre.T, latents, axis=1), 0)
    full = np.zeros_like(pre)
    np.put_along_axis(full.T, latents, values, axis=1)
    one, other = listed(latents, values, 7, batch), above(full, *(np.zeros(7, np.float32),) * 2, 0, batch)
    for name in ("edge", "column", "value"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
