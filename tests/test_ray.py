"""Ray's workers end with the digests of one process: however many, and whatever is lost on the way."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from benchmarks.kills import content
from feature_atlas.errors import InputError
from pipeline.build import build, work_folder
from pipeline.core import ray_engine
from pipeline.core.engine import Engine
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.parts import Parts
from pipeline.core.ray_engine import Handing, Held, Work, Worker, scan_there
from pipeline.core.units import Tree, Units
from pipeline.core.windows import corpus_digest
from pipeline.scan import open_windows, scanner_there
from tests import tiny

UNITS = 14
MACHINE = {"num_cpus": 2, "object_store_memory": 80 * 2**20}
Deed = Callable[[Handing], bool]


@pytest.fixture(scope="module")
def cluster() -> Generator[Cluster]:
    """Two machines of two cores."""
    made = Cluster(initialize_head=True, head_node_args={**MACHINE, "include_dashboard": False})
    made.add_node(**MACHINE)
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def in_units(tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> tuple[Params, Path]:
    """The small atlas scanned in 14 units by one process, and its parameters."""
    params, out = tiny.in_units(tiny_params), tmp_path_factory.mktemp("units") / "atlas"
    build(params, out)
    return params, out


@pytest.fixture
def out(in_units: tuple[Params, Path], tmp_path: Path) -> Path:
    """Where everything but the scan is done already."""
    shutil.copytree(work_folder(in_units[1]), tmp_path / "atlas.work")
    shutil.rmtree(tmp_path / "atlas.work" / "scan")
    return tmp_path / "atlas"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine says."""
    lines: list[str] = []
    monkeypatch.setattr(ray_engine, "say", lines.append)
    return lines


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """The work whose answers were taken."""
    enter, works = Handing._enter, list[Work]()

    def seen(self: Handing, worker: Worker, work: Work, held: Held, found: Any) -> None:
        works.append(work)
        enter(self, worker, work, held, found)

    monkeypatch.setattr(Handing, "_enter", seen)
    return works


def test_four_workers_on_two_machines(
    in_units: tuple[Params, Path],
    out: Path,
    cluster: Cluster,
    said: list[str],
    entered: list[Work],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params, whole = in_units
    when_all_work(monkeypatch)
    build(params, out, Engine("ray", 4, cluster.address))
    assert content(out) == content(whole)
    assert said == [f"scan: {UNITS} units of 12 windows on 4 workers of 1 cores"]
    assert sorted(work.of for work in entered if work.kind == "scan") == list(range(UNITS))
    assert sum(work.kind == "merge" for work in entered) == UNITS - 1
    assert not list((work_folder(out) / "scan").glob("units+*"))


def test_one_worker_stopped_goes_on_with_two_of_which_one_is_killed(
    in_units: tuple[Params, Path],
    out: Path,
    cluster: Cluster,
    said: list[str],
    entered: list[Work],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was done before Ctrl-C is not done again; what the killed worker was at is."""
    params, whole = in_units

    @contextmanager
    def asked() -> Generator[Callable[[], bool]]:
        yield lambda: sum(work.kind == "scan" for work in entered) >= 5

    with monkeypatch.context() as patched:
        patched.setattr(ray_engine, "stop_asked", asked)
        with pytest.raises(KeyboardInterrupt):
            build(params, out, Engine("ray", 1, cluster.address))
    done = {work.of for work in entered if work.kind == "scan"}
    assert len(done) == 5
    entered.clear()

    def kill(handing: Handing) -> bool:
        at_work = [asked.worker for asked in handing._asked.values() if asked.work.kind == "scan"]
        if len(entered) < 6 or not at_work:
            return False
        ray.kill(at_work[0].actor)
        return True

    hit = when_all_work(monkeypatch, kill)
    build(params, out, Engine("ray", 2, cluster.address))
    assert hit
    assert content(out) == content(whole)
    assert "scan: a worker was lost; what it did is done again" in said
    assert sorted(work.of for work in entered if work.kind == "scan") == sorted(set(range(UNITS)) - done)


def test_a_machine_is_lost(
    in_units: tuple[Params, Path],
    out: Path,
    cluster: Cluster,
    said: list[str],
    entered: list[Work],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With it goes what was gathered there, which is done again. Nothing is saved before the end here."""
    params, whole = in_units
    slow = params.model_copy(update={"scan": params.scan.model_copy(update={"checkpoint_seconds": 1e9})})
    (second,) = cluster.worker_nodes

    def remove(handing: Handing) -> bool:
        if not any(held.machine == second.node_id for held in handing._held.values()):
            return False
        cluster.remove_node(second, allow_graceful=False)
        return True

    hit = when_all_work(monkeypatch, remove)
    build(slow, out, Engine("ray", 2, cluster.address))
    assert hit
    assert content(out) == content(whole)
    assert "scan: a worker was lost; what it did is done again" in said
    scanned = [work.of for work in entered if work.kind == "scan"]
    assert set(scanned) == set(range(UNITS))
    assert len(scanned) > UNITS


def when_all_work(monkeypatch: pytest.MonkeyPatch, deed: Deed = lambda _: True) -> list[Handing]:
    """Hands nothing out until every worker is open; then calls `deed` until it says that it is done.

    Units are so small that else the first to be open would do them all.
    """
    hand_out, met, done = Handing._hand_out, list[Handing](), list[Handing]()

    def handed(self: Handing) -> None:
        if not met and all(worker.machine for worker in self._workers):
            met.append(self)
        if met:
            hand_out(self)
            if not done and deed(self):
                done.append(self)

    monkeypatch.setattr(Handing, "_hand_out", handed)
    return done


def test_a_machine_with_other_files_is_refused(
    in_units: tuple[Params, Path], out: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """What a worker raises is raised here."""
    params, work = in_units[0], work_folder(out)
    windows = open_windows(params, ModelFolder.resolve(params.model), work)
    units, keys = Units.of(windows, params.scan), {"tiny-sae.npz": "0" * 64}
    opener = partial(scanner_there, params, keys, list(keys), corpus_digest(work / "tokens"))
    parts = Parts(tmp_path, Tree(len(units)))
    with pytest.raises(InputError, match=r"would scan tiny-sae\.npz with another model"):
        list(scan_there(opener, windows.corpus, units, parts, Engine("ray", 1, cluster.address), params))


def test_no_more_workers_than_cores(in_units: tuple[Params, Path], out: Path, cluster: Cluster) -> None:
    with pytest.raises(InputError, match=r"CPUs for 9 workers"):
        build(in_units[0], out, Engine("ray", 9, cluster.address))


@pytest.mark.parametrize("address", ["nonsense", "head:port", "127.0.0.1:{closed}"])
def test_a_cluster_that_does_not_answer(in_units: tuple[Params, Path], out: Path, address: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = address.format(closed=unused.getsockname()[1])
        with pytest.raises(InputError, match=r"HOST:PORT|no Ray cluster answers at"):
            build(in_units[0], out, Engine("ray", None, closed))


def test_ray_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, in_units: tuple[Params, Path], out: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "pipeline.core.ray_engine")
    with pytest.raises(InputError, match=r"pip install 'feature-atlas\[ray\]'"):
        build(in_units[0], out, Engine("ray"))
