"""Units and the tree: every window once, merged in one order whoever is done first; kills change no bit."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.kills import content
from feature_atlas.errors import InputError
from pipeline import scan
from pipeline.build import build, work_folder
from pipeline.core.accumulate.heavy_types import HeavyTypes
from pipeline.core.engine import Engine
from pipeline.core.files import load_arrays
from pipeline.core.params import Params
from pipeline.core.parts import Parts
from pipeline.core.units import Node, Taken, Tree, Units
from tests import tiny
from tests.test_accumulate import feed_types
from tests.test_resume import slow_saves


@settings(max_examples=200, deadline=None)
@given(n=st.integers(1, 300), size=st.integers(1, 80), sample=st.integers(1, 300))
def test_units_have_every_window_once(n: int, size: int, sample: int) -> None:
    """In order; the first has the whole sample, all but the first and last are of one size."""
    units = Units(n, size, min(sample, n))
    spans = [units.span(unit) for unit in range(len(units))]
    assert [place for start, stop in spans for place in range(start, stop)] == list(range(n))
    assert [unit for unit, (start, stop) in enumerate(spans) for _ in range(start, stop)] == [
        units.at(place) for place in range(n)
    ]
    assert spans[0][1] == min(n, max(size, units.sample))
    assert all(stop - start == size for start, stop in spans[1:-1])


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 70), seed=st.integers(0, 10_000))
def test_the_tree_is_one_whoever_is_done_first(n: int, seed: int) -> None:
    """Merged as soon as both are there, in random order: one expression, with all units in order."""
    tree, dice = Tree(n), random.Random(seed)
    orders = [list(range(n)), dice.sample(range(n), n)]
    told = [merged(tree, order) for order in orders]
    assert told[0] == told[1]
    assert [int(unit) for unit in told[0].replace("(", " ").replace(")", " ").split()] == list(range(n))


def merged(tree: Tree, order: list[int]) -> str:
    """Which units are merged with which, as brackets."""
    there: dict[Node, str] = {}
    for done, unit in enumerate(order):
        assert tree.missing(there) == sorted(order[done:])
        node, text = tree.leaf(unit), str(unit)
        while node.beside in there:
            first, later = (
                (text, there.pop(node.beside)) if node < node.beside else (there.pop(node.beside), text)
            )
            node, text = tree.above(node), f"({first} {later})"
        there[node] = text
    assert list(there) == [tree.root]
    return there[tree.root]


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 10_000))
def test_late_and_lost_answers_count_no_unit_twice(n: int, seed: int) -> None:
    """Whatever nodes are entered or lost in whatever order, each unit is in one of them or missing."""
    tree, dice, taken = Tree(n), random.Random(seed), Taken[str]()
    for number in range(60):
        node = tree.leaf(dice.randrange(n))
        for _ in range(dice.randrange(4)):
            node = node if node == tree.root else tree.above(node)
        if dice.random() < 0.2:
            taken.pop(node, None)
        else:
            taken.take(node, str(number))
            assert any(other.holds(node) for other in taken)
        there = [unit for each in taken for unit in tree.units(each)]
        assert sorted(there + tree.missing(taken)) == list(range(n))


@pytest.mark.parametrize("n", [2, 5, 13])
def test_bounded_tables_keep_their_bounds_up_the_tree(n: int) -> None:
    """More types than slots in every unit: n <= true <= n + late and n + missed, absent ones <= missed."""
    dice = np.random.default_rng(n)
    types = (dice.zipf(1.3, (n, 6000)) % 3000).astype(np.int64)
    types[n // 2] = np.arange(6000) % 3000  # none is heavier than another
    tree, there = Tree(n), dict[Node, HeavyTypes]()
    for unit, seen in enumerate(types):
        node, table = tree.leaf(unit), HeavyTypes(2)
        fires = np.arange(len(seen), dtype=np.int32)
        feed_types(table, fires, fires[::7], seen)
        while node.beside in there:
            first = there.pop(node.beside)
            first.merge(table)
            node, table = tree.above(node), first
        there[node] = table
    table = there[tree.root]
    for latent, seen in enumerate((types.ravel(), types[:, ::7].ravel())):
        true, row, missed = np.bincount(seen, minlength=3000), table.table[latent], int(table.missed[latent])
        row = row[row["key"] > 0]
        own, counted = row["key"].astype(np.int64) - 1, row["firings"].astype(np.int64)
        assert 0 < missed < len(seen) / 96
        assert (counted <= true[own]).all()
        assert (true[own] <= counted + row["late"]).all()
        assert row["late"].max() <= missed
        assert np.delete(true, own).max() <= missed


@pytest.fixture(scope="module")
def in_units(tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> tuple[Params, Path]:
    """The small atlas scanned in 14 units, and its parameters."""
    params, out = tiny.in_units(tiny_params), tmp_path_factory.mktemp("units") / "atlas"
    build(params, out)
    return params, out


def test_the_size_of_units_changes_last_bits_alone(in_units: tuple[Params, Path], tiny_atlas: Path) -> None:
    """What is counted or chosen is the same; sums agree to the last bits of float32."""
    _, out = in_units
    summed = ("moments/", "within/", "across/", "heads/", "fires_on/", "sums/", "types/")
    for path in (work_folder(tiny_atlas) / "scan").glob("*.npz"):
        one, other = load_arrays(path), load_arrays(work_folder(out) / "scan" / path.name)
        assert one.keys() == other.keys()
        for name in one:
            if name.endswith("/key"):  # slots are in no order
                np.testing.assert_array_equal(np.sort(one[name], axis=1), np.sort(other[name], axis=1))
            elif name.startswith(summed):
                floats = one[name].dtype.kind == "f"  # which may cancel: their size is the largest's
                rtol, atol = (1e-5, 1e-6 * float(np.abs(one[name]).max())) if floats else (0, 0)
                np.testing.assert_allclose(one[name], other[name], rtol, atol, err_msg=name)


def test_units_as_large_as_the_corpus_change_no_digest(
    tiny_params: Params, tiny_atlas: Path, tmp_path: Path
) -> None:
    scan = tiny_params.scan.model_copy(update={"unit_tokens": 2**30})
    shutil.copytree(work_folder(tiny_atlas), tmp_path / "atlas.work")
    before = (tmp_path / "atlas.work" / "scan" / "stage.json").stat().st_mtime_ns
    build(tiny_params.model_copy(update={"scan": scan}), tmp_path / "atlas")
    assert (tmp_path / "atlas.work" / "scan" / "stage.json").stat().st_mtime_ns == before
    assert content(tmp_path / "atlas") == content(tiny_atlas)


class Killed(BaseException):
    """As by SIGKILL: nothing catches it."""


def test_a_scan_killed_again_and_again_ends_with_the_same_bits(
    in_units: tuple[Params, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a file is in its place, or just after; at most a node of each level stays on disk."""
    params, whole = in_units
    work, replace, seen, kills = tmp_path / "atlas.work", os.replace, itertools.count(), 0
    shutil.copytree(work_folder(whole), work)
    shutil.rmtree(work / "scan")

    def killed(partial: Path, path: Path) -> None:
        n = next(seen) % 14
        if n == 6:
            raise Killed
        replace(partial, path)
        assert len(list((work / "scan").glob("units+*"))) <= 2 + Tree(14).root.level
        if n == 13:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", killed)
        while True:
            try:
                scan.run(params, work)
                break
            except Killed:
                kills += 1
    assert kills >= 5
    assert not list((work / "scan").glob("units+*"))
    build(params, tmp_path / "atlas")
    assert content(tmp_path / "atlas") == content(whole)


