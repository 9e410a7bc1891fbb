"""Scans the units one after another in this process.

On disk are the nodes of the tree that are done and, now and then, the state of the unit under way: its
arrays, and `done`, at which place of the order it goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.core.files import open_arrays, save_arrays
from pipeline.core.gathered import Gathered
from pipeline.core.parts import Parts
from pipeline.core.progress import Step, say, step
from pipeline.core.scanner import Scanner
from pipeline.core.stopping import Checkpoint, stop_asked
from pipeline.core.units import Node, Units

STATE = "state.npz"


def scan_here(scanner: Scanner, parts: Parts, seconds: float) -> Gathered:
    """All that is gathered of all units. There is a checkpoint every so many seconds.

    Raises KeyboardInterrupt after Ctrl-C, when what is done is saved. A state is saved only after the
    sample: partners are part of it. The corpus may be all sample.
    """
    units, whole, checkpoint = scanner.units, _join(scanner.empty, parts), Checkpoint(seconds)
    todo = [] if whole else parts.tree.missing(parts.there())
    begun, partners = _restore(scanner, parts.folder, todo), parts.partners()
    with stop_asked() as asked, _step(units, todo) as progress:
        for unit in todo:
            if begun and begun[0] == unit:
                _, into, done = begun
                progress.advance(done)
            else:
                into, done = scanner.empty.fresh().lay(partners or {}), 0
                if partners is None:
                    for _ in _told(scanner.sample(into), 0, progress):
                        if asked():
                            raise KeyboardInterrupt
                    done = units.sample
            for n in _told(scanner.scan(unit, into, done), done, progress):
                stop = asked()
                if stop or checkpoint.is_due():
                    checkpoint.take(partial(_save, parts.folder, into, units.span(unit)[0] + n))
                if stop:
                    raise KeyboardInterrupt
            partners, begun = into.partners(), None
            whole = _rise(parts.tree.leaf(unit), into, parts)
    assert whole is not None
    return whole


def _step(units: Units, todo: list[int]) -> AbstractContextManager[Step]:
    to_read = sum(stop - start for start, stop in map(units.span, todo))
    return step("scan", units.n_windows, "windows", units.n_windows - to_read)


def _told(steps: Iterator[int], done: int, progress: Step) -> Iterator[int]:
    for n in steps:
        progress.advance(n - done)
        done = n
        yield done


def _rise(node: Node, gathered: Gathered, parts: Parts) -> Gathered | None:
    """Merges a node with what is beside it on disk, up the tree; saves what comes of it unless it is all."""
    while node.beside in parts.there():
        with parts.open(node.beside) as arrays:
            gathered.merge(arrays, earlier=node.beside < node)
        node = parts.tree.above(node)
    if node == parts.tree.root:
        return gathered
    parts.save(node, gathered.state())
    return None


def _join(empty: Gathered, parts: Parts) -> Gathered | None:
    """Merges what another engine was about to merge; all, if that is all."""
    for node in parts.there():
        there = parts.there()
        if node in there and node.beside in there:
            with parts.open(node) as arrays:
                gathered = empty.fresh().lay(arrays)
            if whole := _rise(node, gathered, parts):
                return whole
    return None


def _save(folder: Path, gathered: Gathered, done: int) -> None:
    save_arrays(folder / STATE, {**gathered.state(), "done": np.array(done)})


def _restore(scanner: Scanner, folder: Path, todo: list[int]) -> tuple[int, Gathered, int] | None:
    """The unit whose state was saved, if it is to be done, what it gathered, and of how many windows."""
    if not (folder / STATE).is_file():
        return None
    with open_arrays(folder / STATE) as saved:
        place = int(saved["done"])
        unit = scanner.units.at(place - 1)
        if unit not in todo:
            return None
        into = scanner.empty.fresh().lay(saved)
    say(f"scan: going on after {place:,} windows")
    return unit, into, place - scanner.units.span(unit)[0]
