"""`study`: rows with a fault are refused, or left out and told of, and every notice about the data is heard once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from recdiff.studies import registry
from recdiff.studies.lab.bench import Bench
from recdiff.studies.page.findings import Findings

Run = Callable[..., tuple[int, str, str]]
LEFT_OUT = "note: social.csv: rows left out because they have a fault: 1, the first is row 3\n"


def count_ties(bench: Bench) -> Findings:
    """Run a study that counts the ties it is given."""
    return Findings(pa.table({"ties": [len(bench.dataset.edges)]}), summaries=(), figures=(), says=())


@pytest.fixture
def data(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, one of whose 200 ties lacks an end; two studies are registered that do no more than read it."""
    pytest.importorskip("matplotlib")
    quick = tuple(registry.Study(name, name, "How many ties?", lambda: count_ties) for name in ("ties", "again"))
    monkeypatch.setattr(registry, "STUDIES", quick)
    ties = [f"{user},{user + 1}" for user in range(1, 200)]
    ties.insert(1, "7,")
    likes = [f"{user},{item}" for user in range(1, 201) for item in range(user, user + 10)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "social.csv").write_text("\n".join(["src,dst", *ties]) + "\n")
    (tmp_path / "data" / "interactions.csv").write_text("\n".join(["user_id,item_id", *likes]) + "\n")
    return tmp_path / "data"


def test_a_row_with_a_fault_is_refused(run: Run, data: Path) -> None:
    code, _, err = run("study", "ties", data, "--quick", "--undirected")
    assert code == 3
    assert "the id is empty" in err
    assert "row 3" in err
    assert "--skip-bad" in err
    assert not Path("studies").exists()


def test_it_is_left_out_told_of_and_counted(run: Run, data: Path) -> None:
    code, out, err = run("study", "ties", data, "--quick", "--undirected", "--skip-bad", "--json")
    assert (code, err.count(LEFT_OUT)) == (0, 1)
    assert json.loads(out)["studies"]["ties"]["rows"] == [{"ties": 199}]
    written = json.loads(Path("studies/ties-data.study.json").read_text())
    assert written["provenance"]["data"]["rows_left_out"] == 1
    assert "--skip-bad" in written["provenance"]["command"]


def test_all_studies_tell_of_it_once(run: Run, data: Path) -> None:
    code, _, err = run("study", "all", data, "--quick", "--undirected", "--skip-bad")
    assert (code, err.count(LEFT_OUT)) == (0, 1)
    assert sorted(each.name for each in Path("studies").glob("*.json")) == [
        "again-data.study.json",
        "ties-data.study.json",
    ]


def test_more_than_the_limit_is_refused(run: Run, data: Path) -> None:
    code, _, err = run("study", "ties", data, "--quick", "--undirected", "--skip-bad", "--skip-bad-limit", 0.001)
    assert code == 3
    assert "1 of 200 rows have a fault, more than the 0.001 of them that may be left out" in err
    code, _, err = run("study", "ties", data, "--quick", "--skip-bad-limit", 0.001)
    assert (code, "--skip-bad-limit goes with --skip-bad" in err) == (2, True)
