"""An atlas at a URL without its stages being run once more."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.build import build
from pipeline.core.params import Params
from pipeline.core.runs import work_folder


def build_there(params: Params, atlas: Path, url: str, scratch: Path) -> str:
    """Builds at the URL what was built in the folder, by a machine that has the work; gives the URL."""
    shutil.copytree(work_folder(atlas), scratch / "atlas.work")
    build(params, url, scratch)
    return url
