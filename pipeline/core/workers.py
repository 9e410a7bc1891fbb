"""Threads that share the cores: many small jobs side by side, torch itself on one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


class Workers:
    """A thread for each core. Jobs run side by side where they need no interpreter: in torch, in kernels."""

    def __init__(self, pool: ThreadPoolExecutor, n: int) -> None:
        self._pool = pool
        self.n = n

    def do(self, jobs: Iterable[Callable[[], T]]) -> list[T]:
        """Does all jobs and returns their results in order; raises the first error."""
        return [job.result() for job in [self._pool.submit(job) for job in jobs]]


@contextmanager
def workers(n: int | None = None) -> Generator[Workers]:
    """Workers, and torch on one thread, while the block runs: else they would fight over the cores."""
    n, before = n or os.cpu_count() or 1, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(n) as pool:
            yield Workers(pool, n)
    finally:
        torch.set_num_threads(before)
