"""Scans the units on the workers of a Ray cluster. The only file that knows `ray`.

Each worker is an actor with a model of its own. This process hands out the units, lets workers merge what
they gave up the tree, and saves nodes of it now and then. It holds references: what is gathered stays on the
machine where it was made, and is copied from one to the other. A unit is done when the answer is here, and
its place in the tree is taken once; what is lost with a worker or a machine is done again.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from feature_atlas.errors import AtlasError, InputError
from pipeline.core.engine import Engine
from pipeline.core.gathered import Arrays, Gathered, lay
from pipeline.core.params import Params
from pipeline.core.parts import Parts
from pipeline.core.progress import say, step
from pipeline.core.scanner import Scanner
from pipeline.core.stopping import Checkpoint, stop_asked
from pipeline.core.units import Node, Taken, Units
from pipeline.core.windows import Corpus

try:
    import ray
    from ray.exceptions import (
        NodeDiedError,
        ObjectLostError,
        OutOfMemoryError,
        RayActorError,
        RayTaskError,
        WorkerCrashedError,
    )
except ModuleNotFoundError as error:
    raise InputError("--engine ray needs Ray; install it: pip install 'feature-atlas[ray]'") from error

GONE = (RayActorError, WorkerCrashedError, OutOfMemoryError, NodeDiedError)
TRIES = 3  # workers that one piece of work may take down with it
POLL = 1.0  # seconds between two looks at whether to stop
REACHED = 5.0  # seconds that a cluster has to answer
# With a corpus and a number of threads, the scanner: what every worker is sent.
Opener = Callable[[Corpus, int], Scanner]


def scan_there(
    opener: Opener, corpus: Corpus, units: Units, parts: Parts, engine: Engine, params: Params
) -> Iterator[tuple[str, Arrays]]:
    """Of every scan its name and its result over all units.

    Raises KeyboardInterrupt after Ctrl-C, when the units that are done are saved; InputError if there is
    no such cluster, it lacks the cores or GPUs, or a worker can't load what it is to scan.
    """
    with _cluster(engine.address):
        n, cores, gpus = _shares(engine, params.device != "cpu")
        say(f"scan: {len(units):,} units of {units.size:,} windows on {n} workers of {cores} cores")
        options = {"num_cpus": cores, "num_gpus": gpus, "scheduling_strategy": "SPREAD"}
        actor = ray.remote(UnitWorker).options(**options)
        handing = Handing(lambda: actor.remote(opener, cores), n, corpus, units, parts)
        yield from handing.run(Checkpoint(params.scan.checkpoint_seconds))


class UnitWorker:
    """A process somewhere in the cluster. What it gathers is the second of what it answers."""

    def __init__(self, opener: Opener, threads: int) -> None:
        self._opener, self._threads = opener, threads
        self._sampled: Gathered | None = None

    def open(self, corpus: Corpus) -> tuple[str, list[str]]:
        """Loads model and dictionaries; the machine it is on, and the names of what it scans."""
        self._scanner = self._opener(corpus, self._threads)
        return ray.get_runtime_context().get_node_id(), [each.id for each in self._scanner.empty.kept]

    def sample(self) -> dict[str, np.ndarray]:
        """The partners that the sample chooses; `scan` of unit 0 goes on from there."""
        self._sampled = self._scanner.empty.fresh()
        for _ in self._scanner.sample(self._sampled):
            pass
        return self._sampled.partners()

    def scan(self, unit: int, partners: Arrays) -> tuple[None, Arrays]:
        """A unit."""
        into, done = self._scanner.empty.fresh().lay(partners), 0
        if unit == 0 and self._sampled is not None:
            into, done = self._sampled, self._scanner.units.sample
        self._sampled = None
        for _ in self._scanner.scan(unit, into, done):
            pass
        return None, into.state()

    def merge(self, first: Arrays, later: Arrays) -> tuple[None, Arrays]:
        """A node of the tree, of the two that are below it."""
        into = self._scanner.empty.fresh().lay(first)
        into.merge(later, earlier=False)
        return None, into.state()

    def result(self, name: str, root: Arrays) -> Arrays:
        """The result of one scan, of what was gathered of all units."""
        (one,) = (each for each in self._scanner.empty.kept if each.id == name)
        return lay(one.fresh(), root).result()


@dataclass(eq=False)
class Worker:
    """An actor, whether it has nothing to do, and the machine that it is on, as soon as it tells."""

    actor: Any
    free: bool = True
    machine: str | None = None


@dataclass(frozen=True)
class Held:
    """What was gathered for a node: where it lies; None if on this machine's disk alone."""

    ref: Any = None
    machine: str | None = None


