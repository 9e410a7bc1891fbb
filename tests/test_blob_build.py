"""An atlas built straight to blob storage: the same as in a folder, gone on with from another machine.

Another machine is an empty folder to work in.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.kills import content
from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.store import list_below, read_bytes
from feature_atlas.verify import FILES, verify
from pipeline import scan
from pipeline.build import STAGES, build, run_stage
from pipeline.core.blobs import Headers, WrittenMeanwhile, open_place
from pipeline.core.files import MARK, StageFolder
from pipeline.core.in_step import STATE, InStep, in_step
from pipeline.core.params import Params, save_params
from pipeline.core.runs import RUNS
from pipeline.core.sides import Side
from tests.emulators.stores import Store

PLAIN = Headers("application/octet-stream", "no-cache")


@pytest.fixture
def url(azurite: Store) -> str:
    return f"{azurite.url}/labs/atlas"


def far_content(url: str) -> tuple[str, dict[str, list[object]]]:
    run = open_atlas(url).manifest.run
    return run, json.loads(read_bytes(f"{url}/{RUNS}/{run}/{FILES}"))


def lasting(work: Path, stage: str) -> StageFolder:
    """A stage with one item made, one missing, and a state."""
    made = StageFolder.of(work / stage, {"a.npz": "1", "b.npz": "2"})
    made.open()
    (made.path / "a.npz").write_bytes(b"a of " + work.parent.name.encode())
    (made.path / STATE).write_bytes(b"state")
    made.add("a.npz")
    return made


@pytest.mark.parametrize("kind", ["azurite", "s3"])
def test_it_is_the_atlas_that_a_folder_holds(
    kind: str, request: pytest.FixtureRequest, tiny_params: Params, tiny_atlas: Path, tmp_path: Path
) -> None:
    """Built again it is left alone, and another setting takes its place."""
    store: Store = request.getfixturevalue(kind)
    url = f"{store.url}/labs/atlas"
    build(tiny_params, url, tmp_path / "one")
    assert far_content(url) == content(tiny_atlas)
    assert not list(verify(open_atlas(url)))
    assert not (tmp_path / "one" / "atlas").exists()
    made = read_bytes(f"{url}/atlas.json")
    build(tiny_params, url, tmp_path / "two")
    assert read_bytes(f"{url}/atlas.json") == made
    old = open_atlas(url).manifest.run
    build(tiny_params.model_copy(update={"title": "other"}), url, tmp_path / "one")
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
            monkeypatch.setattr(scan, "scan", lambda *_: pytest.fail("scanned again"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build(tiny_params, url)
    assert far_content(url) == content(tiny_atlas)
    assert Side.open(f"{url}#tiny-sae", None).params == tiny_params, (
        "the machine that built needs no --config"
    )


SLOW = """
import sys, time
from pathlib import Path
from pipeline import build, scan
from pipeline.core import in_step, params
in_step.PACE = 0.2
add = scan.Sweep.add
def slowly(sweep, batches):
    time.sleep(0.3)
    add(sweep, batches)
