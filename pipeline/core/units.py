"""A scan cut into units of windows, and the fixed tree in which their results are merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.core.params import ScanParams
from pipeline.core.windows import Windows

T = TypeVar("T")


@dataclass(frozen=True)
class Units:
    """Unit by unit the windows in the order of the scan: `size` of them, whole batches.

    The order begins with the `sample` windows in which co-firing partners are found; unit 0 has them all.
    """

    n_windows: int
    size: int
    sample: int

    @classmethod
    def of(cls, windows: Windows, params: ScanParams) -> Units:
        """As the parameters say."""
        size = whole_batches(params.unit_tokens, windows, params)
        return cls(len(windows), size, sample_size(windows, params))

    def __len__(self) -> int:
        return 1 + -(-max(0, self.n_windows - self._edge(1)) // self.size)

    def span(self, unit: int) -> tuple[int, int]:
        """First and last-plus-one window of a unit, counted in the order of the scan."""
        return self._edge(unit), min(self._edge(unit + 1), self.n_windows)

    def at(self, place: int) -> int:
        """The unit that has the window at a place of the order."""
        return max(0, (place - self._edge(1)) // self.size + 1)

    def _edge(self, unit: int) -> int:
        return max(self.size, self.sample) + (unit - 1) * self.size if unit else 0


def sample_size(windows: Windows, params: ScanParams) -> int:
    """Windows of the sample: whole batches of about `cofiring_tokens` tokens."""
    return min(len(windows), whole_batches(params.cofiring_tokens, windows, params))


def whole_batches(n_tokens: int, windows: Windows, params: ScanParams) -> int:
    """Windows that hold so many tokens if all are full, up to a whole batch."""
    return -(-n_tokens // (windows.stride * params.batch)) * params.batch


@dataclass(frozen=True, order=True)
class Node:
    """Of the tree: the units from index * 2^level on, 2^level of them as far as there are so many."""

    level: int
    index: int

    @property
    def first(self) -> int:
        """Its first unit."""
        return self.index << self.level

    @property
    def beside(self) -> Node:
        """The node with which it is merged: the earlier units' takes in the later ones'."""
        return Node(self.level, self.index ^ 1)

    @property
    def parent(self) -> Node:
        """What both are merged to."""
        return Node(self.level + 1, self.index >> 1)

    def holds(self, other: Node) -> bool:
        """Whether the other is this node, or below it."""
        rise = self.level - other.level
        return rise >= 0 and other.index >> rise == self.index


class Taken(dict[Node, T]):
    """What there is of nodes, none of which is below another: so no unit is counted twice."""

    def take(self, node: Node, what: T) -> None:
        """Enters a node in place of those below it; not if it, or one that holds it, is there already."""
        if any(other.holds(node) for other in self):
            return
        for below in [other for other in self if node.holds(other)]:
            del self[below]
        self[node] = what


class Tree:
    """The binary tree over `n_units` units. A node that has none beside it is called by its parent's name.

    Sums of floats and bounded tables come out a little different in another order of merging: so the tree
    alone, never who was done first, decides what is merged with what.
    """

    def __init__(self, n_units: int) -> None:
        self.n_units = n_units
        self.root = Node((n_units - 1).bit_length(), 0)

    def leaf(self, unit: int) -> Node:
        """The node of one unit."""
        return self._called(Node(0, unit))

    def above(self, node: Node) -> Node:
        """The node to which this and what is beside it are merged."""
        return self._called(node.parent)

    def units(self, node: Node) -> range:
        """The units whose results are in it."""
        return range(node.first, min(node.first + (1 << node.level), self.n_units))

    def missing(self, there: Iterable[Node]) -> list[int]:
        """The units that are in none of these nodes."""
        found = {unit for node in there for unit in self.units(node)}
        return [unit for unit in range(self.n_units) if unit not in found]

    def _called(self, node: Node) -> Node:
        while node != self.root and node.beside.first >= self.n_units:
            node = node.parent
        return node