@dataclass(frozen=True)
class Work:
    """What a worker is asked for. A node is merged with the later one beside it."""

    kind: Literal["open", "sample", "scan", "merge", "result"]
    of: int | Node | str | None = None


@dataclass(frozen=True)
class Asked:
    """An answer that is awaited; what is `gathered` stays where it is made."""

    worker: Worker
    work: Work
    gathered: Any = None


class Handing:
    """Hands out all work to `n` workers, which `start` begins, until every result is there."""

    def __init__(self, start: Callable[[], Any], n: int, corpus: Corpus, units: Units, parts: Parts) -> None:
        self._start, self._n, self._units, self._parts = start, n, units, parts
        self._tree, self._corpus = parts.tree, ray.put(corpus)
        partners = parts.partners()
        self._partners: Any = None if partners is None else ray.put(partners)
        self._held: Taken[Held] = Taken()
        self._workers: list[Worker] = []
        self._asked: dict[Any, Asked] = {}
        self._lost: Counter[Work] = Counter()
        self._left: set[str] | None = None  # scans whose results are not there; None until a worker tells
        self._results: list[tuple[str, Arrays]] = []
        self._look_on_disk()

    def run(self, checkpoint: Checkpoint) -> Iterator[tuple[str, Arrays]]:
        """What `scan_there` yields."""
        for _ in range(self._n):
            self._begin_worker()
        told = self._n_done()
        with stop_asked() as asked, step("scan", self._units.n_windows, "windows", told) as progress:
            while self._left is None or self._left:
                self._hand_out()
                for answer in ray.wait(list(self._asked), timeout=POLL)[0]:
                    self._take(answer)
                done, stop = self._n_done(), asked()
                progress.advance(done - told)
                told = done
                if stop or checkpoint.is_due():
                    checkpoint.take(self._save)
                if stop:
                    raise KeyboardInterrupt
                while self._results:
                    yield self._results.pop()

    def _n_done(self) -> int:
        spans = map(self._units.span, self._tree.missing(self._held))
        return self._units.n_windows - sum(stop - start for start, stop in spans)

    def _begin_worker(self) -> None:
        worker = Worker(self._start())
        self._workers.append(worker)
        self._ask(worker, Work("open"))

    def _hand_out(self) -> None:
        """Gives every free worker something to do, as far as there is."""
        for worker in self._workers:
            if worker.free and (work := self._next()):
                self._ask(worker, work)

    def _next(self) -> Work | None:
        """Nodes are merged before more units are begun: it makes room."""
        going = {asked.work for asked in self._asked.values()}
        return next((work for work in self._ready() if work not in going), None)

    def _ready(self) -> Iterator[Work]:
        if self._tree.root in self._held:
            yield from (Work("result", name) for name in sorted(self._left or ()))
        elif self._partners is None:
            yield Work("sample")
        else:
            for node in sorted(self._held):
                if node < node.beside and node.beside in self._held:
                    yield Work("merge", node)
            yield from (Work("scan", unit) for unit in self._tree.missing(self._held))

    def _ask(self, worker: Worker, work: Work) -> None:
        two = {"scan": 2, "merge": 2}.get(work.kind, 1)
        answer = getattr(worker.actor, work.kind).options(num_returns=two).remote(*self._read(work))
        answer, gathered = answer if two == 2 else (answer, None)
        worker.free = False
        self._asked[answer] = Asked(worker, work, gathered)

    def _read(self, work: Work) -> list[Any]:
        """What the worker's method takes."""
        match work:
            case Work("open"):
                return [self._corpus]
            case Work("scan", unit):
                return [unit, self._partners]
            case Work("result", name):
                return [name, self._ref(self._tree.root)]
            case Work("merge", Node() as node):
                return [self._ref(node), self._ref(node.beside)]
        return []

    def _ref(self, node: Node) -> Any:
        """Of what is on disk alone too."""
        if self._held[node].ref is None:
            with self._parts.open(node) as arrays:
                self._held[node] = Held(ray.put(dict(arrays)))
        return self._held[node].ref

    def _take(self, answer: Any) -> None:
        asked = self._asked.pop(answer)
        try:
            found = ray.get(answer)
        except (*GONE, ObjectLostError, RayTaskError) as error:
            self._failed(asked, error)
        else:
            asked.worker.free = True
            del self._lost[asked.work]
            self._enter(asked.worker, asked.work, Held(asked.gathered, asked.worker.machine), found)

    def _enter(self, worker: Worker, work: Work, held: Held, found: Any) -> None:
        match work:
            case Work("open"):
                worker.machine, names = found
                self._left = set(names) if self._left is None else self._left
            case Work("sample"):
                self._partners = ray.put(found)
                self._ask(worker, Work("scan", 0))  # which it has begun
            case Work("scan", int() as unit):
                self._held.take(self._tree.leaf(unit), held)
            case Work("merge", Node() as node):
                self._held.take(self._tree.above(node), held)
            case _:
                assert self._left is not None
                self._left.remove(str(work.of))
                self._results.append((str(work.of), found))

    def _failed(self, asked: Asked, error: Exception) -> None:
        """Raises what the work itself raised; else the worker is gone, or what it was to read."""
        cause = error.cause if isinstance(error, RayTaskError) else error
        if not isinstance(cause, (*GONE, ObjectLostError)):
            raise cause if isinstance(cause, AtlasError) else error
        self._lost[asked.work] += 1
        if self._lost[asked.work] == TRIES:
            raise InputError(
                f"{TRIES} workers were lost at the same work, {asked.work.kind}: {_first_line(cause)};"
                " if they ran out of memory give fewer --workers; what is done is kept"
            )
        self._forget(asked.work if isinstance(cause, ObjectLostError) else None)
        if isinstance(cause, ObjectLostError):
            asked.worker.free = True
            say("scan: what was on a lost machine is done again")
        else:
            self._workers.remove(asked.worker)
            say("scan: a worker was lost; what it did is done again")
            self._begin_worker()

    def _forget(self, work: Work | None) -> None:
        """Nodes that lay on machines that are gone; if all are there, those that the work could not read."""
        alive = {None, *(machine["NodeID"] for machine in ray.nodes() if machine["Alive"])}
        gone = [node for node, held in self._held.items() if held.machine not in alive]
        if not gone and work is not None:
            unread = {"result": self._tree.root, "merge": work.of}.get(work.kind)
            gone = [node for node in self._held if unread in (node, node.beside)]
        for node in gone:
            del self._held[node]
        self._look_on_disk()

    def _look_on_disk(self) -> None:
        for node in self._parts.there():
            self._held.take(node, Held())

    def _save(self) -> None:
        there = self._parts.there()
        for node, held in self._held.items():
            if held.ref is not None and node not in (*there, self._tree.root):
                try:
                    arrays: Any = ray.get(held.ref)
                except ObjectLostError:
                    continue  # who needs it finds out, and it is done again
                self._parts.save(node, arrays)


