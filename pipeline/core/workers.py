"""Threads that share the cores: many small jobs side by side, torch itself on one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from pipeline.core.device import CPU, take_stream, wait

T = TypeVar("T")


class Workers:
    """A thread for each core. Jobs run side by side where they need no interpreter: in torch, in kernels."""

    def __init__(self, pool: ThreadPoolExecutor, n: int, device: torch.device) -> None:
        self._pool, self._device = pool, device
        self.n = n

    def do(self, jobs: Iterable[Callable[[], T]]) -> list[T]:
        """Does all jobs and returns their results in order; raises the first error.

        What the caller has under way on the device is done before any job begins, and what a job asks
        of it before its result is returned: tensors pass from thread to thread, and are freed, in peace.
        """
        wait(self._device)
        return [job.result() for job in [self._pool.submit(self._finished, job) for job in jobs]]

    def _finished(self, job: Callable[[], T]) -> T:
        result = job()
        wait(self._device)
        return result


@contextmanager
def workers(n: int | None = None, device: torch.device = CPU) -> Generator[Workers]:
    """Workers, and torch on one thread, while the block runs: else they would fight over the cores.

    On a GPU each has a stream of its own.
    """
    n, before = n or os.cpu_count() or 1, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(n, initializer=take_stream, initargs=(device,)) as pool:
            yield Workers(pool, n, device)
    finally:
        torch.set_num_threads(before)
