"""What a build will take: tokens, operations, bytes, memory, time and storage, before anything runs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from feature_atlas.chunks import array_files
from feature_atlas.contract import CORPUS, N_BANDS, N_RANDOM, N_UNITS, PER_BAND, SIDES, numpy_dtype
from pipeline import effects
from pipeline.calibrate import Rates, calibrate, kind_of
from pipeline.calibrate_scan import Scanned
from pipeline.calibrate_stores import Stored
from pipeline.core import costs
from pipeline.core.clean import READ
from pipeline.core.dictionaries import ARRAYS, Dictionary, mates_of
from pipeline.core.dictionary_scan import DictionaryScan
from pipeline.core.fits import Amount, filled, firings_later
from pipeline.core.gpus import GPUS, seconds
from pipeline.core.head_scan import HeadScan
from pipeline.core.layout import LEAST
from pipeline.core.memory import resident_bytes, state_bytes, work_bytes
from pipeline.core.model import SubjectModel
from pipeline.core.outlook import Outlook
from pipeline.core.params import Params
from pipeline.core.planned import Planned
from pipeline.core.rest import place_of
from pipeline.core.stream import feeds
from pipeline.core.units import sample_size

PRICE = 0.02  # US dollars for a GB and month: hot object storage of the large clouds, as listed in 2025
DRAWN = N_BANDS * PER_BAND + N_RANDOM  # slots of examples that are drawn
ENTRY = 6  # bytes of a unit told of a token type, packed
FEWER_EPOCHS, EPOCHS = 10_000, 0.4  # above so many latents a map takes 200 steps instead of 500


@dataclass(frozen=True)
class Estimate:
    """Everything; seconds are of this machine, bytes of decimal units, by stage or by dictionary.

    `gpu_hours` are the products alone; beside a GPU `host_hours` are left to the cores of this machine.
    """

    tokens: int
    counted: bool
    windows: int
    flops: dict[str, Amount]
    seconds: dict[str, Amount]
    store_bytes: dict[str, Amount]
    work_bytes: Amount
    read_bytes: Amount
    peak_memory: Amount
    gpu_hours: dict[str, Amount]
    host_hours: Amount
    gpu_memory: Amount
    price: Amount

    @property
    def total_store(self) -> Amount:
        """Bytes of the atlas."""
        return sum(self.store_bytes.values())

    def to_json(self) -> dict[str, Any]:
        """All of it, with the totals."""
        totals = {
            "total_flops": sum(self.flops.values()),
            "total_seconds": sum(self.seconds.values()),
            "total_store_bytes": self.total_store,
            "storage_per_month": self.total_store / 1e9 * self.price,
        }
        return {**asdict(self), **totals}


def estimate(params: Params, price: Amount) -> Estimate:
    """Runs the short run, and scales it. Raises InputError as a build of the same parameters would."""
    outlook = Outlook.of(params)
    rates = calibrate(outlook)
    # The scan's own state is told with the scan: what a process has taken it seldom gives back.
    base = resident_bytes() - outlook.bytes_at_hand - rates.scan.state
    return scaled(outlook, rates, base, price)


def scaled(outlook: Outlook, rates: Rates, base: int, price: Amount) -> Estimate:
    """From what was measured to the whole; `base` is what a process takes beside weights that has run all
    stages: libraries, compiled loops, and what is not given back."""
    flops = stage_flops(outlook, rates)
    times = stage_seconds(outlook, rates, flops)
    device = {name: flops[name] for name in ("scan", "describe", "effects", "quality")}
    weights = _weight_bytes(outlook)
    n_bytes = sum(weights.values()) * outlook.text.n_windows / outlook.params.scan.batch
    host = _taking_seconds(outlook, rates) + times["map"] + times["assemble"]
    return Estimate(
        tokens=outlook.text.n_tokens,
        counted=outlook.text.counted,
        windows=outlook.text.n_windows,
        flops=flops,
        seconds=times,
        store_bytes=store_bytes(outlook, rates),
        work_bytes=_work_bytes(outlook, rates),
        read_bytes=sum(weights.values()) * len(device),
        peak_memory=base + sum(weights.values()) + _scan_memory(outlook, rates),
        gpu_hours={gpu.name: seconds(gpu, sum(device.values()), n_bytes) / 3600 for gpu in GPUS},
        host_hours=host / 3600,
        gpu_memory=weights["model"] + max((v for k, v in weights.items() if k != "model"), default=0),
        price=price,
    )


def stage_flops(outlook: Outlook, rates: Rates) -> dict[str, Amount]:
    """By stage, of those that multiply matrices."""
    shape, text, params = outlook.folder.shape, outlook.text, outlook.params
    ctx, gated = params.ctx, "gate" in outlook.folder.family.mlp_read
    learned = [each for each in outlook.planned if each.whole.W_enc is not None]
    read = costs.forward_flops(shape, outlook.layers_read, ctx, gated)
    read += costs.pattern_flops(shape, len(outlook.groups), ctx)
    encode = sum(costs.encode_flops(each.n_latents, _width(outlook, each), ctx) for each in learned)
    found = {"scan": float(text.n_windows * (read + encode))}
    found["describe"] = float(
        sum(
            costs.describe_flops(shape, each.n_latents, *_widths(outlook, each))
            + costs.virtual_flops(shape, each.n_latents, n_partners)
            for each, n_partners in zip(outlook.planned, _partners(outlook), strict=True)
        )
    )
    found["effects"] = sum(
        _examples(outlook, rates, each) * costs.ablation_flops(shape, _later(outlook, each), ctx, gated)
        for each in _ablated(outlook)
    )
    n_held, n_spliced = _quality_windows(outlook)
    found["quality"] = float(
        sum(
            costs.quality_flops(shape, each.n_latents, *_widths(outlook, each), n_held, n_spliced, ctx, gated)
            for each in learned
        )
    )
    return found


def stage_seconds(outlook: Outlook, rates: Rates, flops: Mapping[str, Amount]) -> dict[str, Amount]:
    """By stage, on this machine. That of tokens is left out where they can't be counted here."""
    return {
        "tokens": outlook.text.seconds,
        "scan": _scan_seconds(outlook, rates),
        "describe": _describe_seconds(outlook, rates),
        "effects": _effect_seconds(outlook, rates),
        "map": _map_seconds(outlook, rates),
        "quality": flops["quality"] / _cpu_rate(outlook, rates),
        "assemble": _assemble_seconds(outlook, rates),
    }


