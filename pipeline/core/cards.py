"""From what scan and describe left of one dictionary to the arrays of the atlas: pure functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from feature_atlas.contract import (
    EXCERPT,
    FIRST_OCTAVE,
    FLOATS,
    INTS,
    N_BANDS,
    N_BINS,
    N_COFIRING,
    N_FIRES_ON,
    PER_BAND,
    RELATED,
    STATS,
    columns,
    dictionary_sizes,
    sections,
)
from feature_atlas.errors import InputError
from feature_atlas.preview import preview
from pipeline.core.accumulate.best import token_of
from pipeline.core.accumulate.cofiring import strongest
from pipeline.core.accumulate.examples import N_OCTAVES
from pipeline.core.windows import Windows

Arrays = dict[str, np.ndarray]
TOP_TYPES = 5  # token types whose share of the mass is the concentration


@dataclass(frozen=True)
class Mate:
    """Another dictionary of the same layer: what is needed to tell its latents and weigh their firings."""

    id: str
    firings: Integer[np.ndarray, " latent"]


def dictionary_arrays(
    scan: Arrays,
    describe: Arrays,
    windows: Windows,
    mates: list[Mate],
    two_signed: bool,
    min_count: int,
    d_vocab: int,
) -> Arrays:
    """Every array of the contract's DICTIONARY for one dictionary."""
    bands = band_rows(scan)
    examples = _examples(scan, bands["rows"], windows, two_signed)
    fields: Arrays = {
        **examples,
        **statistics(scan, windows.counted_tokens),
        **_histogram(scan),
        **{name: bands[name] for name in ("band_low", "band_high", "band_firings")},
        **fires_on(scan, windows.type_counts(d_vocab), min_count),
        **cofiring(scan, mates),
        "head_part": head_parts(scan),
        **_described(describe, len(scan["moments/firings"])),
    }
    n_top = scan["top/key"].shape[1]
    n_heads, n_ablated = (fields[name].shape[1] for name in ("head_part", "ablation_loss"))
    related, n = related_sizes(describe), len(scan["moments/firings"])
    sizes = dictionary_sizes(n, n_top, two_signed, bool(mates), n_heads, n_ablated, related)
    floats, ints = columns(FLOATS, sizes), columns(INTS, sizes)
    return {
        "examples/tokens": examples["tokens"],
        "examples/acts": examples["acts"],
        "card/floats": card(fields, floats, sizes["latent"], np.float32),
        "card/ints": card(fields, ints, sizes["latent"], np.uint32),
        "preview": preview(examples, fields["max"], sections(n_top, two_signed)),
        **{f"stats/{name}": fields[name].astype(np.float32) for name in STATS},
        "stats/firings": fields["firings"],
        "stats/top_token": fields["top_token"],
    }


def head_parts(scan: Arrays) -> Float[np.ndarray, "latent head"]:
    """Mean over firings of each head's part; no columns where heads do not write what is read."""
    firings = np.maximum(scan["moments/firings"], 1)
    return scan.get("heads/sums", np.zeros((len(firings), 0))) / firings[:, None]


def statistics(scan: Arrays, n: int) -> Arrays:
    """Density, means, central moments and extremes over the `n` counted tokens, in float64."""
    mean, second, third, fourth = scan["moments/sums"] / n
    variance = np.maximum(second - mean**2, 0)
    m3 = third - 3 * mean * second + 2 * mean**3
    m4 = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    firings = scan["moments/firings"]
    spread = variance > 0
    safe = np.where(spread, variance, 1)
    return {
        "firings": firings,
        "density": firings / n,
        "max": scan["moments/highest"],
        "min": scan["moments/lowest"],
        "mean": mean,
        "mean_firing": scan["moments/mass"] / np.maximum(firings, 1),
        "variance": variance,
        "skew": np.where(spread, m3 / safe**1.5, 0),
        "kurtosis": np.where(spread, m4 / safe**2, 0),
    }


def band_rows(scan: Arrays) -> Arrays:
    """The bands of every latent: edges, firings, and the octave samples that fall in each.

    With e the octave of the maximum, the bands are [2^e, 2^(e+1)), the three octaves below it, and
    all below those. `rows` [latent, band, PER_BAND] are rows of the flattened octave samples with
    the largest hashes of the band, -1 where it has fewer firings.
    """
    n = len(scan["moments/firings"])
    per_octave = _octave_counts(scan["moments/hist"])
    top = np.where(per_octave.any(axis=1), N_OCTAVES - 1 - (per_octave[:, ::-1] > 0).argmax(axis=1), 0)
    octave = np.arange(N_OCTAVES)
    band_of = np.clip(top[:, None] - octave, 0, N_BANDS - 1)
    in_band = (band_of[:, None, :] == np.arange(N_BANDS)[:, None]) & (octave <= top[:, None])[:, None, :]
    keys = scan["samples/octaves/key"].reshape(n, N_OCTAVES, PER_BAND)
    rows = np.stack([_largest_in(keys, in_band[:, band]) for band in range(N_BANDS)], axis=1)
    low, high = _band_edges(top, scan["moments/highest"])
    return {
        "rows": rows,
        "band_low": low,
        "band_high": high,
        "band_firings": (per_octave[:, None, :] * in_band).sum(axis=-1),
    }


