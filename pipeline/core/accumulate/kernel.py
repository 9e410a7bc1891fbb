"""Compiled loops. The only file that knows `numba`.

What the scan does at each firing is a dozen steps on a few numbers: in numpy each step is a pass over
memory of its own, here all of them take 30 ns together (benchmarks/scan.py). Loops run without the
interpreter's lock, so that the blocks of a batch are taken in by all cores at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function of arrays and numbers at its first call, and keeps the code on disk."""
    return njit(inspect.unwrap(function), nogil=True, cache=True)


def summing(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `kernel`, but sums may be taken in any order: eight at a time, ten times as fast.

    The order is that of the compiled code: the same on every run of one machine.
    """
    fast = {"reassoc", "contract"}
    return njit(inspect.unwrap(function), nogil=True, cache=True, fastmath=fast)


@kernel
def mix(x):
    """The splitmix64 finaliser (Steele, Lea, Flood 2014): every input bit flips half the output bits."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