def _scan_seconds(outlook: Outlook, rates: Rates) -> Amount:
    n_windows, sample = outlook.text.n_windows, _sample(outlook)
    layers = outlook.layers_read / _layers_run(outlook)
    beyond = (
        n * (each.sample * sample + each.after * (n_windows - sample) + each.result)
        for each, n in _scanned(outlook, rates)
    )
    return rates.scan.forward * n_windows * layers + sum(beyond)


def _taking_seconds(outlook: Outlook, rates: Rates) -> Amount:
    """Of a scan, what is left beside the forward pass and the encoders."""
    n_windows, sample = outlook.text.n_windows, _sample(outlook)
    return sum(
        n * (each.taking * n_windows + max(0.0, each.sample - each.after) * sample + each.result)
        for each, n in _scanned(outlook, rates)
    )


def _scanned(outlook: Outlook, rates: Rates) -> list[tuple[Scanned, Amount]]:
    """What each kind of units takes, and how many there are of each that was run."""
    return [
        (rates.scan.latents, _ratio(outlook, rates, two_signed=False)),
        (rates.scan.neurons, _ratio(outlook, rates, two_signed=True)),
        (rates.scan.heads, len(outlook.groups) / max(1, _groups_run(outlook))),
    ]


def _describe_seconds(outlook: Outlook, rates: Rates) -> Amount:
    pairs = sum(each.n_latents * n for each, n in zip(outlook.planned, _partners(outlook), strict=True))
    latents = sum(rates.describe.at(each.n_latents) for each in outlook.planned) + rates.virtual * pairs
    layers = outlook.folder.shape.n_layers / outlook.model.n_layers
    return latents + rates.head_circuits * len(outlook.groups) + rates.random_scores * layers


