"""Where the embedded demo lies: in a checkout at its root, in an installed wheel inside `pipeline`."""

from __future__ import annotations

from pathlib import Path

import pipeline


def embedded_root() -> Path:
    """The folder that holds `params.yaml` and `data/demo`."""
    package = Path(pipeline.__file__).parent
    installed = package / "embedded"
    return installed if installed.is_dir() else package.parent
