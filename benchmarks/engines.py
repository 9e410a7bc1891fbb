"""What Ray costs over one process on the same units, and what merging costs.

    python -m benchmarks.engines [--tokens 196608] [--json]

Prints one JSON object last, and without --json writes the section of `docs/scaling.md` before. Both engines
scan the same units on all cores, Ray with one worker. The time until that is ready (Ray's own processes, the
worker's imports, its model) is told apart. What 64 workers would cost is simulated from the measured times.
"""

from __future__ import annotations

import argparse
import heapq
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from benchmarks.one_pass import make
from benchmarks.report import machine, write_section
from benchmarks.work import MINI
from pipeline.core.engine import Engine
from pipeline.core.gathered import Gathered
from pipeline.core.local_engine import scan_here
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, ScanParams, make_params
from pipeline.core.parts import Parts
from pipeline.core.ray_engine import scan_there
from pipeline.core.scanner import Scanner
from pipeline.core.subject import load_dictionaries
from pipeline.core.units import Node, Tree
from pipeline.core.windows import Corpus, Windows
from pipeline.scan import open_windows, scanner_of, windows_of

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
N_LATENTS, UNIT, SAMPLE = 3_072, 32_768, 8_192
COUNTS = (1, 2, 4, 8, 16)
WORKERS, UNITS, LINK = (
    64,
    1024,
    1.25e9,
)  # of the simulation; the last in bytes a second from machine to machine
DEFAULT = ScanParams().unit_tokens
ROUNDS = 4  # the best of each counts


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--tokens", type=int, default=196_608)
    arguments.add_argument("--json", action="store_true", help="only print")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.tokens)
    if not given.json:
        write_section("engines", report(found), PAGE)
    print(json.dumps(found, indent=1))


def measure(folder: Path, tokens: int) -> dict[str, Any]:
    """Everything that is told."""
    make(folder, MINI, 1, N_LATENTS, tokens, SAMPLE)
    raw = json.loads((folder / "params.json").read_text())
    raw["scan"] |= {"unit_tokens": UNIT}
    params = make_params(raw, "benchmark")
    windows = open_windows(params, ModelFolder.resolve(params.model), folder / "work")
    scanner = scanner_for(params, windows)
    merge, size = merging(scanner)  # which compiles
    rounds = [one_round(scanner, windows.corpus, params, folder / str(n)) for n in range(ROUNDS)]
    local, distant = (
        {key: min(each[side][key] for each in rounds) for key in rounds[0][side]} for side in (0, 1)
    )
    rate = windows.counted_tokens / local["seconds"]
    return {
        "tokens": windows.counted_tokens,
        "units": len(scanner.units),
        "local_seconds": round(local["seconds"], 1),
        "ray_seconds": round(distant["seconds"], 1),
        "ray_start_seconds": round(distant["start"], 1),
        "overhead": round(distant["seconds"] / local["seconds"] - 1, 3),
        "cpu_overhead": round(distant["cpu"] / local["cpu"] - 1, 3),
        "state_bytes": size,
        "merge_seconds": round(merge, 3),
        "merge_share": {n: round(share(n, merge, UNIT / rate), 5) for n in COUNTS},
        "merge_share_of_default": {n: round(share(n, merge, DEFAULT / rate), 5) for n in COUNTS},
        "simulated": {
            n: round(simulated(n, DEFAULT / rate, SAMPLE / rate, merge, size), 4) for n in (1, WORKERS)
        },
    }