scan.Sweep.add = slowly
build.build(params.load_params(Path(sys.argv[1]), {}), sys.argv[2], Path(sys.argv[3]))
"""


def test_a_killed_scan_goes_on_elsewhere_from_its_last_state(
    url: str, tiny_params: Params, tiny_atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_params(tmp_path / "params.yaml", tiny_params)
    command = [sys.executable, "-c", SLOW, str(tmp_path / "params.yaml"), url, str(tmp_path / "one")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        while process.poll() is None and not any(
            name.startswith("scan/") and name.endswith(STATE) for name in list_below(f"{url}.work") or ()
        ):
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
    url: str, tiny_params: Params, tiny_atlas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in ("tokens", "scan"):
        run_stage(stage, tiny_params, url, tmp_path / "one")
    place = open_place(f"{url}.work")
    damaged, lost = (
        next(name for name in place.list("scan/") if name.endswith(each))
        for each in ("tiny-sae.npz", "attn.0.npz")
    )
    place.put(damaged, bytes(place.list()[damaged].size), PLAIN)
    place.delete(lost)
    capsys.readouterr()
    build(tiny_params, url, tmp_path / "two")
    told = " ".join(capsys.readouterr().err.split())
    assert "scan: attn.0.npz, tiny-sae.npz at az://" in told and "is made again" in told
    assert far_content(url) == content(tiny_atlas)


@pytest.mark.parametrize("moment", ["files", "mark"])
def test_putting_that_is_cut_off_leaves_what_was_there(
    url: str, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the files of the new state came to lie there or not, the mark vouches for the old one."""
    one = InStep(f"{url}.work", tmp_path / "one")
    made = lasting(tmp_path / "one", "scan")
    one.put()
    (made.path / STATE).write_bytes(b"a later state")
    cut = {"files": "put", "mark": "swap"}[moment]
    monkeypatch.setattr(one._place, cut, lambda *_: (_ for _ in ()).throw(ConnectionError("cut off")))
    with pytest.raises(ConnectionError):
        one.put()
    two = InStep(f"{url}.work", tmp_path / "two")
    two.bring()
    assert (tmp_path / "two" / "scan" / STATE).read_bytes() == b"state"
    assert StageFolder.of(tmp_path / "two" / "scan", made.items).missing() == ["b.npz"]


def test_of_two_machines_the_second_to_put_is_refused(url: str, tmp_path: Path) -> None:
    one, two = (InStep(f"{url}.work", tmp_path / name / "work") for name in ("one", "two"))
    lasting(tmp_path / "one" / "work", "scan")
    lasting(tmp_path / "two" / "work", "scan")
    one.put()
    with pytest.raises(WrittenMeanwhile, match="replaced by another writer"):
        two.put()
    InStep(f"{url}.work", tmp_path / "three" / "work").bring()
    assert (tmp_path / "three" / "work" / "scan" / "a.npz").read_bytes() == b"a of one"


def test_a_machine_that_comes_back_takes_over_what_another_did(url: str, tmp_path: Path) -> None:
    one = InStep(f"{url}.work", tmp_path / "one")
    made = lasting(tmp_path / "one", "scan")
    one.put()
    two = InStep(f"{url}.work", tmp_path / "two")
    two.bring()
    other = StageFolder.of(tmp_path / "two" / "scan", made.items)
    (other.path / "b.npz").write_bytes(b"b")
    (other.path / STATE).unlink()
    other.add("b.npz")
    other.finish()
    two.put()
    back = InStep(f"{url}.work", tmp_path / "one")
    back.bring()
    assert made.is_finished()
    assert sorted(path.name for path in made.path.iterdir()) == ["a.npz", "b.npz", MARK]
    assert len(list_below(f"{url}.work") or ()) == 3, "what nothing vouches for any more is gone"


def test_what_went_on_here_alone_is_kept(url: str, tmp_path: Path) -> None:
    one = InStep(f"{url}.work", tmp_path / "one")
    made = lasting(tmp_path / "one", "scan")
    one.put()
    (made.path / STATE).write_bytes(b"later")
    InStep(f"{url}.work", tmp_path / "one").bring()
    assert (made.path / STATE).read_bytes() == b"later"


def test_a_stage_that_fails_has_put_what_it_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), in_step(f"{url}.work", tmp_path / "one"):
        lasting(tmp_path / "one", "scan")
        raise KeyboardInterrupt
    InStep(f"{url}.work", tmp_path / "two").bring()
    assert (tmp_path / "two" / "scan" / STATE).read_bytes() == b"state"


@pytest.mark.parametrize(
    "mark", ["", "[]", '{"key": "k", "finished": true, "items": {}, "files": {"../../x": [1, "0"]}}']
)
def test_a_mark_that_is_bent_brings_nothing(url: str, mark: str, tmp_path: Path) -> None:
    open_place(f"{url}.work").put(f"scan/{MARK}", mark.encode(), PLAIN)
    with pytest.raises(FormatError, match="scan/stage.json is damaged"):
        InStep(f"{url}.work", tmp_path / "one").bring()
    assert not list(tmp_path.rglob("*"))


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