def _octave_counts(hist: np.ndarray) -> Integer[np.ndarray, "latent octave"]:
    inside = hist[:, 1:-1].reshape(len(hist), N_OCTAVES - 2, -1).sum(axis=-1)
    return np.concatenate([hist[:, :1], inside, hist[:, -1:]], axis=1)


def _largest_in(keys: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Of the samples of the member octaves, the PER_BAND of largest key, as rows; -1 where none."""
    n = len(keys)
    flat = np.where(member[..., None], keys, 0).reshape(n, -1)
    pick = np.argsort(flat, axis=1)[:, : -PER_BAND - 1 : -1]
    rows = np.arange(n)[:, None] * flat.shape[1] + pick
    return np.where(np.take_along_axis(flat, pick, axis=1) > 0, rows, -1)


def _band_edges(top: np.ndarray, highest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exponent = top[:, None] - 1 + FIRST_OCTAVE - np.arange(N_BANDS)
    low, high = 2.0**exponent, 2.0 ** (exponent + 1)
    low[:, -1] = 0
    low[exponent < FIRST_OCTAVE] = 0
    high[exponent < FIRST_OCTAVE - 1] = 0
    over = top == N_OCTAVES - 1
    high[over, 0] = highest[over]
    return low, high


def _examples(scan: Arrays, band: np.ndarray, windows: Windows, two_signed: bool) -> Arrays:
    """All examples of every latent in the order of the contract's sections."""
    n = len(band)
    parts = [_kept(scan, "top"), _kept(scan, "bottom")] if two_signed else [_kept(scan, "top")]
    parts += [_picked(scan, band.reshape(n, -1)), _kept(scan, "samples/random")]
    key, value, scale, acts = (np.concatenate([part[i] for part in parts], axis=1) for i in range(4))
    there = key > 0
    peak = np.where(there, token_of(key), 0)
    first, length = windows.excerpts(peak)
    offset = np.arange(EXCERPT)
    inside = there[..., None] & (offset < length[..., None])
    corpus = windows.corpus
    document = windows.documents(peak)
    return {
        "tokens": np.where(inside, corpus.tokens[np.where(inside, first[..., None] + offset, 0)], 0),
        "acts": acts,
        "example_activation": np.where(there, value, 0),
        "example_scale": np.where(there, scale, 0),
        "example_document": np.where(there, document, 0),
        "example_position": np.where(there, peak - corpus.starts[document], 0),
        "example_peak": np.where(there, peak - first, 0),
        "example_length": np.where(there, length, 0),
    }


def _kept(scan: Arrays, part: str) -> tuple[np.ndarray, ...]:
    """Key, value, scale and activations of what was kept of each latent, largest key first."""
    order = np.argsort(scan[f"{part}/key"], axis=1)[:, ::-1]
    row = np.arange(len(order))[:, None]
    return tuple(scan[f"{part}/{name}"][row, order] for name in ("key", "value", "scale", "acts"))


def _picked(scan: Arrays, rows: Integer[np.ndarray, "latent row"]) -> tuple[np.ndarray, ...]:
    """Octave samples at flat `rows`; -1 gives an empty slot."""
    key, value, scale, acts = (scan[f"samples/octaves/{name}"] for name in ("key", "value", "scale", "acts"))
    there = rows >= 0
    flat = np.where(there, rows, 0)
    return (
        np.where(there, key.ravel()[flat], 0),
        np.where(there, value.ravel()[flat], 0),
        np.where(there, scale.ravel()[flat], 0),
        np.where(there[..., None], acts.reshape(-1, EXCERPT)[flat], 0).astype(acts.dtype),
    )


def _histogram(scan: Arrays) -> Arrays:
    hist = scan["moments/hist"]
    return {"hist": hist[:, 1 : N_BINS + 1], "hist_underflow": hist[:, 0], "hist_overflow": hist[:, -1]}


def fires_on(scan: Arrays, occurs: Integer[np.ndarray, " type"], min_count: int) -> Arrays:
    """The N_FIRES_ON types with the largest share of the activation mass, and the concentration.

    `occurs` are the occurrences of every type. Types that occur fewer than `min_count` times are
    left out of the list, not of the sums.
    """
    firings, mass, total, missed = (scan[f"fires_on/{n}"] for n in ("firings", "mass", "total", "missed"))
    types = np.broadcast_to(scan["fires_on/type"], mass.shape)
    all_firings = np.maximum(scan["moments/firings"], 1)[:, None]
    all_mass = np.where(scan["moments/mass"] > 0, scan["moments/mass"], 1)[:, None]
    listed = np.where((occurs[types] >= min_count) & (firings > 0), mass, -1)
    pick = _padded(np.argsort(-listed, axis=1, kind="stable")[:, :N_FIRES_ON], N_FIRES_ON)
    there = (np.take_along_axis(listed, pick, axis=1) > 0) & (np.arange(N_FIRES_ON) < types.shape[1])
    type_, f, m, t = (np.take_along_axis(array, pick, axis=1) for array in (types, firings, mass, total))
    count = np.where(there, occurs[type_], 0)
    safe = np.maximum(count, 1)
    heaviest = -np.sort(-mass, axis=1)[:, :TOP_TYPES].sum(axis=1, keepdims=True, dtype=np.float64)
    return {
        "fires_on_token": np.where(there, type_, 0),
        "fires_on_count": count,
        "fires_on_p": np.where(there, f / safe, 0),
        "fires_on_mean": np.where(there, t / safe, 0),
        "fires_on_share": np.where(there, f / all_firings, 0),
        "fires_on_mass": np.where(there, m / all_mass, 0),
        "fires_on_missed": missed / all_firings[:, 0],
        "concentration": np.minimum(heaviest / all_mass, 1)[:, 0],
        "top_token": np.take_along_axis(types, mass.argmax(axis=1)[:, None], axis=1)[:, 0],
    }


def cofiring(scan: Arrays, mates: list[Mate]) -> Arrays:
    """The N_COFIRING latents of largest cosine: of the dictionary itself, and of its mates together."""
    own = scan["moments/firings"]
    found: Arrays = {}
    if "within/partner" in scan:
        index, count, cosine = _strongest(scan, "within", own)
        found = {"cofiring_index": index, "cofiring_count": count, "cofiring_cosine": cosine}
    if mates:
        index, count, cosine = _strongest(scan, "across", np.concatenate([mate.firings for mate in mates]))
        first = np.cumsum([0, *(len(mate.firings) for mate in mates)])
        whose = np.searchsorted(first, index, side="right") - 1
        found |= {"across_count": count, "across_cosine": cosine}
        found |= {"across_dictionary": whose, "across_index": index - first[whose]}
    nothing = np.zeros((len(own), 0))
    names = [field.name for field in (*FLOATS, *INTS) if field.axis in ("cofiring", "across")]
    return {name: found.get(name, nothing) for name in names}


def _strongest(scan: Arrays, pair: str, pool: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return strongest(scan[f"{pair}/partner"], scan[f"{pair}/both"], scan["moments/firings"], pool, N_COFIRING)


def _padded(pick: np.ndarray, length: int) -> np.ndarray:
    return np.pad(pick, ((0, 0), (0, length - pick.shape[1])))


def _described(describe: Arrays, n: int) -> Arrays:
    sizes = dictionary_sizes(n, 1, False, False)
    found: Arrays = {}
    for field in (*FLOATS, *INTS):
        if field.axis in ("effect", "effect_bin", "neighbour", "ablated", "moved", *RELATED):
            found[field.name] = describe.get(field.name, np.zeros((n, sizes[field.axis])))
    return found


def related_sizes(describe: Arrays) -> dict[str, int]:
    """Of the axes of RELATED that describe tells of, how many each latent has."""
    fields = [field for field in INTS if field.axis in RELATED]
    return {field.axis: describe[field.name].shape[1] for field in fields if field.name in describe}


def card(fields: Arrays, ranges: dict[str, tuple[int, int]], n: int, dtype: type) -> np.ndarray:
    """The fields of each of `n` units side by side; InputError if a whole number does not fit."""
    rows = np.zeros((n, max(stop for _, stop in ranges.values())), dtype)
    for name, (start, stop) in ranges.items():
        values = fields[name].reshape(n, -1)
        if dtype is np.uint32 and values.size and values.max() >= 2**32:
            raise InputError(
                f"{name} reaches {values.max():,}, more than the format's 32 bits hold; set max_tokens"
            )
        rows[:, start:stop] = values
    return rows
