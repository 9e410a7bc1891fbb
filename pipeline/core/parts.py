"""Results of a scan's units on disk, merged as far as they are: with them a killed scan goes on."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipeline.core.files import open_arrays, save_arrays
from pipeline.core.gathered import Arrays, partners
from pipeline.core.units import Node, Tree

_NAME = re.compile(r"units\+(\d+)\.(\d+)\.npz")  # no dictionary's id has a +


class Parts:
    """Nodes of the tree, each in one file that is there whole or not at all; none is below another."""

    def __init__(self, folder: Path, tree: Tree) -> None:
        self.folder, self.tree = folder, tree
        for node in self._listed():
            self._remove_below(node)

    def there(self) -> list[Node]:
        """The nodes on disk, lowest first."""
        return sorted(self._listed())

    def save(self, node: Node, arrays: Arrays) -> None:
        """Writes a node, and then removes what was merged into it."""
        save_arrays(self._path(node), arrays)
        self._remove_below(node)

    @contextmanager
    def open(self, node: Node) -> Generator[Arrays]:
        """The arrays of a node, each read when it is asked for."""
        with open_arrays(self._path(node)) as arrays:
            yield arrays

    def partners(self) -> dict[str, np.ndarray] | None:
        """The co-firing partners that the units on disk started from; None if there are no units."""
        for node in self._listed():
            with self.open(node) as arrays:
                return partners(arrays)
        return None

    def clear(self) -> None:
        """Removes all."""
        for node in self._listed():
            self._path(node).unlink()

    def _listed(self) -> list[Node]:
        found = [_NAME.fullmatch(path.name) for path in self.folder.iterdir()]
        return [Node(int(match[1]), int(match[2])) for match in found if match]

    def _remove_below(self, node: Node) -> None:
        for other in self._listed():
            if other != node and node.holds(other):
                self._path(other).unlink()

    def _path(self, node: Node) -> Path:
        return self.folder / f"units+{node.level}.{node.index}.npz"
