"""What the faults befall: builds and publications of a tiny atlas, each in a process of its own.

The processes are forked from one that has imported everything and run nothing.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from feature_atlas import AtlasError
from pipeline.core.blobs import WrittenMeanwhile

ENDED, REFUSED, SECOND, CRASHED = 0, 2, 3, 4  # exit statuses; second: another writer was first
LEASE, BEAT = 1.0, 0.2  # seconds: nobody waits a minute and a half for whom we have killed ourselves
DONE_IN = 120.0  # seconds after which a process counts as hanging
IMPORTS = ["pipeline.build", "pipeline.core.blobs_azure", "tests.tiny", "viewer_builder.build"]
IMPORTS += ["benchmarks.fault_kinds", "benchmarks.report"]  # a process runs the main module's imports again
BUILT, SITES = ("first", "top", "title"), ("first", "labels", "top")  # names of versions


@dataclass(frozen=True)
class Work:
    """One command: a build of a file of parameters, or the publishing of a site's folder."""

    source: Path
    out: str
    scratch: Path | None = None
    keep: int = 1
    largest: int | None = None  # bytes of a file that may be written, where no small disk can be had

    def within(self, largest: int | None) -> Work:
        """The same with a limit."""
        return replace(self, largest=largest)

    def do(self) -> None:
        """As the command line does it."""
        from pipeline.build import build
        from pipeline.core.blobs import open_place
        from pipeline.core.params import load_params
        from pipeline.core.publication import Publication
        from pipeline.publish import publish

        if self.largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest, self.largest))
        if self.source.is_file():
            build(load_params(self.source, {}), self.out, self.scratch)
        else:
            publish(Publication.of(str(self.source)), open_place(self.out), keep=self.keep)


class Workers:
    """Processes that work, and where they say what they do."""

    def __init__(self, folder: Path) -> None:
        # Threads that spin while they wait would make times a lottery.
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(IMPORTS)
        self._folder, self._n = folder, 0

    def prepare(self) -> None:
        """Makes every version of atlas and site below the folder."""
        if self.end(self._start(_prepare, self._folder)) != ENDED:
            raise RuntimeError(self.said())

    def start(self, work: Work, environment: Mapping[str, str]) -> Any:
        """A process that does it."""
        return self._start(_do, work, environment)

    def end(self, process: Any) -> int:
        """Waits for its end; its exit status, which is negative after a signal."""
        process.join(DONE_IN)
        if process.exitcode is None:
            process.kill()
            raise RuntimeError(f"a process hangs: {self.said()}")
        return process.exitcode

    def said(self, process: Any = None) -> str:
        """What a process has said; without one, what the last has."""
        number = process.name if process is not None else str(self._n)
        return (self._folder / f"{number}.log").read_text()[-3000:]

    def _start(self, target: Any, *arguments: Any) -> Any:
        self._n += 1
        log = self._folder / f"{self._n}.log"
        process = self._context.Process(target=_quietly, args=(log, target, *arguments), name=str(self._n))
        process.start()
        return process


def _quietly(log: Path, target: Any, *arguments: Any) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        target(*arguments)
    except WrittenMeanwhile as error:
        print(error)
        sys.exit(SECOND)
    except (AtlasError, OSError) as error:
        print(error)
        sys.exit(REFUSED)
    except Exception:
        traceback.print_exc()
        sys.exit(CRASHED)


def _do(work: Work, environment: Mapping[str, str]) -> None:
    from pipeline.core import blobs, blobs_azure, in_step, published

    os.environ.update(environment)
    blobs.FIRST_WAIT, blobs_azure.TIMEOUTS = 0.005, (2, 2)
    published.LEASE, published.BEAT, in_step.PACE = LEASE, BEAT, 0.05
    work.do()


def _prepare(folder: Path) -> None:
    """`VERSION.yaml`, and below `VERSION` the atlas, its work folder and the site."""
    from feature_atlas import Label, open_atlas
    from pipeline.build import build
    from pipeline.core.params import Params, ScanParams, save_params
    from pipeline.core.publication import Publication
    from pipeline.relabel import relabel
    from tests import tiny
    from viewer_builder.build import build_site

    first = Params(
        title="first",
        model=str(tiny.write_model(folder / "model")),
        corpus=[str(tiny.write_text(folder / "text", 6))],
        dictionaries={"sae": f"{tiny.write_dictionary(folder / 'sae')}@resid_post.1"},
        neurons=False,
        heads=False,
        map=False,
        ctx=tiny.CTX,
        scan=ScanParams(n_top=4, batch=4, cofiring_tokens=200, checkpoint_seconds=0),
    )
    changes = {
        "first": {},
        "top": {"scan": first.scan.model_copy(update={"n_top": 3})},
        "title": {"title": "b"},
    }
    ids: dict[str, str] = {}
    for name in BUILT:
        params = first.model_copy(update=changes[name])
        save_params(folder / f"{name}.yaml", params)
        build(params, folder / name / "atlas")
    shutil.copytree(folder / "first" / "atlas", folder / "labels" / "atlas")
    relabel(open_atlas(str(folder / "labels" / "atlas")), {"sae": {0: [Label("a label", "a reader")]}})
    for name in SITES:
        build_site(str(folder / name / "atlas"), folder / name / "site", link=None)
        ids[Publication.of(str(folder / name / "site")).id] = name
    (folder / "ids.json").write_text(json.dumps(ids))
