"""The running interpreter's standard library as a corpus: source without docstrings, docstrings as prose."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "pydoc_data", "lib2to3", "idlelib", "__pycache__"}


def python_files() -> list[Path]:
    """The library's `.py` files, sorted, without tests, generated help topics and installed packages."""
    root = _root()
    files = (path for path in root.rglob("*.py") if not _LEFT_OUT.intersection(path.relative_to(root).parts))
    return sorted(files)


def python_documents(files: list[Path]) -> Iterator[tuple[str, str]]:
    """Two documents of each module: `json/decoder.py` and `json/decoder.py docstrings`; empty ones not."""
    for path in files:
        name = path.relative_to(_root()).as_posix()
        code, prose = split_docstrings(path.read_text(encoding="utf-8", errors="replace"))
        if code.strip():
            yield name, code
        if prose.strip():
            yield f"{name} docstrings", prose


def split_docstrings(source: str) -> tuple[str, str]:
    """The source with every docstring's lines removed, and the docstrings, dedented, in source order."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source, ""
    lines = source.split("\n")
    removed: set[int] = set()
    prose: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text:
            first = node.body[0]
            removed.update(range(first.lineno - 1, first.end_lineno or first.lineno))
            prose.append(text)
    kept = "\n".join(line for number, line in enumerate(lines) if number not in removed)
    return kept, "\n\n".join(prose)


def _root() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])