def one_round(
    scanner: Scanner, corpus: Corpus, params: Params, folder: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """One process, then Ray."""
    folder.mkdir()
    here, there = (new_parts(folder / name, scanner) for name in ("here", "there"))
    return (
        through_here(scanner, here, params),
        through_ray(corpus, params, there, scanner, folder / "opened"),
    )


def scanner_for(params: Params, windows: Windows, threads: int | None = None) -> Scanner:
    """What every worker opens."""
    folder = ModelFolder.resolve(params.model)
    dictionaries = load_dictionaries(params, folder)
    missing = [f"{each.id}.npz" for each in dictionaries]
    return scanner_of(params, folder, dictionaries, [], windows, missing, threads)


def told_opener(params: Params, opened: Path, corpus: Corpus, threads: int) -> Scanner:
    """`scanner_for` on a worker, which leaves a file when it is ready."""
    windows = windows_of(params, ModelFolder.resolve(params.model), corpus)
    scanner = scanner_for(params, windows, threads)
    for _ in scanner.scan(len(scanner.units) - 1, scanner.empty.fresh()):
        break  # compiles, as the other process has
    opened.touch()
    return scanner


def new_parts(folder: Path, scanner: Scanner) -> Parts:
    """An empty folder."""
    folder.mkdir()
    return Parts(folder, Tree(len(scanner.units)))


def through_here(scanner: Scanner, parts: Parts, params: Params) -> dict[str, float]:
    """Seconds, and CPU seconds, from a loaded model to all results."""
    started, spent = time.monotonic(), cpu_seconds()
    for each in scan_here(scanner, parts, params.scan.checkpoint_seconds).kept:
        each.result()
    return {"seconds": time.monotonic() - started, "cpu": cpu_seconds() - spent}


def through_ray(
    corpus: Corpus, params: Params, parts: Parts, scanner: Scanner, opened: Path
) -> dict[str, float]:
    """The same of Ray with one worker; and the seconds before that."""
    began, ready = time.monotonic(), list[tuple[float, float]]()

    def watch() -> None:
        while not opened.exists():
            time.sleep(0.02)
        ready.append((time.monotonic(), cpu_seconds()))

    Thread(target=watch, daemon=True).start()
    opener, ended, spent = partial(told_opener, params, opened), 0.0, 0.0
    for _ in scan_there(opener, corpus, scanner.units, parts, Engine("ray", 1), params):
        ended, spent = time.monotonic(), cpu_seconds()
    ((since, before),) = ready
    return {"seconds": ended - since, "cpu": spent - before, "start": since - began}


def cpu_seconds() -> float:
    """Of this process and all that it began."""
    here = psutil.Process()
    times = [each.cpu_times() for each in (here, *here.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def merging(scanner: Scanner) -> tuple[float, int]:
    """Seconds to merge two results as a worker does, a mean up a tree of the most of COUNTS; their bytes."""
    units = [scanner.empty.fresh() for _ in range(2)]
    for _ in scanner.sample(units[0]):
        pass
    units[1].lay(units[0].partners())
    for unit, into in enumerate(units):
        for _ in scanner.scan(unit, into, scanner.units.sample * (unit == 0)):
            pass
    states = [each.state() for each in units]
    merged(scanner.empty, states[0], states[1])  # compiles
    tree, there, spent = Tree(max(COUNTS)), dict[Node, Any](), 0.0
    for unit in range(max(COUNTS)):
        node, state = tree.leaf(unit), states[unit % 2]
        while node.beside in there:
            started = time.monotonic()
            state = merged(scanner.empty, there.pop(node.beside), state)
            spent += time.monotonic() - started
            node = tree.above(node)
        there[node] = state
    return spent / (max(COUNTS) - 1), sum(array.nbytes for array in states[0].values())


def merged(empty: Gathered, first: Any, later: Any) -> Any:
    """As `UnitWorker.merge`."""
    into = empty.fresh().lay(first)
    into.merge(later, earlier=False)
    return into.state()


def share(n: int, merge: float, unit: float) -> float:
    """Of the time that `n` units take, what their merging takes."""
    return (n - 1) * merge / (n * unit)


def simulated(n_workers: int, unit: float, sample: float, merge: float, size: int) -> float:
    """What UNITS units take longer than the work alone shared out evenly: as a share of that.

    Every worker is as fast as the measured one. The sample comes first, on one; nodes are merged before units
    are begun, as Ray's workers do, and what is merged crosses the link once.
    """
    tree, todo, there = Tree(UNITS), list(range(UNITS))[::-1], set[Node]()
    free = [(sample if worker else 0.0, worker) for worker in range(n_workers)]
    ready: list[tuple[float, Node]] = []  # pairs, by when the second was there
    going: list[tuple[float, Node]] = []
    heapq.heapify(free)
    while True:
        now, worker = heapq.heappop(free)
        while going and going[0][0] <= now:
            at, node = heapq.heappop(going)
            there.add(node)
            if node.beside in there:
                heapq.heappush(ready, (at, min(node, node.beside)))
        if tree.root in there:
            return now / (UNITS * unit / n_workers) - 1
        if ready:
            node, seconds = tree.above(heapq.heappop(ready)[1]), merge + size / LINK
        elif todo:
            node, seconds = tree.leaf(todo.pop()), unit
        else:
            heapq.heappush(free, (max(now, going[0][0]), worker))
            continue
        heapq.heappush(going, (now + seconds, node))
        heapq.heappush(free, (now + seconds, worker))


def report(found: dict[str, Any]) -> str:
    """The section of `docs/scaling.md`."""
    rows = [
        ("tokens, units", f"{found['tokens']:,}, {found['units']}"),
        ("one process", f"{found['local_seconds']} s"),
        ("Ray, one worker", f"{found['ray_seconds']} s"),
        ("before that, until the worker is ready", f"{found['ray_start_seconds']} s"),
        ("Ray over one process, by the clock", f"{found['overhead']:+.1%}"),
        ("the same in CPU seconds, all processes", f"{found['cpu_overhead']:+.1%}"),
        ("one merge", f"{found['merge_seconds']} s for {found['state_bytes'] / 2**20:,.0f} MiB"),
        *(
            (
                f"merging of partial results, {n} of them: share of their units' time",
                f"{found['merge_share_of_default'][n]:.3%}",
            )
            for n in COUNTS
        ),
        (
            f"**simulated**: {WORKERS} workers, {UNITS:,} units, over the work alone",
            f"{found['simulated'][WORKERS]:+.1%}",
        ),
    ]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"| what | measured |\n|---|---|\n{table}\n{machine()}\n"


if __name__ == "__main__":
    main()
