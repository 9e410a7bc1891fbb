"""How much memory a scan will take, told before it runs."""

from __future__ import annotations

from collections.abc import Mapping

import psutil

from pipeline.core.dictionaries import BLOCK
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.encode import block, starts
from pipeline.core.head_scan import HeadScan
from pipeline.core.inputs import activation, caught_for
from pipeline.core.layer import layers_of
from pipeline.core.model import SubjectModel
from pipeline.core.shape import Shape
from pipeline.core.sweep import counted
from pipeline.core.windows import Windows

PROBED = 4  # windows that are read to learn how often latents fire
FLOAT = 4
# Activations that a forward pass holds at once. As wide as the stream: it, its copy, its norm, queries,
# keys, values, and attention's output before and after W_O. Of the MLP: its hidden layer before and
# after the nonlinearity.
STREAMS, HIDDEN = 8, 2


def state_bytes(scans: list[DictionaryScan], heads: list[HeadScan]) -> int:
    """Bytes of everything kept: that of the disk, too, while the scan runs."""
    return sum(array.nbytes for scan in (*scans, *heads) for array in scan.state().values())


def peak_bytes(
    model: SubjectModel,
    scans: list[DictionaryScan],
    heads: list[HeadScan],
    windows: Windows,
    batch: int,
    sample: int,
    threads: int,
    merges: bool = False,
) -> int:
    """Resident bytes of this process at the scan's peak: what it takes now, the state, and the work.

    The work is, on the one hand, as many batches as there are threads, read and encoded side by
    side, with the sample of `sample` windows in which co-firing partners are sought; on the other,
    one dictionary's tables made ready to be saved; or, where the corpus is of more than one unit and
    `merges`, one dictionary's state of other units. The larger counts. No part grows with the corpus.
    """
    fired = firings_per_token(model, scans, windows)
    work = work_bytes(model.shape, scans, heads, fired, windows, batch, sample, threads)
    merging = max(map(_merging, (*scans, *heads))) if merges else 0
    return resident_bytes() + state_bytes(scans, heads) + max(work, merging)


def resident_bytes() -> int:
    """What this process takes now."""
    return psutil.Process().memory_info().rss


def work_bytes(
    shape: Shape,
    scans: list[DictionaryScan],
    heads: list[HeadScan],
    fired: Mapping[str, float],
    windows: Windows,
    batch: int,
    sample: int,
    threads: int,
) -> int:
    """The work alone; `fired` are the firings of each dictionary at a token."""
    columns = batch * windows.stride
    points = caught_for([scan.dictionary for scan in scans], shape)
    width = sum(2 * shape.width(point) for point in points) + STREAMS * shape.d_model + HIDDEN * shape.d_mlp
    reading = threads * columns * width * FLOAT
    reading += threads * _attending(heads, batch, windows.ctx, shape.d_head)
    encoding = threads * max((_encoding(scan, columns) for scan in scans), default=0)
    sweeping = reading + encoding + _cofiring(scans, fired, columns * threads, sample * windows.stride)
    saving = max(sum(array.nbytes for array in scan.types.state().values()) for scan in (*scans, *heads))
    return max(sweeping, 3 * saving)


def _merging(scan: DictionaryScan | HeadScan) -> int:
    """Its state of other units, and one of the arrays as it is read."""
    sizes = [array.nbytes for array in scan.state().values()]
    return sum(sizes) + max(sizes)


def firings_per_token(model: SubjectModel, scans: list[DictionaryScan], windows: Windows) -> dict[str, float]:
    """Of each dictionary, from the first few windows."""
    batch = next(windows.batches(PROBED))
    with model.catching(caught_for([scan.dictionary for scan in scans], model.shape)) as read:
        acts = counted(model, read, batch)
    found: dict[str, float] = {}
    for scan in scans:
        x = scan.dictionary.read(activation(scan.dictionary, acts, model))
        n = sum(len(block(scan.dictionary, x, lo, batch).column) for lo in starts(scan.dictionary))
        found[scan.dictionary.id] = n / len(batch.token)
    return found


def _attending(heads: list[HeadScan], batch: int, ctx: int, d_head: int) -> int:
    """Every layer's patterns and values; of one layer the scores that its pattern is made of."""
    layers = [batch * scan.group.n_heads * ctx * FLOAT for scan in heads]
    return sum(layer * (ctx + d_head) for layer in layers) + max(layers, default=0) * ctx


def _encoding(scan: DictionaryScan, columns: int) -> int:
    """Activations of a block, and for units of two signs, half of which fire, their firings."""
    if scan.dictionary.k is not None:
        return columns * scan.dictionary.n_latents * FLOAT
    return columns * BLOCK * FLOAT * (2 if scan.dictionary.two_signed else 1)


def _cofiring(scans: list[DictionaryScan], fired: Mapping[str, float], columns: int, sampled: int) -> int:
    """Firings of the sample, of one layer two copies more; or of one layer a bit for each column."""
    layers = [[scan.dictionary for scan in layer.scans] for layer in layers_of(scans, chosen=True)]
    if not layers:
        return 0
    firings = [sum(fired[each.id] for each in layer) * sampled * 4 for layer in layers]
    bits = max(sum(each.n_latents for each in layer) * columns // 8 for layer in layers)
    return int(sum(firings) + 2 * max(firings) + 2 * bits)