def _effect_seconds(outlook: Outlook, rates: Rates) -> Amount:
    """READ windows are read if one of them has an example: of as many as if these fell on them at random."""
    ablated, told = _ablated(outlook), rates.effects
    if told is None or not ablated:
        return 0.0
    found = {each.whole.id: _examples(outlook, rates, each) for each in ablated}
    together = -(-outlook.text.n_windows // READ)
    n_read = READ * together * -math.expm1(-sum(found.values()) / together)
    again = sum(found[each.whole.id] * told.example.at(_later(outlook, each)) for each in ablated)
    return told.window * n_read + again


def _map_seconds(outlook: Outlook, rates: Rates) -> Amount:
    laid_out = [each.n_latents for each in outlook.planned if outlook.params.map and each.n_latents >= LEAST]
    start = rates.map_start if laid_out else 0
    return start + sum(rates.map * n * (EPOCHS if n > FEWER_EPOCHS else 1) for n in laid_out)


def _assemble_seconds(outlook: Outlook, rates: Rates) -> Amount:
    """Each dictionary is written by one thread."""
    stores = [each.n_latents * _stored(outlook, rates, each).seconds for each in outlook.planned]
    written = max(sum(stores) / (os.cpu_count() or 1), max(stores, default=0.0))
    n_units = sum(each.n_latents for each in outlook.planned)
    indexes = n_units * (rates.stores.search.seconds + rates.stores.tokens.seconds)
    return written + len(outlook.groups) * rates.stores.heads.seconds + indexes


def store_bytes(outlook: Outlook, rates: Rates) -> dict[str, Amount]:
    """By dictionary; of heads by layer. What is beside them is told as `corpus and indexes`."""
    n_top = outlook.params.scan.n_top
    found: dict[str, Amount] = {}
    for each in outlook.planned:
        stored, later = _stored(outlook, rates, each), _later_firings(outlook, rates, each)
        sides = 2 if each.whole.two_signed else 1
        slots = filled(later, outlook.text.n_windows, n_top, DRAWN) + (sides - 1) * min(
            n_top, outlook.text.n_windows
        )
        found[each.whole.id] = each.n_latents * (stored.rest + stored.example * float(slots.mean()))
    found |= {group.id: rates.stores.heads.rest for group in outlook.groups}
    n_units, d_vocab = sum(each.n_latents for each in outlook.planned), outlook.folder.shape.d_vocab
    found["search.zarr"] = rates.stores.search.rest * n_units
    full = d_vocab * len(SIDES) * N_UNITS * ENTRY
    found["tokens.zarr"] = min(rates.stores.tokens.rest * n_units, full)
    found["corpus.zarr"] = _packed(outlook) * outlook.text.n_tokens
    return found


def _packed(outlook: Outlook) -> Amount:
    """Bytes of a token of the corpus."""
    spec, tokens = CORPUS[0], outlook.text.windows.corpus.tokens[: 2**18]
    typed = tokens.astype(numpy_dtype(spec, outlook.folder.shape.d_vocab, False))
    files = array_files(typed, min(spec.chunk, len(typed)), None)
    return sum(len(data) for _, data in files) / len(typed)


def _stored(outlook: Outlook, rates: Rates, each: Planned) -> Stored:
    return rates.stores.stored[_measured(outlook, each)]


def _measured(outlook: Outlook, each: Planned) -> str:
    """The id under which a dictionary, or the first of its kind, was measured."""
    kind = kind_of(each)
    return next(other.whole.id for other in outlook.planned if kind_of(other) == kind)


def _later_firings(outlook: Outlook, rates: Rates, each: Planned) -> np.ndarray:
    seen = rates.stores.firings[_measured(outlook, each)]
    counted = outlook.text.windows.counted_tokens / len(outlook.text.windows) * outlook.text.n_windows
    return firings_later(seen, counted / rates.stores.counted)


def _examples(outlook: Outlook, rates: Rates, each: Planned) -> Amount:
    """That are run again without their latent."""
    firings, n = _later_firings(outlook, rates, each), outlook.params.effects.examples
    return float(filled(firings, outlook.text.n_windows, n, 0).mean()) * each.n_latents


def _ablated(outlook: Outlook) -> list[Planned]:
    shape = outlook.folder.shape
    asked = effects.asked(outlook.params, [each.whole for each in outlook.planned])
    return [
        each
        for each in outlook.planned
        if any(each.whole is one for one in asked) and place_of(each.whole.hook_out, shape) is not None
    ]


def _later(outlook: Outlook, each: Planned) -> int:
    """Layers after the place where it writes."""
    place = place_of(each.whole.hook_out, outlook.folder.shape)
    assert place is not None
    return outlook.folder.shape.n_layers - (place + 1) // 2


def _partners(outlook: Outlook) -> list[int]:
    """Units upstream and downstream of each dictionary."""
    shape, whole = outlook.folder.shape, [each.whole for each in outlook.planned]
    return [
        sum(other.n_latents * (feeds(other, each, shape) + feeds(each, other, shape)) for other in whole)
        for each in whole
    ]


def _width(outlook: Outlook, each: Planned) -> int:
    return outlook.folder.shape.width(each.whole.hook_in)


def _widths(outlook: Outlook, each: Planned) -> tuple[int, int]:
    """Of what is read and written; of neurons those of the stream, through W_in and W_out."""
    shape = outlook.folder.shape
    if each.whole.W_enc is None:
        return shape.d_model, shape.d_model
    return _width(outlook, each), shape.width(each.whole.hook_out)


def _ratio(outlook: Outlook, rates: Rates, two_signed: bool) -> Amount:
    """All latents to those that were run, of either kind."""
    every = [each for each in outlook.planned if each.whole.two_signed == two_signed]
    ran = {_measured(outlook, each): each.part.n_latents for each in every}
    return sum(each.n_latents for each in every) / max(1, sum(ran.values()))


def _layers_run(outlook: Outlook) -> int:
    return min(outlook.layers_read, outlook.model.n_layers)


def _groups_run(outlook: Outlook) -> int:
    return sum(group.layer < outlook.model.n_layers for group in outlook.groups)


def _quality_windows(outlook: Outlook) -> tuple[int, int]:
    """Of held-out text: all, and those in which reconstructions are spliced in; at most."""
    settings = outlook.params.quality
    if not settings.corpus:
        return 0, 0
    n = -(-(settings.max_tokens or settings.spliced_tokens) // outlook.text.windows.stride)
    return n, min(n, -(-settings.spliced_tokens // outlook.text.windows.stride))


def _cpu_rate(outlook: Outlook, rates: Rates) -> Amount:
    """Operations a second of the forward pass here."""
    gated = "gate" in outlook.folder.family.mlp_read
    run = costs.forward_flops(outlook.model.shape, _layers_run(outlook), outlook.params.ctx, gated)
    return run / max(rates.scan.forward, 1e-9)


def _weight_bytes(outlook: Outlook) -> dict[str, Amount]:
    model = 4.0 * SubjectModel.n_parameters(outlook.folder)
    return {"model": model} | {each.whole.id: float(each.weight_bytes) for each in outlook.planned}


def _work_bytes(outlook: Outlook, rates: Rates) -> Amount:
    units = sum(each.n_latents * _stored(outlook, rates, each).work for each in outlook.planned)
    return units + len(outlook.groups) * rates.stores.heads.work + 4 * outlook.text.n_tokens


def _scan_memory(outlook: Outlook, rates: Rates) -> Amount:
    """State and work of the scan, as core/memory.py tells them, of scans whose arrays are but reserved."""
    text, params, shape = outlook.text, outlook.params, outlook.folder.shape
    whole = [_bare(each.whole) for each in outlook.planned]
    counts = text.windows.type_counts(shape.d_vocab)
    scans = [DictionaryScan(each, params.scan, counts, bool(mates_of(each, whole))) for each in whole]
    factor = torch.zeros(shape.n_heads, 1, 1)
    heads = [HeadScan(each, factor, params.ctx, params.scan, counts) for each in outlook.groups]
    fired = {
        each.whole.id: float(rates.stores.firings[_measured(outlook, each)].sum())
        / rates.stores.counted
        * each.n_latents
        / each.part.n_latents
        for each in outlook.planned
    }
    sample, threads = _sample(outlook), os.cpu_count() or 1
    work = work_bytes(shape, scans, heads, fired, text.windows, params.scan.batch, sample, threads)
    return state_bytes(scans, heads) + work


def _sample(outlook: Outlook) -> int:
    """Windows in which co-firing partners are sought."""
    return min(outlook.text.n_windows, sample_size(outlook.text.windows, outlook.params.scan))


def _bare(dictionary: Dictionary) -> Dictionary:
    return replace(dictionary, **dict.fromkeys(ARRAYS))
