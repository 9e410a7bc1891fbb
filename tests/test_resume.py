"""A build killed at any moment and started again ends with the same digests, and never looks finished."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from feature_atlas import AtlasError, open_atlas
from feature_atlas.verify import verify
from pipeline.build import build
from pipeline.core.params import Params

MOMENTS = 10

# Everything is imported once; the child that is killed does nothing but the build.
_FORK = """
import os, sys
from pathlib import Path
from pipeline.build import build
from pipeline.core.params import load_params
params = load_params(Path(sys.argv[1]), {})
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        build(params, Path(line.strip()))
        os._exit(0)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(status, flush=True)
"""


def digests(atlas: Path) -> dict[str, list[object]]:
    manifest = json.loads((atlas / "atlas.json").read_bytes())
    return json.loads((atlas / "runs" / manifest["run"] / "files.json").read_bytes())


def test_killed_builds_go_on_to_the_same_atlas(tiny_params: Params, tiny_atlas: Path, tmp_path: Path) -> None:
    config = tmp_path / "params.yaml"
    config.write_text(yaml.safe_dump(tiny_params.model_dump()))
    expected = digests(tiny_atlas)
    arguments = [sys.executable, "-W", "ignore", "-c", _FORK, str(config)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        _run(parent, tmp_path / "first", None)
        # The first build of a process pays for lazy imports; its time says little about the others.
        whole = _run(parent, tmp_path / "whole", None)
        assert digests(tmp_path / "whole") == expected
        dice = random.Random(0)
        killed = 0
        for number in range(MOMENTS):
            out = tmp_path / f"killed{number}"
            moment = whole * (number + dice.random()) / MOMENTS
            killed += _run(parent, out, moment) is None
            _is_old_or_new(out, expected)
            _run(parent, out, None)
            assert digests(out) == expected, f"killed after {moment:.2f} s of {whole:.2f} s"
        assert parent.stdin is not None
        parent.stdin.close()
    assert killed >= MOMENTS // 2, f"only {killed} of {MOMENTS} builds were caught before their end"


def _run(parent: subprocess.Popen[str], out: Path, kill_after: float | None) -> float | None:
    """Builds in a child; seconds taken, or None if it was killed."""
    assert parent.stdin is not None and parent.stdout is not None
    parent.stdin.write(f"{out}\n")
    parent.stdin.flush()
    child, started = int(parent.stdout.readline()), time.monotonic()
    if kill_after is not None:
        time.sleep(kill_after)
        with suppress(ProcessLookupError):  # it was done already
            os.kill(child, signal.SIGKILL)
    status = int(parent.stdout.readline())
    if os.WIFSIGNALED(status):
        return None
    assert status == 0
    return time.monotonic() - started


def _is_old_or_new(out: Path, expected: dict[str, list[object]]) -> None:
    if (out / "atlas.json").exists():
        assert digests(out) == expected
        assert not list(verify(open_atlas(str(out))))
    else:
        with pytest.raises(AtlasError):
            open_atlas(str(out))


def test_a_changed_setting_redoes_what_depends_on_it(tiny_params: Params, tmp_path: Path) -> None:
    out, work = tmp_path / "atlas", tmp_path / "atlas.work"
    build(tiny_params, out)
    before = {
        stage: (work / stage / "stage.json").stat().st_mtime_ns for stage in ("tokens", "scan", "describe")
    }
    first = open_atlas(str(out)).manifest.run
    more = tiny_params.model_copy(update={"scan": tiny_params.scan.model_copy(update={"n_top": 6})})
    build(more, out)
    after = {stage: (work / stage / "stage.json").stat().st_mtime_ns for stage in before}
    assert {stage for stage in before if before[stage] != after[stage]} == {"scan"}
    atlas = open_atlas(str(out))
    assert atlas.manifest.run != first
    assert len(atlas["tiny-sae"][0].examples("top")) <= 6
    assert [path.name for path in (out / "runs").iterdir()] == [atlas.manifest.run]


def test_a_finished_build_does_nothing(tiny_params: Params, tiny_atlas: Path) -> None:
    before = (tiny_atlas / "atlas.json").stat().st_mtime_ns
    build(tiny_params, tiny_atlas)
    assert (tiny_atlas / "atlas.json").stat().st_mtime_ns == before
