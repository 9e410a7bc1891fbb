"""What an atlas says of a unit against what the model does now: one line for each difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, Integer

from feature_atlas import Latent
from feature_atlas.contract import histogram_edges
from pipeline.core.recompute import Again
from pipeline.core.windows import Windows

# Largest difference, as a part of the largest activation beside it, that other batches or another device
# make; the scan's own numbers are the same to 1e-6 whatever the batch.
TOLERANCE = 1e-4

Compared = Counter[str]  # how many of what were compared


def wrong_examples(
    latent: Latent, windows: Windows, again: Again, unit: int, compared: Compared
) -> Iterator[str]:
    """Examples whose place, tokens, value or activations are not what comes out again.

    Every stored activation must be the recomputed one in steps of the example's scale, rounded, and what
    is not 0 at least one step. `unit` is the latent's row of `again`.
    """
    for section, (start, stop) in latent.dictionary.sections.items():
        seen: set[int] = set()
        for row in range(start, stop):
            if not latent.ints["example_length"][row]:
                continue
            where = f"{latent.address}, {section} example {row - start}"
            token = _peak(latent, row, windows)
            if token is None:
                yield f"{where} is at a position that the corpus does not have"
                continue
            compared["examples"] += 1
            window, index = _located(windows, token)
            yield from _wrong_excerpt(latent, row, windows, token, index, again, unit, compared, where)
            if section in ("top", "bottom"):
                sign = 1 if section == "top" else -1
                yield from _wrong_peak(again, unit, window, index, sign, where)
                if window in seen:
                    yield f"{where} is the window's second"
                seen.add(window)


def wrong_completeness(
    latent: Latent, windows: Windows, again: Again, unit: int, compared: Compared
) -> Iterator[str]:
    """Windows read again that should be among the top (or lowest) examples, and are not listed.

    And the count of all firings above the least that is listed, which no unlisted window may hold: the
    histogram's must be that of the windows listed.
    """
    index = np.arange(windows.ctx)
    for section, sign in (("top", 1), ("bottom", -1)):
        start, stop = latent.dictionary.sections[section]
        if start == stop:
            continue
        rows, tokens = listed(latent, section, windows)
        known, values = windows.locate(tokens)[0], sign * latent.floats["example_activation"][rows]
        acts, doubt = sign * again.acts[unit], again.doubt[unit]
        near = TOLERANCE * float(np.abs(acts).max(initial=np.abs(values).max(initial=0)))
        extreme = sign * latent.number("max" if sign > 0 else "min")
        if len(rows) and abs(extreme - values.max()) > near:
            yield f"{latent.address}: its first {section} example is not its extreme, {sign * extreme:.6g}"
        lowest = -np.inf if latent.dictionary.record.two_signed else 0.0
        least = float(values.min()) if len(rows) == stop - start else lowest
        inside = (index > 0) & (index < windows.lengths[again.window][:, None])
        sure = np.where(inside & ~doubt, acts, -np.inf).max(axis=1)
        compared["windows looked through for examples left out"] += len(again.window)
        for w in np.flatnonzero((sure > least + near) & ~np.isin(again.window, known)).tolist():
            yield (
                f"{latent.address}: window {again.window[w]} has an activation of {sign * sure[w]:.6g},"
                f" beyond {sign * least:.6g}, and is not among its {section} examples"
            )
        if sign > 0:
            yield from _wrong_count(latent, again, unit, known, max(least, 0.0), near, compared)


def wrong_effects(
    latent: Latent, effects: Float[np.ndarray, " d_vocab"], compared: Compared
) -> Iterator[str]:
    """Promoted and suppressed tokens that have another logit effect by weights, or are not the extremes."""
    near = TOLERANCE * float(np.abs(effects).max())
    for side, sign in (("promoted", 1), ("suppressed", -1)):
        values, tokens = latent.floats[f"{side}_value"], latent.ints[f"{side}_token"]
        best = sign * -np.sort(-sign * effects)[: len(values)]
        compared["logit effects"] += len(values)
        for rank, (value, token) in enumerate(zip(values.tolist(), tokens.tolist(), strict=True)):
            now = float(effects[token]) if token < len(effects) else np.nan
            if not (abs(now - value) <= near and abs(best[rank] - value) <= near):
                yield (
                    f"{latent.address}: its {side} token {rank} is type {token} with {value:.6g}; by weights"
                    f" that type has {now:.6g}, and the effect of that rank is {best[rank]:.6g}"
                )


def wrong_neighbours(
    latent: Latent, cosines: Float[np.ndarray, " latent"], compared: Compared
) -> Iterator[str]:
    """Neighbours whose write directions have another cosine; `cosines` are those with all latents."""
    values, others = latent.floats["neighbour_cosine"], latent.ints["neighbour_index"]
    for value, other in zip(values.tolist(), others.tolist(), strict=True):
        if other == latent.index:
            continue  # an empty slot
        compared["neighbours"] += 1
        now = float(cosines[other]) if other < len(cosines) else np.nan
        if not abs(now - value) <= TOLERANCE:
            yield f"{latent.address}: its neighbour {other} has the cosine {value:.6g}; by weights {now:.6g}"


def listed(
    latent: Latent, section: str, windows: Windows
) -> tuple[Int64[np.ndarray, " example"], Int64[np.ndarray, " example"]]:
    """Rows of a section's examples, and the corpus tokens of their peaks, of those that the corpus has."""
    rows = [row for row in range(*latent.dictionary.sections[section]) if latent.ints["example_length"][row]]
    found = [(row, token) for row in rows if (token := _peak(latent, row, windows)) is not None]
    rows_of, tokens = np.array(found, np.int64).reshape(-1, 2).T
    return rows_of, tokens


