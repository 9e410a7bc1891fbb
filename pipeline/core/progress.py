"""Progress of long steps, on stderr: done, total, rate, time gone and time remaining."""

from __future__ import annotations

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


class Step:
    """One long step; `advance` tells how far it got."""

    def __init__(self, progress: Progress, name: str, total: int | None, unit: str, done: int) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=total, unit=unit, completed=done)

    def advance(self, amount: int) -> None:
        """`amount` more units are done."""
        self._progress.advance(self._task, amount)


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


def say(line: str) -> None:
    """One line of counts or advice, on stderr."""
    console.print(line, markup=False)
