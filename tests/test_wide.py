"""Whole dictionaries of 3,072 and 24,576 latents, block by block: 512 of them against brute force."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from feature_atlas.address import HookPoint
from feature_atlas.contract import histogram_edges
from pipeline.core.accumulate.best import token_of
from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.encode import starts
from pipeline.core.params import ScanParams
from pipeline.core.windows import Corpus, Windows
from tests import brute

D_IN, TYPES, TOP, CHECKED = 24, 60, 6, 512
POINT = HookPoint("resid_post", 0)


@cache
def corpus(ctx: int) -> tuple[Windows, brute.Places, torch.Tensor]:
    """Documents of many lengths, some shorter than a window; a random vector at each counted position."""
    random = np.random.default_rng(ctx)
    documents = [
        random.integers(0, TYPES, n).astype(np.uint32)
        for n in random.integers(2, 3 * ctx, 9 if ctx < 1024 else 4)
    ]
    edges = np.cumsum([0, *map(len, documents)])
    ids = [str(i) for i in range(len(documents))]
    windows = Windows(Corpus(np.concatenate(documents), edges, ids, ids, ["made"], 0), ctx, bos=0)
    _, where = brute.places([document.astype(np.int64) for document in documents], ctx, 0)
    x = torch.from_numpy(random.normal(size=(len(where.type), D_IN)).astype(np.float32))
    return windows, where, x


def dictionary(architecture: str, n: int) -> Dictionary:
    """Random directions; every 50th latent is dead."""
    generator = torch.Generator().manual_seed(n)
    W_enc = torch.nn.functional.normalize(torch.randn(D_IN, n, generator=generator), dim=0)
    b_enc = torch.full((n,), -1.5)
    b_enc[::50] = -1e6
    return Dictionary(
        id="wide",
        kind="sae",
        architecture=architecture,
        hook_in=POINT,
        hook_out=POINT,
        n_latents=n,
        weights="",
        source="",
        k=32 if architecture == "topk" else None,
        W_enc=W_enc,
        b_enc=b_enc,
        W_dec=W_enc.T.contiguous(),
        b_pre=torch.zeros(D_IN),
        b_dec=torch.zeros(D_IN),
        threshold=torch.full((n,), 0.25) if architecture == "jumprelu" else None,
    )


@pytest.mark.parametrize("ctx", [64, 128, 1024])
@pytest.mark.parametrize("n", [3_072, 24_576])
@pytest.mark.parametrize("architecture", ["standard", "topk", "jumprelu"])
def test_core_statistics_equal_brute_force(architecture: str, n: int, ctx: int) -> None:
    windows, where, x = corpus(ctx)
    made = dictionary(architecture, n)
    scan = DictionaryScan(made, ScanParams(n_top=TOP), np.bincount(where.type, minlength=TYPES), False)
    encoded, first = [], 0
    for batch in windows.batches(7):
        read = made.read(x[first : first + len(batch.token)])
        for lo in starts(made):
            scan.add([read], [], lo, (batch,))
        encoded.append(made.encode(x[first : first + len(batch.token)]))
        first += len(batch.token)
    acts = torch.cat(encoded).T.contiguous().numpy()
    assert first == acts.shape[1]
    for latent in np.random.default_rng(0).choice(n, CHECKED, replace=False).tolist():
        check(scan, latent, acts[latent], where, windows)


def check(scan: DictionaryScan, latent: int, acts: np.ndarray, where: brute.Places, windows: Windows) -> None:
    kept = scan.moments
    under, inside, over = brute.histogram(acts, histogram_edges())
    assert kept.firings[latent] == (acts > 0).sum()
    assert kept.highest[latent] == acts.max()
    assert kept.lowest[latent] == acts.min()
    assert kept.hist[latent].tolist() == [under, *inside, over]
    for power in range(4):
        wanted = (acts.astype(np.float64) ** (power + 1)).sum()
        assert kept.sums[power, latent] == pytest.approx(wanted, rel=1e-10)
    best = scan.parts["top"].best  # type: ignore[union-attr]
    order = np.argsort(best.key[latent])[::-1]
    order = order[best.key[latent][order] > 0]
    token = token_of(best.key[latent][order])
    document = windows.documents(token)
    position = token - windows.corpus.starts[document]
    found = zip(document.tolist(), position.tolist(), best.value[latent][order].tolist(), strict=True)
    assert list(found) == brute.top(acts, where, TOP, 1, only_firing=True)
