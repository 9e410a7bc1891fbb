"""Checkpoints that are either the old or the new."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Replaces the checkpoint at `path`."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load(path: Path) -> dict[str, Any] | None:
    """The checkpoint, or None if there is none yet."""
    return torch.load(path, weights_only=True) if path.is_file() else None
