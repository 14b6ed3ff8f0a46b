"""A data set summed up in numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.data.summary import describe


def read(folder: Path, social: str, directed: bool | None = None, interactions: str | None = None) -> SocialDataset:
    (folder / "social.csv").write_text(social)
    if interactions is not None:
        (folder / "interactions.csv").write_text(interactions)
    return SocialDataset.read(folder, directed=directed)


def test_everything_in_numbers(tmp_path: Path) -> None:
    rows = "user_id,item_id,split\n1,a,train\n1,b,test\n2,a,val\n4,a,train\n"
    dataset = read(tmp_path, "src,dst\n1,2\n2,1\n2,3\n3,2\n", None, rows)
    facts = describe(dataset)
    assert json.loads(json.dumps(facts)) == facts
    notices, degree = facts.pop("notices"), facts.pop("degree")
    assert degree == pytest.approx(
        {"mean": 1.0, "min": 0.0, "p10": 0.3, "median": 1.0, "p90": 1.7, "p99": 1.97, "max": 2.0}
    )
    assert facts == {
        "users": 4,
        "items": 2,
        "user_ids": "int64",
        "item_ids": "string",
        "interactions": {"train": 2, "validation": 1, "test": 1},
        "ties": 2,
        "directed": False,
        "mirrored": True,
        "reciprocity": 1.0,
        "density": {"interactions": 0.5, "ties": 2 / 6},
    }
    assert notices[0] == {
        "kind": "direction",
        "count": 2,
        "message": "undirected edges: 2, each listed in both directions",
    }
    assert len(notices) == len(dataset.notices)


def test_directed_ties(tmp_path: Path) -> None:
    facts = describe(read(tmp_path, "src,dst\n1,2\n2,1\n2,3\n3,1\n"))
    assert (facts["reciprocity"], facts["density"]["ties"], facts["density"]["interactions"]) == (0.5, 4 / 6, None)


def test_undirected_ties_listed_once(tmp_path: Path) -> None:
    assert describe(read(tmp_path, "src,dst\n1,2\n", directed=False))["reciprocity"] is None
