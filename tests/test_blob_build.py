"""An atlas built straight to blob storage: the same as in a folder, gone on with from another machine.

Another machine is an empty folder to work in.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.kills import content
from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from feature_atlas.store import list_below, read_bytes
from feature_atlas.verify import FILES, verify
from pipeline import scan
from pipeline.build import STAGES, build, run_stage
from pipeline.core.blobs import Headers, open_place
from pipeline.core.files import MARK
from pipeline.core.in_step import InStep
from pipeline.core.local_engine import STATE
from pipeline.core.params import Params, save_params
from pipeline.core.runs import RUNS, work_folder
from pipeline.core.sides import Side
from tests.built_there import build_there
from tests.emulators.stores import Store

PLAIN = Headers("application/octet-stream", "no-cache")


@pytest.fixture
def url(azurite: Store) -> str:
    """Of an atlas that is not there yet."""
    return f"{azurite.url}/labs/atlas"


def far_content(url: str) -> tuple[str, dict[str, list[object]]]:
    run = open_atlas(url).manifest.run
    return run, json.loads(read_bytes(f"{url}/{RUNS}/{run}/{FILES}"))


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_it_is_the_atlas_that_a_folder_holds(
    kind: str, request: pytest.FixtureRequest, latents_params: Params, latents_atlas: Path, tmp_path: Path
) -> None:
    """Built again it is left alone, and another setting takes its place."""
    store: Store = request.getfixturevalue(kind)
    url = build_there(latents_params, latents_atlas, f"{store.url}/labs/atlas", tmp_path / "one")
    assert far_content(url) == content(latents_atlas)
    assert not list(verify(open_atlas(url)))
    assert not (tmp_path / "one" / "atlas").exists()
    made = read_bytes(f"{url}/atlas.json")
    build(latents_params, url, tmp_path / "two")
    assert read_bytes(f"{url}/atlas.json") == made
    old = open_atlas(url).manifest.run
    build(latents_params.model_copy(update={"title": "other"}), url, tmp_path / "one")
    atlas = open_atlas(url)
    assert (atlas.manifest.title, atlas.manifest.run != old) == ("other", True)
    assert not list(verify(atlas))
    assert not [name for name in list_below(url) or () if old in name]


def test_each_stage_may_run_on_a_machine_of_its_own(
    url: str, tiny_params: Params, tiny_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage in (*STAGES, "assemble"):
        run_stage(stage, tiny_params, url, tmp_path / stage)
        if stage == "scan":
            monkeypatch.setattr(scan, "scanner_of", lambda *_: pytest.fail("scanned again"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build(tiny_params, url)
    assert far_content(url) == content(tiny_atlas)
    assert Side.open(f"{url}#tiny-sae", None).params == tiny_params, (
        "the machine that built needs no --config"
    )


SLOW = """
import sys, time
from pathlib import Path
from pipeline import build
from pipeline.core import in_step, params, scanner
in_step.PACE = 0.2
add = scanner.Sweep.add
def slowly(sweep, batches):
    time.sleep(0.3)
    add(sweep, batches)
scanner.Sweep.add = slowly
build.build(params.load_params(Path(sys.argv[1]), {}), sys.argv[2], Path(sys.argv[3]))
"""


def is_told(url: str, file: str) -> bool:
    """Whether the mark of the scan tells of it: what is not told of yet is lost with its machine."""
    mark = open_place(f"{url}.work").read(f"scan/{MARK}")
    return mark is not None and file in json.loads(mark[0])["files"]


def test_a_killed_scan_goes_on_elsewhere_from_its_last_state(
    url: str, tiny_params: Params, tiny_atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_params(tmp_path / "params.yaml", tiny_params)
    command = [sys.executable, "-c", SLOW, str(tmp_path / "params.yaml"), url, str(tmp_path / "one")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        while process.poll() is None and not is_told(url, STATE):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    assert process.returncode == -signal.SIGKILL, said
    capsys.readouterr()
    build(tiny_params, url, tmp_path / "two")
    assert "scan: going on after" in capsys.readouterr().err
    assert far_content(url) == content(tiny_atlas)


def test_what_is_damaged_there_is_made_again(
    url: str, latents_params: Params, latents_atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    InStep(f"{url}.work", shutil.copytree(work_folder(latents_atlas), tmp_path / "one")).put()
    place = open_place(f"{url}.work")
    damaged, lost = (
        next(name for name in place.list("scan/") if name.endswith(each))
        for each in (".one-sae.npz", ".other-sae.npz")
    )
    place.put(damaged, bytes(place.list()[damaged].size), PLAIN)
    place.delete(lost)
    capsys.readouterr()
    build(latents_params, url, tmp_path / "two")
    told = " ".join(capsys.readouterr().err.split())
    assert "scan: one-sae.npz, other-sae.npz at az://" in told and "is made again" in told
    assert far_content(url) == content(latents_atlas)


@pytest.mark.parametrize(
    ("out", "scratch", "says"),
    [
        ("az://container", None, "has no prefix"),
        ("https://example.org/atlas", None, "can't write to https://"),
        ("az://container/atlas?sig=c2VjcmV0", None, "by the environment"),
        ("folder", "scratch", "leave out --work"),
    ],
)
def test_what_can_not_be_built_at_is_refused_at_once(
    out: str,
    scratch: str | None,
    says: str,
    tiny_params: Params,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says) as refused:
        build(tiny_params, out, Path(scratch) if scratch else None)
    assert "c2VjcmV0" not in str(refused.value)
