"""Publishers that are killed, meet each other, or have a bad network: readers see one whole site."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from pipeline.core import blobs, published
from pipeline.core.blobs import WrittenMeanwhile, open_place
from tests.emulators.flaky import flaky
from tests.emulators.stores import connection_string
from tests.published_site import (
    CHANGES,
    Killed,
    Watched,
    at,
    check_reader,
    check_same,
    frozen,
    put,
)
from tests.test_blobs import KINDS


def test_killed_at_the_ends_of_every_phase(sites: tuple[Path, Path], tmp_path: Path) -> None:
    """The reader has one whole site at every moment, and the next run completes it."""
    a, b = sites
    base = tmp_path / "base"
    put(a, open_place(str(base)))
    done = put(b, open_place(str(shutil.copytree(base, tmp_path / "whole"))), keep=0)
    phases = [(call, name.endswith(".html")) for call, name in done.calls if call in CHANGES]
    edges = {i for i in range(1, len(phases)) if phases[i - 1] != phases[i]} | {0, len(phases)}
    seen: set[Path] = set()
    for number, stop in enumerate(sorted(edges | {edge + 1 for edge in edges if edge < len(phases)})):
        place = open_place(str(shutil.copytree(base, tmp_path / "place")))
        if stop:
            with pytest.raises(Killed):
                put(b, Watched(place, stop, after=number % 2 == 0), keep=0)
        seen.add(check_reader(place, a, b))
        rest = put(b, place, keep=0)
        check_same(place, b, set())
        if 1 < stop < len(phases):
            assert len(rest.changes("put", "copy")) < len(done.changes("put", "copy")), "it goes on"
        shutil.rmtree(tmp_path / "place")
    assert seen == {a, b} and number > 10


@at("azurite")
def test_killed_at_each_kind_of_step_in_a_store(
    url: str, sites: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the killed one left, another publication takes over."""
    monkeypatch.setattr(published, "LEASE", 0.01)
    a, b = sites
    for number, (kinds, name) in enumerate(
        [
            ("copy", ""),
            ("swap", ".html"),
            ("delete", ""),
        ]
    ):
        place = open_place(f"{url}/{number}")
        put(a, place)
        watched = Watched(place)
        armed: list[str] = []

        def kill(
            call: str, told: Any, kinds: str = kinds, name: str = name, armed: list[str] = armed
        ) -> None:
            if armed:
                raise Killed
            if call == kinds and told.endswith(name):
                armed.append(told)

        watched.before_call = kill
        with pytest.raises(Killed):
            put(b, watched, keep=0)
        check_reader(place, a, b)
        other = a if number > 0 else b  # what was there all the time is there already
        put(other, place, keep=0)
        check_same(place, other, set())


@at(*KINDS)
def test_of_two_publishers_one_wins(url: str, sites: tuple[Path, Path]) -> None:
    """Both have sent all that never changes when the first claims the place."""
    a, b = sites
    start = shutil.copytree(a, a.parent / "start", dirs_exist_ok=True)
    (start / "index.html").write_text((a / "index.html").read_text() + "<!-- before -->")
    place = open_place(url)
    put(start, place)
    barrier, errors, won = Barrier(2, timeout=30), [], []

    def run(site: Path) -> None:
        watched, met = Watched(place), []

        def meet(call: str, name: Any) -> None:
            if (call, name) == ("swap", "published.json") and not met:
                met.append(name)
                barrier.wait()

        watched.before_call = meet
        try:
            put(site, watched)
            won.append(site)
        except WrittenMeanwhile as error:
            errors.append(error)
            assert not [name for name in watched.changes("swap") if name.endswith(".html")]

    threads = [Thread(target=run, args=(site,)) for site in (a, b)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == 1 and len(errors) == 1
    assert "another publisher was first" in str(errors[0])
    assert check_reader(place, a, b) == won[0]
    loser = b if won[0] == a else a
    put(loser, place, keep=0)
    check_same(place, loser, set())


def test_one_who_was_replaced_stops(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that hung among its pages longer than the lease finds the place taken, and stops."""
    a, b = sites
    monkeypatch.setattr(published, "LEASE", 0.01)
    monkeypatch.setattr(published, "BEAT", -1.0)  # asks before every change
    monkeypatch.setattr("pipeline.publish.THREADS", 1)
    place, hung = open_place(str(tmp_path / "place")), Watched(open_place(str(tmp_path / "place")))
    put(a, place)
    slept: list[str] = []

    def hang(call: str, name: Any) -> None:
        if call == "swap" and name.endswith(".html") and not slept:
            slept.append(name)
            put(a, place)

    hung.before_call = hang
    with pytest.raises(WrittenMeanwhile, match="another publisher"):
        put(b, hung)
    assert [name for name in hung.changes("swap") if name.endswith(".html")] == slept
    assert "atlas/atlas.json" not in hung.changes("swap")
    assert check_reader(place, a, b) == a


def test_one_who_is_at_work_is_waited_for(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sites
    place, first = open_place(str(tmp_path)), Watched(open_place(str(tmp_path)))
    put(a, place)
    waits: list[float] = []
    monkeypatch.setattr(published, "BEAT", -1.0)
    monkeypatch.setattr("pipeline.publish.THREADS", 1)
    second: list[Watched] = []

    def meanwhile(call: str, name: Any) -> None:
        """The second begins while the first is among its pages; each time it looks, the first goes on."""
        if call == "swap" and name.endswith(".html") and not second:
            second.append(Watched(open_place(str(tmp_path))))
            thread.start()
            ready.wait()

    ready = Barrier(2, timeout=30)
    thread = Thread(target=lambda: put(a, second[0], keep=0))

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            ready.wait()
        publisher.join()

    monkeypatch.setattr(published.time, "sleep", sleep)
    first.before_call = meanwhile
    publisher = Thread(target=lambda: put(b, first))
    publisher.start()
    publisher.join()
    thread.join()
    assert waits == [published.LEASE]
    check_same(place, a, set())


@at("azurite")
def test_through_a_network_that_fails(
    url: str, sites: tuple[Path, Path], azurite_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fourth request fails: what is published is whole, and as it would be."""
    direct, (a, b) = open_place(url), sites
    monkeypatch.setattr(blobs, "FIRST_WAIT", 0.001)
    with flaky(azurite_server, every=4) as between:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(between))
        place = open_place(url)
        put(a, place)
        put(b, place)
        check_same(place, b, frozen(a))
        put(a, place, keep=0)
    check_same(direct, a, set())
