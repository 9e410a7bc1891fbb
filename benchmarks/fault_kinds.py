"""The kinds of fault, and how each befalls a process."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.fault_line import Line
from benchmarks.fault_places import (
    BUILD,
    BUILD_FAR,
    FULL,
    PUBLISH,
    PUBLISH_FAR,
    RIVALS,
    STALE,
    TWO,
    Ground,
    Scene,
)
from benchmarks.fault_work import ENDED, REFUSED, SECOND, Workers
from feature_atlas.store import is_url
from tests.emulators.flaky import Failure

KILL = "kill -9"
STORM, BEFORE, AFTER, CUT, SLOW = "503 storm", "reset before", "reset after", "cut short", "slow"
NETWORK = (STORM, BEFORE, AFTER, CUT, SLOW)
FAULTS = {
    BUILD: (KILL, FULL),
    BUILD_FAR: (KILL, FULL, *NETWORK),
    PUBLISH: (KILL, FULL, *RIVALS),
    PUBLISH_FAR: (KILL, *NETWORK, *RIVALS),
}
WAYS: dict[str, tuple[Failure, ...]] = {
    STORM: (503, 503, 429, 500),
    BEFORE: ("reset before",),
    AFTER: ("reset after",),
    CUT: ("cut short", "cut going"),
}
LONGEST = {STORM: 150, BEFORE: 40, AFTER: 40, CUT: 40, SLOW: 20}  # requests from the first to the last
STALLED = 2.5  # seconds, more than a client waits for a byte
RIVAL_ENDS = 8.0  # seconds that the second writer has before the first, who may hold a lock, comes back
FULL_SAID = ("No space left", "File too large")


@dataclass
class Befallen:
    """Whether the fault happened, exit statuses, and what is wrong already."""

    happened: bool
    statuses: list[int]
    wrong: list[str] = field(default_factory=list[str])


@dataclass
class Fault:
    """One fault in one scene."""

    work: str
    kind: str
    scene: Scene
    ground: Ground
    line: Line
    workers: Workers
    dice: random.Random

    def befall(self) -> Befallen:
        """Starts the work and lets it happen; returns when no process is left."""
        self.line.begin(None)
        if self.kind == KILL:
            return self._kill()
        if self.kind == FULL:
            return self._full()
        if self.kind == TWO:
            return self._two()
        return self._stale() if self.kind == STALE else self._network()

    def _kill(self) -> Befallen:
        moment, started = self._moment(), threading.Event()

        def plan(number: int) -> Failure | None:
            if number != moment:
                return None
            started.wait()
            process.kill()
            return self.dice.choice([None, "reset before"])  # the request arrives after all, or does not

        by_request = is_url(self.scene.work.out) and self.dice.random() < 0.7
        self.line.begin(plan if by_request else None)
        process = self.workers.start(self.scene.work, self.scene.far)
        started.set()
        if not by_request:
            process.join(self.dice.random() * self.ground.seconds[self.work])
            process.kill()
        status = self.workers.end(process)
        self.line.begin(None)
        return Befallen(status == -signal.SIGKILL, [status])

    def _full(self) -> Befallen:
        limit = self.ground.disk.limit(int(self.dice.random() * self.scene.room))
        process = self.workers.start(self.scene.work.within(limit), self.scene.near)
        status = self.workers.end(process)
        self.ground.disk.widen()
        said = self.workers.said(process)
        return Befallen(status != ENDED and any(each in said for each in FULL_SAID), [status])

    def _network(self) -> Befallen:
        first, length = self._moment(), self.dice.randint(1, LONGEST[self.kind])

        def plan(number: int) -> Failure | None:
            if not first <= number < first + length:
                return None
            if self.kind == SLOW:
                self.line.failed += 1
                time.sleep(STALLED if number == first else self.dice.random() * 0.3)
                return None
            if self.kind != STORM and self.dice.random() < 0.5:
                return None
            return self.dice.choice(WAYS[self.kind])

        self.line.begin(plan)
        status = self.workers.end(self.workers.start(self.scene.work, self.scene.far))
        happened = self.line.failed > 0
        self.line.begin(None)
        return Befallen(happened, [status])

    def _two(self) -> Befallen:
        one = self.workers.start(self.scene.work, self.scene.near)
        one.join(self.dice.random() * self.ground.seconds[self.work] / 2)
        at_once = one.is_alive()
        two = self.workers.start(self.scene.rival, self.scene.near)
        return self._both(at_once, one, two)

    def _stale(self) -> Befallen:
        """Stopped at a moment, its last requests held on the way; it goes on when the rival is done."""
        moment, started = self._moment(), threading.Event()
        stopped, released, held = threading.Event(), threading.Event(), self.dice.random() < 0.7

        def plan(number: int) -> Failure | None:
            started.wait()
            if number == moment:
                os.kill(one.pid, signal.SIGSTOP)
                stopped.set()
            if held and stopped.is_set():
                released.wait()
            return None

        far = is_url(self.scene.work.out)
        self.line.begin(plan if far else None)
        one = self.workers.start(self.scene.work, self.scene.far)
        started.set()
        if far:
            while one.is_alive() and not stopped.wait(0.05):
                pass
        else:
            one.join(self.dice.random() * self.ground.seconds[self.work])
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGSTOP)
        is_stale = one.is_alive()
        two = self.workers.start(self.scene.rival, self.scene.near)
        two.join(RIVAL_ENDS)
        released.set()
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGCONT)
        return self._both(is_stale, one, two)

    def _both(self, happened: bool, one: Any, two: Any) -> Befallen:
        statuses = [self.workers.end(each) for each in (one, two)]
        self.line.begin(None)
        wrong = [
            f"one of two ends with status {status}: {self.workers.said(each)}"
            for each, status in zip((one, two), statuses, strict=True)
            if status not in (ENDED, REFUSED, SECOND)
        ]
        return Befallen(happened, statuses, [*wrong, *self.ground.whole(self.scene)])

    def _moment(self) -> int:
        """A request."""
        return self.dice.randint(1, max(1, self.ground.requests[self.work]))
