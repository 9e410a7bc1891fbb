"""The work folder of an atlas at a URL, by Azure's emulator: kept in step, whatever is cut off or damaged.

Another machine is an empty folder to work in.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_atlas.errors import FormatError
from feature_atlas.store import list_below
from pipeline.core.blobs import Headers, WrittenMeanwhile, open_place
from pipeline.core.files import MARK, StageFolder
from pipeline.core.in_step import InStep, in_step
from tests.emulators.stores import Store

STATE = "state.npz"
PLAIN = Headers("application/octet-stream", "no-cache")


@pytest.fixture
def url(azurite: Store) -> str:
    """Of an atlas that is not there yet."""
    return f"{azurite.url}/labs/atlas"


def lasting(work: Path, stage: str) -> StageFolder:
    """A stage with one item made, one missing, and a state."""
    made = StageFolder.of(work / stage, {"a.npz": "1", "b.npz": "2"})
    made.open()
    (made.path / "a.npz").write_bytes(b"a of " + work.parent.name.encode())
    (made.path / STATE).write_bytes(b"state")
    made.add("a.npz")
    return made


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
