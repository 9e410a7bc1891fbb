"""Builds killed at random moments: what is then at the atlas' place, and what they go on to.

    python -m benchmarks.kills [--kills 100] [--seed 0]

Half of the builds start from nothing, half replace an atlas made with another setting; some are killed
again while they go on. A kill waits for a stage's beginning on disk and then for a random part of the
time that the stage takes undisturbed, so that short stages are hit however loaded the machine is. It is
SIGKILL to the build's own process alone, as when memory runs out: what that process started must end by
itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmarks.work import hook_point, make_model, make_params_for, make_sae, make_windows, write_sae
from feature_atlas import AtlasError, open_atlas
from feature_atlas.manifest import MANIFEST
from feature_atlas.verify import FILES, verify
from pipeline.build import build, work_folder
from pipeline.core.corpus import DEMO_TEXTS
from pipeline.core.model import SubjectModel
from pipeline.core.params import Params, QualityParams, ScanParams, make_params
from pipeline.core.progress import say, step

MARKED = ("tokens", "scan", "describe", "effects", "map", "quality")
STAGES = (*MARKED, "assemble", "sweep")  # sweep: the manifest is switched, the process not yet at its end
N_LATENTS, TOKENS = 512, 16_384
TWICE = 0.5  # so many of the killed builds are killed again
POLL = 0.002  # seconds
ORPHANS_END = 5.0  # seconds that processes have to notice that their build is gone
PASSIVE = {"OMP_WAIT_POLICY": "passive"}  # threads that spin while they wait would make times a lottery
FAULTS = ("mixed", "different_digests", "left_over", "orphans")

Content = tuple[str, dict[str, list[Any]]]


def main() -> None:
    """Prints one JSON object; the exit status is 1 if a kill did harm."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        params = benchmark_params(Path(folder))
        other = params.model_copy(update={"max_tokens": TOKENS // 2})
        found = measure(params, other, Path(folder), given.kills, given.seed)
    print(json.dumps(found, indent=1))
    sys.exit(1 if any(found[fault] for fault in FAULTS) else 0)


def benchmark_params(folder: Path) -> Params:
    """An atlas of two SAEs over a few thousand tokens, with every stage and many inner states."""
    subject = make_model(folder / "model")
    model = SubjectModel.load(subject)
    model.cut_after([hook_point()])
    windows = make_windows(subject, TOKENS, folder / "work", DEMO_TEXTS)
    sae = write_sae(make_sae(model, windows, N_LATENTS), folder / "sae")
    params = make_params_for(subject, TOKENS, neurons=False, corpus=DEMO_TEXTS)
    return params.model_copy(
        update={
            "dictionaries": {name: f"{sae}@{hook_point()}" for name in ("one", "two")},
            "scan": ScanParams(checkpoint_seconds=0.0, batch=4, cofiring_tokens=512),
            "quality": QualityParams(corpus=[DEMO_TEXTS], max_tokens=TOKENS // 16),
        }
    )


def measure(params: Params, other: Params, folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kills builds of `params`, some of them over an atlas made with `other`; counts what came of it."""
    started, dice, tally = time.monotonic(), random.Random(seed), Tally()
    with warm(folder / "log.txt") as builder, step("kills", kills, "kills") as progress:
        undisturbed(builder, other, folder / "other", None)
        courses = [
            undisturbed(builder, params, folder / "whole", None),
            undisturbed(builder, params, folder / "replacing", folder / "other"),
        ]
        while (done := tally.counts["kills"]) < kills:
            killed_build(builder, dice.choice(courses), folder / "killed", dice, tally)
            progress.advance(tally.counts["kills"] - done)
    return {**tally.told(), "seconds": round(time.monotonic() - started)}


@dataclass
class Tally:
    """What the kills hit and what came of them."""

    counts: Counter[str] = field(default_factory=Counter[str])
    stages: Counter[str] = field(default_factory=Counter[str])

    def told(self) -> dict[str, Any]:
        """Everything that is counted, also what never happened."""
        names = ("kills", "caught", "finished_early", "inside_scan", "again", "replacing", *FAULTS)
        by_stage = {stage: self.stages[stage] for stage in STAGES}
        return {"by_stage": by_stage, **{name: self.counts[name] for name in names}}


class Builder:
    """Builds in children of one warm process, which has imported everything and run nothing."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._orders, self._news = process.stdin, process.stdout
        self.child = 0

    def start(self, params: Params, out: Path) -> None:
        """Starts a build in a process group of its own."""
        self._orders.write(json.dumps([params.model_dump(), str(out)]).encode() + b"\n")
        self.child = int(self._news.readline())

    def ends_within(self, seconds: float) -> bool:
        """Waits so long, less if the build ends before."""
        return bool(select.select([self._news], [], [], seconds)[0])

    def was_killed(self) -> bool:
        """Waits for the end; RuntimeError if the build failed of its own."""
        status = int(self._news.readline())
        if os.WIFSIGNALED(status):
            return True
        if status:
            raise RuntimeError(f"a build failed with status {status}")
        return False


@contextmanager
def warm(log: Path) -> Generator[Builder]:
    """A `Builder`; what its builds say goes to `log`, which is shown if one fails.

    Its main module is a command, not a file, so that processes that a build spawns import none of this.
    """
    command = [sys.executable, "-W", "ignore", "-c", "from benchmarks.kills import serve; serve()"]
    pipe, root, env = subprocess.PIPE, Path(__file__).parents[1], os.environ | PASSIVE
    with (
        log.open("w") as said,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=said, bufsize=0, cwd=root, env=env
        ) as process,
    ):
        try:
            yield Builder(process)
        except RuntimeError:
            print(log.read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            process.communicate()


def serve() -> None:
    """For each line of stdin, parameters and place, forks a build; prints its id, then its status."""
    for line in sys.stdin:
        raw, out = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            build(make_params(raw, "kills"), Path(out))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


@dataclass(frozen=True)
class Seen:
    """What tells on disk how far a build got: the stages' marks, and the run that the manifest names."""

    marks: tuple[bytes, ...]
    run: str | None

    def stage(self, end: Seen) -> str:
        """The stage that the build is in if it is to end with `end`."""
        for stage, mark, wanted in zip(MARKED, self.marks, end.marks, strict=True):
            if mark != wanted:
                return stage
        return "sweep" if self.run == end.run else "assemble"


@dataclass(frozen=True)
class Course:
    """A build as it goes undisturbed: what it starts from, what it ends with, seconds of each stage."""

    params: Params
    old: Path | None
    end: Seen
    content: Content
    files: frozenset[str]
    spans: dict[str, float]


def lay_out(old: Path | None, out: Path) -> None:
    """Makes the place as it is before a build: empty, or holding an atlas made before."""
    for path in (out, work_folder(out)):
        shutil.rmtree(path, ignore_errors=True)
    if old is not None:
        shutil.copytree(old, out)
        shutil.copytree(work_folder(old), work_folder(out))


def look(out: Path) -> Seen:
    """How far the build of `out` got."""
    manifest = read(out / MANIFEST)
    marks = tuple(read(work_folder(out) / stage / "stage.json") for stage in MARKED)
    return Seen(marks, json.loads(manifest)["run"] if manifest else None)


def read(path: Path) -> bytes:
    """A file whole; nothing if it is not there, or is being removed right now."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def content(out: Path) -> Content:
    """The run that the manifest names, and size and digest of each of its files."""
    run = json.loads((out / MANIFEST).read_bytes())["run"]
    return run, json.loads((out / "runs" / run / FILES).read_bytes())


def files(out: Path) -> frozenset[str]:
    """Every file of the atlas and of its working folder, by name."""
    paths = [path for folder in (out, work_folder(out)) for path in folder.rglob("*") if path.is_file()]
    return frozenset(path.relative_to(out.parent).as_posix().removeprefix(out.name) for path in paths)


def undisturbed(builder: Builder, params: Params, out: Path, old: Path | None) -> Course:
    """Builds once and watches."""
    lay_out(old, out)
    builder.start(params, out)
    seen = [(time.monotonic(), look(out))]
    while not builder.ends_within(POLL):
        seen.append((time.monotonic(), look(out)))
    builder.was_killed()
    end, spans = look(out), {str(stage): 0.0 for stage in STAGES}
    for (since, was), (until, _) in pairwise([*seen, (time.monotonic(), end)]):
        spans[was.stage(end)] += until - since
    return Course(params, old, end, content(out), files(out), spans)


def killed_build(builder: Builder, course: Course, out: Path, dice: random.Random, tally: Tally) -> None:
    """One build, killed once or twice, then let go on to its end."""
    lay_out(course.old, out)
    killed: list[int] = []
    for _ in range(2 if dice.random() < TWICE else 1):
        if not kill(builder, course, out, dice, tally):
            break
        killed.append(builder.child)
    tally.counts["again"] += len(killed) == 2
    tally.counts["replacing"] += course.old is not None
    builder.start(course.params, out)
    builder.was_killed()
    for fault in harm(out, course, killed):
        tally.counts[fault] += 1
        say(f"{fault} after kill {tally.counts['kills']}: {sorted(files(out) ^ course.files)[:5]}")


def harm(out: Path, course: Course, killed: list[int]) -> Generator[str]:
    """What is wrong at the end of a build that was killed before."""
    if content(out) != course.content or any(verify(open_atlas(str(out)))):
        yield "different_digests"
    if files(out) != course.files:
        yield "left_over"
    if any(alive(group) for group in killed):
        yield "orphans"


def kill(builder: Builder, course: Course, out: Path, dice: random.Random, tally: Tally) -> bool:
    """Starts the build and kills it at a random moment; whether it was caught before its end."""
    stage = draw_stage(dice, course, look(out).stage(course.end))
    builder.start(course.params, out)
    wait_inside(builder, course, out, stage, dice.random() * course.spans[stage])
    with suppress(ProcessLookupError):  # it was done already
        os.kill(builder.child, signal.SIGKILL)
    caught = builder.was_killed()
    tally.counts["kills"] += 1
    tally.counts["caught" if caught else "finished_early"] += 1
    tally.counts["mixed"] += is_mixed(out, course)
    if caught:
        tally.stages[look(out).stage(course.end)] += 1
        tally.counts["inside_scan"] += (work_folder(out) / "scan" / "state.npz").exists()
    return caught


def wait_inside(builder: Builder, course: Course, out: Path, stage: str, seconds: float) -> None:
    """Waits until the build has been so long in the stage, or is through with it already."""
    began: float | None = None
    while not builder.ends_within(POLL):
        now = look(out).stage(course.end)
        if began is None and STAGES.index(now) >= STAGES.index(stage):
            began = time.monotonic()
        if began is not None and (now != stage or time.monotonic() - began >= seconds):
            return


def draw_stage(dice: random.Random, course: Course, first: str) -> str:
    """A stage from `first` on: half of the time by how long each takes, half of the time all alike."""
    ahead = [stage for stage in STAGES[STAGES.index(first) :] if course.spans[stage]]
    weights = [course.spans[stage] for stage in ahead] if dice.random() < 0.5 else None
    return dice.choices(ahead, weights)[0]


def is_mixed(out: Path, course: Course) -> bool:
    """Whether anything but nothing, the whole old atlas or the whole new one is there."""
    whole = [course.content] if course.old is None else [course.content, content(course.old)]
    try:
        return content(out) not in whole or any(verify(open_atlas(str(out))))
    except (OSError, ValueError, KeyError, AtlasError):
        return course.old is not None or (out / MANIFEST).exists()


def alive(group: int) -> bool:
    """Whether a process of the group still runs after a while."""
    until = time.monotonic() + ORPHANS_END
    while running(group):
        if time.monotonic() > until:
            return True
        time.sleep(POLL)
    return False


def running(group: int) -> list[int]:
    """The processes of the group that have not ended."""
    found: list[int] = []
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError, PermissionError):
            if process.info["status"] != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == group:
                found.append(process.pid)
    return found


if __name__ == "__main__":
    main()
