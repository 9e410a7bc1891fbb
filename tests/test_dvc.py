"""`dvc repro` builds the demo stage by stage, redoes only what must be, and goes on after a kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The repository's files that dvc.yaml names, with a small corpus."""
    hidden = shutil.ignore_patterns("node_modules", "__pycache__", "recipe")
    for name in ("feature_atlas", "pipeline", "viewer_builder", "site_template", "data"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=hidden)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    subprocess.run([BIN / "dvc", "init", "--no-scm", "--quiet"], cwd=tmp_path, env=ENVIRONMENT, check=True)
    one = dict([next(iter(yaml.safe_load((ROOT / "params.yaml").read_text())["dictionaries"].items()))])
    change(tmp_path, corpus=["demo-texts"], max_tokens=3000, dictionaries=one, effects={"examples": 1})
    return tmp_path


def change(project: Path, **values: object) -> None:
    path = project / "params.yaml"
    params = yaml.safe_load((path if path.exists() else ROOT / "params.yaml").read_text())
    path.write_text(yaml.safe_dump(params | values))


def repro(project: Path) -> tuple[set[str], str]:
    """The stages that ran, and all output."""
    done = subprocess.run(
        [BIN / "dvc", "repro"], cwd=project, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return set(re.findall(r"Running stage '(\w+)'", output)), output


def test_only_what_depends_on_a_change_runs_again(project: Path) -> None:
    assert repro(project)[0] == {
        "tokens",
        "scan",
        "describe",
        "effects",
        "map",
        "quality",
        "assemble",
        "site",
    }
    assert (project / "build/demo/site/atlas/atlas.json").is_file()
    assert repro(project)[0] == set()
    params = yaml.safe_load((project / "params.yaml").read_text())
    change(project, scan=params["scan"] | {"n_top": 7})
    assert repro(project)[0] == {"scan", "describe", "effects", "assemble", "site"}
    assert repro(project)[0] == set()


def test_a_killed_stage_goes_on(project: Path) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text())
    # A state is saved only after the sample.
    scan = params["scan"] | {"checkpoint_seconds": 0, "cofiring_tokens": 4096}
    change(project, corpus=["python-docs"], max_tokens=60_000, scan=scan)
    state = project / "build/demo/atlas.work/scan/state.npz"
    running = subprocess.Popen(
        [BIN / "dvc", "repro", "scan"],
        cwd=project,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not state.exists():
        assert running.poll() is None, "the scan ended before it could be killed"
        assert time.monotonic() < deadline, "the scan did not save its state"
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    stages, output = repro(project)
    assert stages == {"scan", "describe", "effects", "map", "quality", "assemble", "site"}
    assert "scan: going on after" in output
