"""A build killed at any moment and started again ends with the same digests, and never looks finished."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.kills import FAULTS, content, files, measure
from feature_atlas import open_atlas
from feature_atlas.verify import FILES, verify
from pipeline.build import build, work_folder
from pipeline.core.files import StageFolder, partial_of
from pipeline.core.params import Params

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


def test_a_finished_build_does_nothing(tiny_params: Params, tiny_atlas: Path) -> None:
    before = (tiny_atlas / "atlas.json").stat().st_mtime_ns
    build(tiny_params, tiny_atlas)
    assert (tiny_atlas / "atlas.json").stat().st_mtime_ns == before
