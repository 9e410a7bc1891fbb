"""Progress of long steps, on stderr: done, total, rate, time gone and time remaining."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

console = Console(stderr=True, highlight=False)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if not speed else f"{speed:,.0f} {task.fields['unit']}/s")


LOG_SECONDS = 30.0


class Step:
    """One long step; `advance` tells how far it got. Without a terminal it logs a line now and then."""

    def __init__(self, progress: Progress, name: str, total: int | None, unit: str, done: int) -> None:
        self._progress = progress
        self._id = progress.add_task(name, total=total, unit=unit, completed=done)
        self._logged = time.monotonic()

    def advance(self, amount: int) -> None:
        """`amount` more units are done."""
        self._progress.advance(self._id, amount)
        if not console.is_terminal and time.monotonic() - self._logged > LOG_SECONDS:
            self._logged = time.monotonic()
            say(self._line())

    def _line(self) -> str:
        task = self._progress.tasks[self._id]
        unit, speed, left = task.fields["unit"], task.speed or 0.0, task.time_remaining
        of = "" if task.total is None else f" of {task.total:,.0f}"
        rest = "" if left is None else f", {left:,.0f} s left"
        return f"{task.description}: {task.completed:,.0f}{of} {unit}, {speed:,.0f}/s{rest}"


@contextmanager
def step(name: str, total: int | None, unit: str, done: int = 0) -> Generator[Step]:
    """Shows a step while its block runs; `total` in `unit`s, None if it can't be known."""
    progress = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with progress:
        yield Step(progress, name, total, unit, done)


@contextmanager
def silence() -> Generator[None]:
    """While open, steps and lines are not shown."""
    before, console.quiet = console.quiet, True
    try:
        yield
    finally:
        console.quiet = before


def say(line: str) -> None:
    """One line of counts or advice, on stderr."""
    console.print(line, markup=False, soft_wrap=True)
