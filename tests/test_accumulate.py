"""Every accumulator against brute force: ties, dead latents, short documents, last batches, any window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from feature_atlas.contract import FIRST_OCTAVE, N_BINS, N_RANDOM, PER_BAND, histogram_edges
from pipeline.core.accumulate.best import Best, token_of
from pipeline.core.accumulate.block import Block, above, dense, listed
from pipeline.core.accumulate.cofiring import CoFiring, strongest
from pipeline.core.accumulate.common_types import CommonTypes
from pipeline.core.accumulate.examples import N_OCTAVES, Extremes, Samples
from pipeline.core.accumulate.fired import Fired
from pipeline.core.accumulate.heavy_types import HeavyTypes
from pipeline.core.accumulate.moments import Moments
from pipeline.core.windows import Batch, Corpus, Windows
from tests import brute

TYPES, TOP, BATCH = 40, 6, 5
LATENTS = 9  # of which the last never fires and the first always does


class Made:
    """A corpus of documents shorter and longer than a window, with activations at its counted positions."""

    def __init__(self, ctx: int, bos: int | None, kind: str) -> None:
        random = np.random.default_rng([ctx, bos is None, len(kind)])
        lengths = [2, ctx - 1, ctx, 3 * ctx + 1, 5, *random.integers(2, 4 * ctx, 12)]
        documents = [random.integers(0, TYPES, n).astype(np.uint32) for n in lengths]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        ids = [str(i) for i in range(len(lengths))]
        self.windows = Windows(Corpus(np.concatenate(documents), starts, ids, ids, ["made"], 0), ctx, bos)
        _, self.where = brute.places([d.astype(np.int64) for d in documents], ctx, bos)
        self.kind, self.two_signed = kind, kind == "neurons"
        self.acts = self._acts(random, len(self.where.document))

    def _acts(self, random: np.random.Generator, n: int) -> np.ndarray:
        """Few distinct values, so that ties are common, over the whole range of the histogram and beyond."""
        values = 2.0 ** random.integers(FIRST_OCTAVE - 3, -FIRST_OCTAVE + 3, (LATENTS, n))
        acts = np.where(random.random((LATENTS, n)) < np.linspace(1, 0.02, LATENTS)[:, None], values, 0)
        if self.two_signed:
            acts = np.where(acts > 0, acts * random.choice([-1, 1], acts.shape), -0.25)
        if self.kind == "topk":
            acts = np.where(acts >= -np.sort(-acts, axis=0)[2], acts, 0)
            acts[np.cumsum(acts > 0, axis=0) > 3] = 0
        acts[-1] = -1 if self.two_signed else 0
        return acts.astype(np.float32)

    def blocks(self) -> list[Block]:
        """The activations as the scan would see them, batch by batch."""
        found: list[Block] = []
        first = 0
        for batch in self.windows.batches(BATCH):
            part = np.ascontiguousarray(self.acts[:, first : first + len(batch.token)])
            found.append(self._block(part, batch))
            first += len(batch.token)
        assert first == self.acts.shape[1]
        return found

    def _block(self, acts: np.ndarray, batch: Batch) -> Block:
        if self.two_signed:
            return dense(acts, 0, batch)
        if self.kind == "topk":
            latents = np.argsort(-acts, axis=0, kind="stable")[:3].T.copy()
            return listed(latents, np.take_along_axis(acts.T, latents, axis=1), LATENTS, batch)
        # Half of what a latent must exceed stands in its bias, half in its threshold.
        shift = np.float32(0.5)
        bias, floor = np.full(LATENTS, -shift), np.full(LATENTS, shift if self.kind == "jumprelu" else 0)
        pre = np.where(acts > floor[0], acts + shift, np.float32(-3)).astype(np.float32)
        self.acts[:, self._columns(batch)] = np.where(acts > floor[0], pre - shift, 0)
        return above(pre, bias.astype(np.float32), floor.astype(np.float32), 0, batch)

    def _columns(self, batch: Batch) -> np.ndarray:
        corpus, document = self.windows.corpus, self.windows.documents(batch.token)
        position = batch.token - corpus.starts[document]
        return np.array(
            [self.where.column[d, p] for d, p in zip(document.tolist(), position.tolist(), strict=True)]
        )


@pytest.fixture(scope="module", params=[(8, 0), (64, None), (128, 0), (1024, 0)], ids=str)
def window(request: pytest.FixtureRequest) -> tuple[int, int | None]:
    return request.param


@pytest.fixture(scope="module", params=["relu", "jumprelu", "topk", "neurons"])
def made(request: pytest.FixtureRequest, window: tuple[int, int | None]) -> tuple[Made, list[Block]]:
    corpus = Made(*window, request.param)
    return corpus, corpus.blocks()


def test_moments(made: tuple[Made, list[Block]]) -> None:
    corpus, blocks = made
    moments = Moments(LATENTS)
    for block in blocks:
        moments.add(block)
    acts = corpus.acts.astype(np.float64)
    np.testing.assert_array_equal(moments.firings, (acts > 0).sum(axis=1))
    np.testing.assert_array_equal(moments.highest, corpus.acts.max(axis=1))
    np.testing.assert_array_equal(moments.lowest, corpus.acts.min(axis=1))
    np.testing.assert_allclose(moments.mass, np.where(acts > 0, acts, 0).sum(axis=1), rtol=1e-12)
    for power, sums in enumerate(moments.sums, 1):
        np.testing.assert_allclose(sums, (acts**power).sum(axis=1), rtol=1e-9)
    for latent, counts in enumerate(moments.hist):
        under, inside, over = brute.histogram(corpus.acts[latent], histogram_edges())
        assert [under, *inside, over] == counts.tolist()
        assert len(inside) == N_BINS


def test_extremes(made: tuple[Made, list[Block]]) -> None:
    corpus, blocks = made
    for sign in (1, -1) if corpus.two_signed else (1,):
        extremes = Extremes(LATENTS, TOP, corpus.two_signed, sign)
        for block in blocks:
            extremes.add(block)
        for latent in range(LATENTS):
            only_firing = not corpus.two_signed
            expected = brute.top(corpus.acts[latent], corpus.where, TOP, sign, only_firing)
            assert kept(corpus, extremes.best, latent) == expected
        check_excerpts(corpus, extremes.best)


def test_samples(made: tuple[Made, list[Block]]) -> None:
    """Of the right size, each firing once, in its octave; that they are uniform, test_samples tells."""
    corpus, blocks = made
    samples = Samples(LATENTS, corpus.two_signed, "made", 0)
    for block in blocks:
        samples.add(block)
    for latent in range(LATENTS):
        acts = corpus.acts[latent]
        found = kept(corpus, samples.random, latent)
        assert len(set(found)) == len(found) == min(N_RANDOM, int((acts > 0).sum()))
        for octave in range(N_OCTAVES):
            low = 0.0 if octave == 0 else 2.0 ** (octave - 1 + FIRST_OCTAVE)
            high = np.inf if octave == N_OCTAVES - 1 else 2.0 ** (octave + FIRST_OCTAVE)
            inside = int(((acts > 0) & (acts >= low) & (acts < high)).sum())
            found = kept(corpus, samples.octaves, latent * N_OCTAVES + octave)
            assert len(set(found)) == len(found) == min(PER_BAND, inside)
            assert all(low <= activation < high for _, _, activation in found)
            for document, position, activation in found:
                assert acts[corpus.where.column[document, position]] == activation
    check_excerpts(corpus, samples.random)


def test_fires_on(made: tuple[Made, list[Block]]) -> None:
    """Both tables count as brute force does; the bounded one misses nothing while it has room."""
    corpus, blocks = made
    counts = np.bincount(corpus.where.type, minlength=TYPES)
    table = CommonTypes(LATENTS, counts, TYPES // 2) if corpus.two_signed else HeavyTypes(LATENTS)
    for block in blocks:
        table.add(block)
    listed = table.listed(brute_firings(corpus)) if isinstance(table, CommonTypes) else table.listed()
    types = np.broadcast_to(listed["type"], listed["firings"].shape)
    for latent in range(LATENTS):
        expected = brute.fires_on(corpus.acts[latent], corpus.where.type)
        firings = expected["p_fire_given_token"] * np.maximum(expected["count"], 1)
        there = listed["firings"][latent] > 0
        own = types[latent][there]
        np.testing.assert_allclose(listed["firings"][latent][there], firings[own])
        assert len(set(own.tolist())) == len(own)
        assert listed["missed"][latent] == pytest.approx(firings.sum() - firings[own].sum())
        mean = listed["total"][latent][there] / counts[own]
        np.testing.assert_allclose(mean, expected["mean_activation"][own], rtol=1e-4, atol=1e-3)


def brute_firings(corpus: Made) -> np.ndarray:
    return (corpus.acts > 0).sum(axis=1)


@pytest.mark.parametrize("cut", [0, 1, 3, 40])
def test_heavy_types_keep_their_bounds(cut: int) -> None:
    """With more types than slots: n <= true <= n + missed, heavy ones exact, merged too."""
    random = np.random.default_rng(0)
    types = (random.zipf(1.3, (40, 4000)) % 3000).astype(np.int64)
    types[7] = np.arange(4000) % 3000  # none is heavier than another
    tables = HeavyTypes(2), HeavyTypes(2)
    for number, batch in enumerate(types):
        fires = np.arange(len(batch), dtype=np.int32)
        feed_types(tables[number >= cut], fires, fires[::7], batch)
    tables[0].merge(tables[1])
    listed = tables[0].listed()
    for latent, seen in enumerate((types.ravel(), types[:, ::7].ravel())):
        true = np.bincount(seen, minlength=3000)
        missed = int(listed["missed"][latent])
        assert 0 < missed < len(seen) / 96
        there = listed["firings"][latent] > 0
        own = listed["type"][latent][there]
        assert (listed["firings"][latent][there] <= true[own]).all()
        assert (true[own] <= listed["firings"][latent][there] + missed).all()
        assert np.delete(true, own).max() <= missed
        heaviest = np.argsort(-true)[:10]
        counted = dict(zip(own.tolist(), listed["firings"][latent][there].tolist(), strict=True))
        assert all(counted[t] >= 0.99 * true[t] for t in heaviest.tolist())
        np.testing.assert_allclose(listed["mass"][latent][there], 2 * listed["firings"][latent][there])


def feed_types(table: HeavyTypes, all_fire: np.ndarray, some_fire: np.ndarray, types: np.ndarray) -> None:
    """Two latents, of which the second fires at some columns only, always at 2."""
    edge = np.array([0, len(all_fire), len(all_fire) + len(some_fire)])
    column = np.concatenate([all_fire, some_fire])
    batch = next(windows_of_types(types).batches(1))
    table.add(Block(0, batch, edge, column, np.full(len(column), 2, np.float32)))


def windows_of_types(types: np.ndarray) -> Windows:
    """One document, one window, every token counted."""
    starts = np.array([0, len(types)])
    return Windows(Corpus(types.astype(np.uint32), starts, ["0"], ["0"], ["made"], 0), len(types) + 1, bos=0)


@pytest.mark.parametrize("same", [True, False], ids=["within", "across"])
def test_cofiring_counts_its_partners_exactly(same: bool) -> None:
    """Over sample and rest. Among few latents all that co-fire are partners; cosines are brute."""
    random = np.random.default_rng(1)
    hidden = random.random((6, 900)) < 0.2
    own_fires = hidden[random.integers(0, 6, 50)] & (random.random((50, 900)) < 0.5)
    own_fires[3] = False
    other_fires = own_fires if same else hidden[random.integers(0, 6, 60)] & (random.random((60, 900)) < 0.3)
    pair = CoFiring(len(own_fires))
    own, pool = fired(own_fires[:, :600]), fired(other_fires[:, :600])
    pool = own if same else pool
    for first in range(0, 50, 20):
        pair.choose(own, pool, pool.by_column(), first, min(first + 20, 50))
    for lo, hi in ((0, 64), (64, 600), (600, 713), (713, 900)):
        pair.add(fired(own_fires[:, lo:hi]).bits(), fired(other_fires[:, lo:hi]).bits(), 0, 50)
    both = own_fires.astype(int) @ other_fires.T.astype(int)
    in_sample = own_fires[:, :600].astype(int) @ other_fires[:, :600].T.astype(int)
    n_own, n_other = own_fires.sum(axis=1), other_fires.sum(axis=1)
    index, shared, cosine = strongest(pair.partner, pair.both, n_own, n_other, 10)
    for latent in range(50):
        chosen = pair.partner[latent][pair.partner[latent] >= 0]
        expected = {i for i in np.flatnonzero(in_sample[latent]).tolist() if not (same and i == latent)}
        assert set(chosen.tolist()) == expected or (len(chosen) == 64 and set(chosen.tolist()) < expected)
        np.testing.assert_array_equal(pair.both[latent][: len(chosen)], both[latent][chosen])
        want = both[latent] / np.sqrt(np.maximum(n_own[latent] * n_other, 1))
        best = sorted(chosen.tolist(), key=lambda i: (-want[i], i))[:10]
        assert index[latent][shared[latent] > 0].tolist() == best
        np.testing.assert_allclose(cosine[latent][: len(best)], want[best], rtol=1e-6)
    assert not shared[3].any()


def fired(matrix: np.ndarray) -> Fired:
    """Where each row is true."""
    edge = np.concatenate([[0], matrix.sum(axis=1).cumsum()])
    return Fired(edge, np.nonzero(matrix)[1].astype(np.int32), matrix.shape[1])


def test_cofiring_finds_the_true_partners_in_a_sample() -> None:
    """Recall of the ten of largest cosine at 3,072 latents that fire on 1 % of tokens, half by themes."""
    random = np.random.default_rng(2)
    n, tokens, sample = 3072, 24_000, 12_000
    theme = random.integers(0, 150, n)
    themes = random.random((150, tokens)) < 0.02
    fires = (themes[theme] & (random.random((n, tokens)) < 0.3)) | (random.random((n, tokens)) < 0.005)
    whole, part = fired(fires), fired(fires[:, :sample])
    pair = CoFiring(n)
    pair.choose(part, part, part.by_column(), 0, n)
    pair.add(whole.bits(), whole.bits(), 0, n)
    firings = whole.firings
    index, _, _ = strongest(pair.partner, pair.both, firings, firings, 10)
    matrix = csr_matrix((np.ones(len(whole.column), np.float32), whole.column, whole.edge))
    cosine = (matrix @ matrix.T).toarray() / np.sqrt(np.outer(firings, firings))
    np.fill_diagonal(cosine, 0)
    true = np.argsort(-cosine, axis=1)[:, :10]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(index.tolist(), true.tolist(), strict=True)])
    assert recall >= 0.95


def kept(corpus: Made, best: Best, row: int) -> list[tuple[int, int, float]]:
    """(document, position, activation) of what a row holds, largest key first."""
    order = np.argsort(best.key[row])[::-1]
    order = order[best.key[row][order] > 0]
    token = token_of(best.key[row][order])
    document = corpus.windows.documents(token)
    position = token - corpus.windows.corpus.starts[document]
    return list(zip(document.tolist(), position.tolist(), best.value[row][order].tolist(), strict=True))


def check_excerpts(corpus: Made, best: Best) -> None:
    """Each is the activations around its peak, to half a step; what is not 0 is never rounded to 0."""
    windows = corpus.windows
    for row, slot in zip(*np.nonzero(best.key), strict=True):
        token = token_of(best.key[row, slot : slot + 1])
        first, length = (int(each[0]) for each in windows.excerpts(token))
        document = int(windows.documents(token)[0])
        start = int(windows.corpus.starts[document])
        columns = [corpus.where.column[document, p] for p in range(first - start, first - start + length)]
        want = corpus.acts[row if best.key.shape[0] == LATENTS else row // N_OCTAVES][columns]
        whole, scale = best.acts[row, slot], float(best.scale[row, slot])
        assert not whole[length:].any()
        np.testing.assert_array_equal(np.sign(whole[:length].astype(int)), np.sign(want))
        assert (np.abs(whole[:length] * scale - want) <= scale * 1.001).all()
