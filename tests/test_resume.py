"""A build killed at any moment and started again ends with the same digests, and never looks finished."""

from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.kills import FAULTS, content, files, measure
from feature_atlas import open_atlas
from feature_atlas.verify import FILES, verify
from pipeline.build import build, work_folder
from pipeline.core.files import StageFolder, partial_of
from pipeline.core.params import Params, ScanParams
from pipeline.core.stopping import stop_asked

KILLS = 10


def with_n_top(params: Params, n_top: int) -> Params:
    return params.model_copy(update={"scan": params.scan.model_copy(update={"n_top": n_top})})


def test_killed_builds_go_on_to_the_same_atlas(tiny_params: Params, tiny_atlas: Path, tmp_path: Path) -> None:
    found = measure(tiny_params, with_n_top(tiny_params, 3), tmp_path, KILLS, seed=0)
    assert not any(found[fault] for fault in FAULTS), found
    assert found["caught"] >= KILLS // 2, found
    assert content(tmp_path / "whole") == content(tiny_atlas)
    assert content(tmp_path / "replacing") == content(tiny_atlas)


def test_what_a_kill_half_wrote_is_no_part_of_the_atlas(
    tiny_params: Params, tiny_atlas: Path, tmp_path: Path
) -> None:
    out, work = tmp_path / "atlas", tmp_path / "atlas.work"
    shutil.copytree(tiny_atlas, out)
    shutil.copytree(work_folder(tiny_atlas), work)
    whole = files(out)
    (out / "atlas.json").unlink()
    partial_of(next(out.glob(f"runs/*/{FILES}"))).write_text("{")
    StageFolder(work / "scan", StageFolder.key_of(work / "scan")).open()
    partial_of(work / "scan" / "state.npz").write_text("PK")
    build(tiny_params, out)
    assert content(out) == content(tiny_atlas)
    assert not list(verify(open_atlas(str(out))))
    assert files(out) == whole


def test_the_old_run_goes_though_the_build_was_killed_at_the_switch(
    tiny_params: Params, tiny_atlas: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    shutil.copytree(tiny_atlas, out)
    shutil.copytree(work_folder(tiny_atlas), work_folder(out))
    whole = files(out)
    (out / "runs" / "old").mkdir()
    (out / "runs" / "old" / "files.json").write_text("{}")
    build(tiny_params, out)
    assert files(out) == whole


def test_a_changed_setting_redoes_what_depends_on_it(tiny_params: Params, tmp_path: Path) -> None:
    out, work = tmp_path / "atlas", tmp_path / "atlas.work"
    build(tiny_params, out)
    before = {
        stage: (work / stage / "stage.json").stat().st_mtime_ns for stage in ("tokens", "scan", "describe")
    }
    first = open_atlas(str(out)).manifest.run
    build(with_n_top(tiny_params, 6), out)
    after = {stage: (work / stage / "stage.json").stat().st_mtime_ns for stage in before}
    assert {stage for stage in before if before[stage] != after[stage]} == {"scan"}
    atlas = open_atlas(str(out))
    assert atlas.manifest.run != first
    assert len(atlas["tiny-sae"][0].examples("top")) <= 6
    assert [path.name for path in (out / "runs").iterdir()] == [atlas.manifest.run]


def test_a_new_dictionary_leaves_what_is_done_as_it_is(
    tiny_params: Params, tiny_dictionary: Path, tmp_path: Path
) -> None:
    """One at another layer is scanned alone; one at the same layer changes what fires together there.

    The virtual weights of all that it comes before or after are told anew, and nothing else.
    """
    out, work = tmp_path / "atlas", tmp_path / "atlas.work"
    build(tiny_params, out)
    before = touched(work)
    more = with_dictionary(tiny_params, "other", f"{tiny_dictionary}@resid_post.0")
    build(more, out)
    after = touched(work)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"describe/{name}+virtual.npz" for name in ("mlp_post.0", "mlp_post.1", "tiny-sae")}
    more = with_dictionary(more, "mate", f"{tiny_dictionary}@mlp_out.1")
    build(more, out)
    again = touched(work)
    changed = {name for name in before if after[name] != again[name]}
    assert changed == {"scan/tiny-sae.npz"} | {
        f"describe/{name}+virtual.npz" for name in ("mlp_post.1", "tiny-sae")
    }
    build(more, tmp_path / "fresh")
    assert content(out) == content(tmp_path / "fresh")
    build(tiny_params, out)
    assert touched(work).keys() == before.keys()


def with_dictionary(params: Params, name: str, spec: str) -> Params:
    return params.model_copy(update={"dictionaries": {**params.dictionaries, name: spec}})


def touched(work: Path) -> dict[str, int]:
    """When each array file of scan, describe and effects was written."""
    paths = [path for stage in ("scan", "describe", "effects") for path in (work / stage).glob("*.npz")]
    return {path.relative_to(work).as_posix(): path.stat().st_mtime_ns for path in paths}


@pytest.mark.parametrize("calls", [0, 1, 2, 5])
def test_a_stopped_scan_goes_on(
    tiny_params: Params, tiny_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """Stopped in the sample it starts again, stopped later it goes on; the atlas is the same."""
    out, state = tmp_path / "atlas", tmp_path / "atlas.work" / "scan" / "state.npz"
    seen = itertools.count(1)

    @contextmanager
    def asked() -> Generator[Callable[[], bool]]:
        yield lambda: next(seen) > calls

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.core.local_engine.stop_asked", asked)
        with pytest.raises(KeyboardInterrupt):
            build(tiny_params.model_copy(update={"scan": slow_saves(tiny_params)}), out)
    assert state.exists() == (calls > 0)
    build(tiny_params, out)
    assert content(out) == content(tiny_atlas)


def slow_saves(params: Params) -> ScanParams:
    """Only what a stop saves is saved."""
    return params.scan.model_copy(update={"checkpoint_seconds": 1e9})


@pytest.fixture
def foreground() -> Generator[None]:
    """Ctrl-C as in the foreground: tests may run in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_heard_between_pieces_of_work(foreground: None) -> None:
    with stop_asked() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_background_job_goes_on_ignoring_it(foreground: None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_asked() as asked:
        signal.raise_signal(signal.SIGINT)
        assert not asked()


def test_a_finished_build_does_nothing(tiny_params: Params, tiny_atlas: Path) -> None:
    before = (tiny_atlas / "atlas.json").stat().st_mtime_ns
    build(tiny_params, tiny_atlas)
    assert (tiny_atlas / "atlas.json").stat().st_mtime_ns == before
