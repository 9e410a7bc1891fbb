"""Bundles the site's TypeScript into the package, so that whoever installs it needs no Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EMBEDDED = ("params.yaml", "data/demo/lm", "data/demo/dictionaries", "data/demo/texts")
SOURCES = ("src/**/*.ts*", "styles/*.css", "build.mjs", "package.json", "package-lock.json")


class CustomBuildHook(BuildHookInterface):
    """Runs npm when the bundle is missing or older than its sources; an sdist carries the bundle."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the bundle and, to a wheel, the embedded demo."""
        root = Path(self.root)
        if _is_stale(root / "site_template"):
            _bundle(root / "site_template")
        build_data["artifacts"].append("site_template/static/**")
        if self.target_name == "wheel" and version != "editable":
            there = [name for name in EMBEDDED if (root / name).exists()]
            build_data["force_include"].update({name: f"pipeline/embedded/{name}" for name in there})


def _is_stale(template: Path) -> bool:
    built = template / "static" / "main.js"
    if not built.is_file():
        return True
    sources = [path for pattern in SOURCES for path in template.glob(pattern)]
    return built.stat().st_mtime < max(path.stat().st_mtime for path in sources)


def _bundle(template: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            "the site is not bundled yet and npm is missing: install Node 20 or newer, or use a wheel"
        )
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=template, check=True)
    subprocess.run([npm, "run", "build"], cwd=template, check=True)
