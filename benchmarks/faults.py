"""Faults that befall builds and publications: what readers get meanwhile, and what the next run makes of it.

    python -m benchmarks.faults [--n 200] [--seed 0] [--json]

A fault that comes too late, when the process has ended, does not count: another takes its place. Afterwards
the same command runs again without fault, and what is there then is compared with what was made without any.
docs/reliability.md tells of the kinds.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fault_kinds import FAULTS, Fault
from benchmarks.fault_line import Line, line_to
from benchmarks.fault_places import Ground, small_disk
from benchmarks.fault_readers import Reader, reading
from benchmarks.fault_work import CRASHED, ENDED, Workers
from benchmarks.report import machine, write_section
from pipeline.core.progress import say, step
from tests.emulators.stores import azurite_running

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
HARM = ("mixed_reads", "lost_counts", "unresumed")
DECK = [(work, fault) for work, faults in FAULTS.items() for fault in faults]


def main() -> None:
    """Writes the table, prints one JSON object; the exit status is 1 if a fault did harm."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--n", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--json", action="store_true", help="leave docs/reliability.md as it is")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        tally = measure(Path(folder), given.n, given.seed)
    if not given.json:
        write_section("faults", tally.page(given.n, given.seed), PAGE)
    print(json.dumps(tally.told()))
    sys.exit(1 if any(tally.told()[harm] for harm in HARM) else 0)


@dataclass
class Tally:
    """By work and kind of fault: how often it happened, and what came of it."""

    disk: str
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    seconds: float = 0.0

    def sum(self, what: str) -> int:
        """Over all kinds."""
        return sum(n for (*_, counted), n in self.counts.items() if counted == what)

    def told(self) -> dict[str, Any]:
        """The sums, and the same by kind."""
        names = ("faults", *HARM, "crashed", "visits", "files_read", "outdated", "too_late")
        kinds = {f"{work}, {kind}": {n: self.counts[work, kind, n] for n in names} for work, kind in DECK}
        sums = {name: self.sum(name) for name in names}
        return {**sums, "seconds": round(self.seconds), "kinds": kinds}

    def page(self, n: int, seed: int) -> str:
        """A table by kind, and what it rests on."""
        head = (
            "| what | fault | faults | visits | mixed | lost | not resumed |\n|---|---|--:|--:|--:|--:|--:|\n"
        )
        rows = "".join(
            f"| {work} | {fault} | "
            + " | ".join(f"{self.counts[work, fault, name]:,}" for name in ("faults", "visits", *HARM))
            + " |\n"
            for work, fault in DECK
        )
        return (
            f"Written by `python -m benchmarks.faults --n {n} --seed {seed}`, in {self.seconds:,.0f} s.\n\n"
            f"{head}{rows}\n"
            f"{self.sum('faults'):,} faults; {self.sum('files_read'):,} files read in"
            f" {self.sum('visits'):,} visits meanwhile and after, each compared with its version's digest;"
            f" {self.sum('outdated'):,} visits had to open an atlas again, whose run a build had replaced."
            f" Full disks: {self.disk}. {machine()}\n"
        )


@dataclass(frozen=True)
class Bench:
    """What faults are made with."""

    ground: Ground
    line: Line
    workers: Workers
    dice: random.Random


def measure(folder: Path, n: int, seed: int) -> Tally:
    """Lets `n` faults happen, about as many of each kind; counts what came of them."""
    started, dice = time.monotonic(), random.Random(seed)
    with bench(folder, dice) as at, step("faults", n, "faults") as progress:
        tally = Tally(at.ground.disk.is_what)
        deck: list[tuple[str, str]] = []
        while (done := tally.sum("faults")) < n:
            deck = deck or dice.sample(DECK, len(DECK))
            work, kind = deck[-1]
            for what, count in play(work, kind, at).items():
                tally.counts[work, kind, what] += count
            if tally.sum("faults") > done:
                deck.pop()
                progress.advance(1)
    tally.seconds = time.monotonic() - started
    return tally


@contextmanager
def bench(folder: Path, dice: random.Random) -> Generator[Bench]:
    """An emulated store, the line to it, a small disk, and all versions."""
    workers = Workers(folder)
    with azurite_running() as server, line_to(server) as line, small_disk(folder) as disk:
        yield Bench(Ground(folder, server, line, disk, workers, dice), line, workers, dice)


def play(work: str, kind: str, bench: Bench) -> Counter[str]:
    """One fault, and the run after it; what came of it. Only `too_late` if it did not happen."""
    ground, workers = bench.ground, bench.workers
    scene, found = ground.scene(work, kind), Counter[str]()
    for_reader, for_fault = (random.Random(bench.dice.random()) for _ in range(2))
    with reading(Reader(scene.get, scene.versions, scene.was is None, for_reader)) as read:
        befallen = Fault(work, kind, scene, ground, bench.line, workers, for_fault).befall()
        crashed = [workers.said() for status in befallen.statuses if status == CRASHED]
        wrong = list(befallen.wrong)
        if workers.end(workers.start(scene.again, scene.near)) != ENDED:
            wrong.append(f"the next run fails: {workers.said()}")
    different = scene.differences()
    ground.left(work, scene, well=not different)
    found["mixed_reads"], found["crashed"] = len(read.wrong), len(crashed)
    found["lost_counts" if scene.new.atlas == "" else "unresumed"] += bool(different)
    found["unresumed"] += bool(wrong)
    for line in (*read.wrong[:5], *wrong, *different[:5], *crashed):
        say(f"{work}, {kind}, {scene}: {line}")
    if not befallen.happened and not found.total():
        return Counter(too_late=1)
    return found + Counter(faults=1, visits=read.visits, files_read=read.files, outdated=read.outdated)


if __name__ == "__main__":
    main()