def _peak(latent: Latent, row: int, windows: Windows) -> int | None:
    """The corpus token of an example's peak; None if there is no such token, or it is not counted."""
    document, position = (int(latent.ints[name][row]) for name in ("example_document", "example_position"))
    starts = windows.corpus.starts
    if document >= windows.corpus.n_documents or starts[document] + position >= starts[document + 1]:
        return None
    token = int(starts[document]) + position
    window, index = _located(windows, token)
    return token if window >= 0 and 0 < index < int(windows.lengths[window]) else None


def _located(windows: Windows, token: int) -> tuple[int, int]:
    window, index = windows.locate(np.array([token]))
    return int(window[0]), int(index[0])


def _wrong_excerpt(
    latent: Latent,
    row: int,
    windows: Windows,
    token: int,
    index: int,
    again: Again,
    unit: int,
    compared: Compared,
    where: str,
) -> Iterator[str]:
    (first,), (length,) = windows.excerpts(np.array([token]))
    told = tuple(int(latent.ints[name][row]) for name in ("example_peak", "example_length"))
    if told != (token - first, length):
        yield f"{where} has its peak and length at {told}, not at {(int(token - first), int(length))}"
        return
    tokens = np.zeros(latent.tokens.shape[1], np.int64)
    tokens[:length] = windows.corpus.tokens[first : first + length]
    if (latent.tokens[row] != tokens).any():
        yield f"{where} has other tokens than the corpus there"
    at = int(np.searchsorted(again.window, windows.locate(np.array([token]))[0][0]))
    part = slice(index - (token - first), index - (token - first) + length)
    acts, doubt = again.acts[unit, at, part], again.doubt[unit, at, part]
    value, now = float(latent.floats["example_activation"][row]), float(again.acts[unit, at, index])
    near = TOLERANCE * float(np.abs(acts).max(initial=abs(value)))
    if abs(value - now) > near and not again.doubt[unit, at, index]:
        yield f"{where} has an activation of {value:.6g}; computed again {now:.6g}"
    steps, scale = latent.acts[row, :length], float(latent.floats["example_scale"][row])
    compared["activations"] += len(acts)
    wrong = np.flatnonzero(~as_stored(steps, scale, acts, doubt))
    if latent.acts[row, length:].any():
        yield f"{where} has activations beyond its end"
    if len(wrong):
        n, i = len(wrong), int(wrong[0])
        yield (
            f"{where} has {n} other activation{'s' * (n > 1)}: at its token {i} {steps[i]} steps of"
            f" {scale:.6g}; computed again {acts[i]:.6g}"
        )


def as_stored(
    steps: Integer[np.ndarray, " token"],
    scale: float,
    acts: Float32[np.ndarray, " token"],
    doubt: Bool[np.ndarray, " token"],
) -> Bool[np.ndarray, " token"]:
    """Whether each activation is `steps` of `scale`, rounded; what is not 0 is at least one step.

    The largest magnitude takes all steps, so that TOLERANCE of it is as many steps on any scale.
    """
    most = float(np.iinfo(steps.dtype).max)
    if scale <= 0:
        return acts == 0
    whole, exact = steps.astype(np.int64), acts / scale
    fits = (np.abs(whole - exact) <= 0.5 + TOLERANCE * most) & ((whole != 0) | (acts == 0))
    least = (np.abs(whole) == 1) & (np.sign(whole) == np.sign(acts)) & (np.abs(exact) < 1)
    tiny = (np.abs(exact) <= TOLERANCE * most) & (np.abs(whole) <= 1)
    return fits | least | tiny | (doubt & ((whole == 0) | (acts == 0)))


def _wrong_peak(again: Again, unit: int, window: int, index: int, sign: int, where: str) -> Iterator[str]:
    at = int(np.searchsorted(again.window, window))
    row = sign * again.acts[unit, at, 1:]
    sure = np.where(again.doubt[unit, at, 1:], -np.inf, row)
    here, highest = float(row[index - 1]), float(sure.max())
    if highest > here + TOLERANCE * float(np.abs(row).max()):
        yield f"{where} is not its window's extreme: that is {sign * highest:.6g}, this {sign * here:.6g}"


def _wrong_count(
    latent: Latent,
    again: Again,
    unit: int,
    known: Int64[np.ndarray, " example"],
    least: float,
    near: float,
    compared: Compared,
) -> Iterator[str]:
    """All firings at or above the first edge of the histogram beyond `least` are in the listed windows."""
    edges = np.array(histogram_edges())
    at = np.isin(again.window, known)
    acts, doubt = again.acts[unit, at], again.doubt[unit, at]
    counts = np.append(latent.ints["hist"], latent.ints["hist_overflow"])
    if least == 0:
        edge, told = 0.0, int(latent.ints["firings"][0])
        lowest, most = int(((acts > 0) & ~doubt).sum()), int(((acts > 0) | doubt).sum())
    else:
        first = int(np.searchsorted(edges, least + near, side="right"))
        if first == len(edges):
            return  # of what lies above the last edge only the number is known, not how high it is
        edge, told = float(edges[first]), int(counts[first:].sum())
        lowest, most = int(((acts >= edge + near) & ~doubt).sum()), int(((acts >= edge - near) | doubt).sum())
    compared["counts of firings"] += 1
    if not lowest <= told <= most:
        yield (
            f"{latent.address}: of its {told:,} firings above {edge:.6g} the windows of its top examples hold"
            f" {lowest:,}: an example is left out, or the histogram is another's"
        )