@pytest.mark.parametrize("calls", [0, 3, 9])
def test_a_stopped_scan_goes_on_inside_its_unit(
    in_units: tuple[Params, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    params, whole = in_units
    slow, work, seen = (
        params.model_copy(update={"scan": slow_saves(params)}),
        tmp_path / "atlas.work",
        itertools.count(1),
    )
    shutil.copytree(work_folder(whole), work)
    shutil.rmtree(work / "scan")

    @contextmanager
    def asked() -> Generator[Callable[[], bool]]:
        yield lambda: next(seen) > calls

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.core.local_engine.stop_asked", asked)
        with pytest.raises(KeyboardInterrupt):
            build(slow, tmp_path / "atlas")
    build(params, tmp_path / "atlas")
    assert content(tmp_path / "atlas") == content(whole)


def test_parts_keep_no_node_below_another(tmp_path: Path) -> None:
    """As after a kill between the writing of a node and the removal of what was merged into it."""
    parts, arrays = Parts(tmp_path, Tree(5)), {"a/partner": np.arange(3), "a/x": np.ones(2)}
    assert parts.partners() is None
    for node in (Node(0, 0), Node(0, 1), Node(0, 3)):
        parts.save(node, arrays)
    (tmp_path / "units+1.0.npz").write_bytes((tmp_path / "units+0.0.npz").read_bytes())
    (tmp_path / "mlp_post.0.npz").touch()
    parts = Parts(tmp_path, Tree(5))
    assert parts.there() == [Node(0, 3), Node(1, 0)]
    found = parts.partners()
    assert found is not None and list(found) == ["a/partner"]
    parts.save(Node(2, 0), arrays)
    assert parts.there() == [Node(2, 0)]
    parts.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["mlp_post.0.npz"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("spark", None, None), "'spark'; give one of: local, ray"),
        (("local", 2, None), "are for --engine ray"),
        (("local", None, "10.0.0.1:6379"), "are for --engine ray"),
        (("ray", 0, None), "--workers is 0"),
    ],
)
def test_flags_that_do_not_go_together(given: tuple[str, int | None, str | None], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Engine.of(*given)