def _shares(engine: Engine, on_gpu: bool) -> tuple[int, int, int]:
    """How many workers there are to be, and the cores and GPUs of each.

    Machines are taken to be alike: the smallest tells how many cores its share of the workers gets.
    """
    kind = "GPU" if on_gpu else "CPU"
    machines = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    machines = [each for each in machines if each.get(kind, 0) >= 1]
    there = int(sum(each[kind] for each in machines))
    n = engine.workers or (there if on_gpu else len(machines))
    if not 1 <= n <= there:
        raise InputError(
            f"the cluster has {there} {kind}s for {max(n, 1)} workers, each of which needs one; give fewer"
            " --workers, or another --address"
        )
    each = -(-n // len(machines))
    return n, max(1, int(min(machine.get("CPU", 1) for machine in machines)) // each), int(on_gpu)


@contextmanager
def _cluster(address: str | None) -> Generator[None]:
    """Joined to the cluster at the address, or to one of this machine alone, which ends with the block."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what we begin tells nobody about it
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        ray.init("local", include_dashboard=False, **options)
    else:
        _reach(address)
        try:
            ray.init(address, **options)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(f"can't join the Ray cluster at {address}: {_first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises InputError at once where Ray would try for a minute."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--address is {address!r}; give HOST:PORT of the cluster's head, as 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), REACHED).close()
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start one there with:"
            f" ray start --head --port={port}"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
