"""Every family of dictionaries, in files that the family's own library wrote, against what it computed."""

from __future__ import annotations

import pytest

from feature_atlas.errors import InputError
from tests.goldens.cases import Case, cases

CASES = {case.name: case for case in cases()}
READ = {name: case for name, case in CASES.items() if case.refusal is None}


@pytest.mark.parametrize("case", READ.values(), ids=READ)
def test_read_as_its_own_library_does(case: Case) -> None:
    latents, reconstruction = case.errors()
    assert latents < 1e-5
    assert reconstruction < 1e-4


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.refusal], ids=str)
def test_refused_with_a_reason(case: Case) -> None:
    assert case.refusal is not None
    with pytest.raises(InputError, match=case.refusal):
        case.load()
