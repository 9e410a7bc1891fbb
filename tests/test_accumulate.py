"""Every accumulator against brute force: ties, dead latents, short documents, last batches, any window."""

from __future__ import annotations

import numpy as np
import pytest

from feature_atlas.contract import FIRST_OCTAVE, N_BINS, N_RANDOM, PER_BAND, histogram_edges
from pipeline.core.accumulate.best import Best, token_of
from pipeline.core.accumulate.block import Block, above, dense, listed
from pipeline.core.accumulate.examples import N_OCTAVES, Extremes, Samples
from pipeline.core.accumulate.fires_on import FiresOn
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
    corpus, blocks = made
    counts = np.bincount(corpus.where.type, minlength=TYPES)
    table = FiresOn(LATENTS, counts, TYPES // 2, corpus.two_signed)
    for block in blocks:
        table.add(block)
    for latent in range(LATENTS):
        expected = brute.fires_on(corpus.acts[latent], corpus.where.type)
        firings = expected["p_fire_given_token"] * np.maximum(expected["count"], 1)
        np.testing.assert_allclose(table.firings[latent], firings[table.types])
        total = table.total if corpus.two_signed else table.mass
        mean = total[latent] / table.occurs
        np.testing.assert_allclose(mean, expected["mean_activation"][table.types], rtol=1e-4, atol=1e-3)


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
