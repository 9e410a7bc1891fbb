"""What an atlas says of a layer's heads against what the model does now, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from feature_atlas import Head
from feature_atlas.contract import ATTENTION_STEPS, LEAST_ATTENTION, N_KEYS
from feature_atlas.heads import HeadExample
from pipeline.core.accumulate.attention import Attention
from pipeline.core.heads import HeadGroup, write_factor
from pipeline.core.model import SubjectModel
from pipeline.core.progress import step
from pipeline.core.recheck import TOLERANCE, Compared
from pipeline.core.recompute import BATCH
from pipeline.core.windows import Windows

SECTIONS = ("write", "attention", "random")


@dataclass(frozen=True)
class Looked:
    """A head, and by section its stored examples, each with the window that it is."""

    group: HeadGroup
    head: Head
    examples: dict[str, list[tuple[int, HeadExample]]]

    @classmethod
    def of(cls, group: HeadGroup, head: Head, windows: Windows) -> Looked:
        """Reads the examples; one at a place that the corpus does not have is in window -1."""
        found = {
            section: [(_window(example, windows), example) for example in head.examples(section)]
            for section in SECTIONS
        }
        return cls(group, head, found)

    def each(self) -> Iterator[tuple[str, int, HeadExample]]:
        """What to call each example, its window, and itself."""
        for section, examples in self.examples.items():
            for number, (window, example) in enumerate(examples):
                yield f"{self.head.address}, {section} window {number}", window, example

    def least(self, section: str) -> float:
        """What a window must exceed to be among a section's examples; below all if there is room."""
        start, stop = self.head.heads.sections[section]
        examples = [example for _, example in self.examples[section]]
        values = [each.write if section == "write" else each.attention_sum for each in examples]
        return min(values) if len(values) == stop - start else -np.inf

    def known(self, section: str) -> set[int]:
        """The windows of a section's examples."""
        return {window for window, _ in self.examples[section]}


def wrong_heads(
    model: SubjectModel,
    windows: Windows,
    looked: list[Looked],
    sampled: Int64[np.ndarray, " window"],
    compared: Compared,
) -> Iterator[str]:
    """Examples whose pattern, norms or values are not what comes out again; sampled windows left out."""
    for each in looked:
        yield from (
            f"{where} is at a place that the corpus does not have" for where, w, _ in each.each() if w < 0
        )
    own = [window for each in looked for _, window, _ in each.each() if window >= 0]
    order = np.union1d(np.array(own, np.int64), sampled)
    groups = {each.group.id: each.group for each in looked}
    factors = {name: write_factor(model.head_weights(group.layer).W_O) for name, group in groups.items()}
    points = [point for group in groups.values() for point in (group.pattern, group.values)]
    with model.catching(points) as read, step("deep, heads", len(order), "windows") as progress:
        for number, batch in enumerate(windows.batches(BATCH, order)):
            here = order[number * BATCH : (number + 1) * BATCH]
            acts = read(torch.from_numpy(batch.windows))
            patterns = {name: acts[group.pattern].cpu().numpy() for name, group in groups.items()}
            for each in looked:
                head, group = each.head.index, each.group
                norm = (acts[group.values][:, head] @ factors[group.id][head]).norm(dim=-1).cpu().numpy()
                seen = Attention.of(batch, head, patterns[group.id], norm)
                row = {int(window): i for i, window in enumerate(here)}
                yield from _wrong_windows(each, seen, row, compared)
                yield from _left_out(each, seen, row, compared)
            progress.advance(len(here))


def _wrong_windows(
    each: Looked, seen: Attention, row: Mapping[int, int], compared: Compared
) -> Iterator[str]:
    for where, window, example in each.each():
        if window in row:
            compared["head windows"] += 1
            at = row[window]
            length = int(seen.batch.length[at])
            if example.token_ids != seen.batch.windows[at, :length].tolist():
                yield f"{where} has other tokens than the corpus there"
                continue
            pattern = seen.pattern[at, seen.head, :length, :length]
            compared["attention values"] += int((example.attention > 0).sum())
            yield from (f"{where}: {line}" for line in _wrong_pattern(example.attention, pattern))
            yield from (f"{where}: {line}" for line in _wrong_values(example, seen, at, pattern))


def _wrong_pattern(
    stored: Float32[np.ndarray, "query key"], pattern: Float32[np.ndarray, "query key"]
) -> Iterator[str]:
    """Of each query the stored attention must be the largest, in whole steps, at least one."""
    steps, exact = np.rint(stored * ATTENTION_STEPS), pattern * ATTENTION_STEPS
    there, near = steps > 0, TOLERANCE * ATTENTION_STEPS
    other = there & (np.abs(steps - exact) > 0.5 + near) & ~((steps == 1) & (exact < 1))
    if other.any():
        q, k = np.argwhere(other)[0].tolist()
        yield (
            f"its attention from {q} to {k} is {int(steps[q, k])} steps of 1/{ATTENTION_STEPS}; computed"
            f" again {exact[q, k]:.6g} ({int(other.sum())} such)"
        )
    full = there.sum(axis=1) == N_KEYS
    bound = np.where(full, np.where(there, pattern, np.inf).min(axis=1), LEAST_ATTENTION)
    lacking = ~there & (pattern > bound[:, None] + TOLERANCE)
    if lacking.any():
        q, k = np.argwhere(lacking)[0].tolist()
        yield f"its attention from {q} to {k}, {pattern[q, k]:.6g}, is not told ({int(lacking.sum())} such)"


def _wrong_values(
    example: HeadExample, seen: Attention, at: int, pattern: Float32[np.ndarray, "query key"]
) -> Iterator[str]:
    norm = seen.norm[at, : len(example.norms)]
    if (np.abs(norm - example.norms) > TOLERANCE * norm.max()).any():
        yield "the norms of what its keys write are others"
    told = {"write": example.write, "attention": example.attention_sum, "pattern": example.pattern}
    now = {**_values(seen, at), "pattern": float(pattern[example.query, example.key])}
    for name, value in told.items():
        if not abs(value - now[name]) <= TOLERANCE * max(1.0, abs(now[name])):
            yield f"its {name} is {value:.6g}; computed again {now[name]:.6g}"


def _values(seen: Attention, at: int) -> dict[str, float]:
    """What windows are ranked by."""
    attention = seen.earlier[at].sum(dtype=np.float64)
    return {"write": float(seen.write[at].max()), "attention": float(attention)}


def _left_out(each: Looked, seen: Attention, row: Mapping[int, int], compared: Compared) -> Iterator[str]:
    for section in ("write", "attention"):
        least, known = each.least(section), each.known(section)
        compared["windows looked through for examples left out"] += len(row)
        for window, at in row.items():
            value = _values(seen, at)[section]
            if window not in known and value > least + TOLERANCE * max(1.0, abs(value)):
                yield (
                    f"{each.head.address}: window {window} has a {section} of {value:.6g}, beyond"
                    f" {least:.6g}, and is not among its {section} examples"
                )


def _window(example: HeadExample, windows: Windows) -> int:
    """The window whose first counted token is told; -1 if there is none."""
    starts = windows.corpus.starts
    token = starts[example.document] + example.position
    if token >= starts[example.document + 1]:
        return -1
    window, index = windows.locate(np.array([token]))
    return int(window[0]) if index[0] == 1 else -1
