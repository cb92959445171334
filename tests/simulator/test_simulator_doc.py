"""docs/simulator.md names what there is."""

import re
from pathlib import Path

import pytest

from simulator import control
from simulator.faults import KINDS
from simulator.registry import venue_classes

DOC = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_described_with_its_arguments(kind: str) -> None:
    row = re.search(rf"^\| `{kind}` \|([^|]*)\|", DOC, re.M)
    assert row, f"{kind} is not described"
    for argument in KINDS[kind]:
        assert f"`{argument}`" in row[1], f"{argument} of {kind} is not described"


def test_every_call_of_the_control_endpoint_is_described() -> None:
    calls = re.findall(r'add_(get|post|delete)\("(/\w+)"', Path(control.__file__).read_text())
    assert len(calls) >= 8
    assert [f"{method.upper()} {path}" for method, path in calls if f"| `{method.upper()} {path}` |" not in DOC] == []


@pytest.mark.parametrize("venue", [cls.name for cls in venue_classes()])
def test_every_venue_says_what_is_not_verified(venue: str) -> None:
    uncertain = DOC.partition("## What is not there")[2].partition("\n## ")[0]
    assert f"| {venue} |" in uncertain.lower()
