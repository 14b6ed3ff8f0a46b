"""Neighbourhoods, categories, exponents and words come from the numbers."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from recdiff.data.ids import Ids
from recdiff.errors import DataError, UsageError
from recdiff.studies import catalogue
from recdiff.studies.catalogue import Outcome
from recdiff.studies.complexity import growth
from recdiff.studies.item_categories import read_categories
from recdiff.studies.lab.memory import peak, reset_peak
from recdiff.studies.page.ego import MOST, ego_of
from recdiff.studies.page.findings import Findings, Summary
from recdiff.studies.page.tidy import table_of
from recdiff.studies.page.wording import (
    compared,
    digits,
    interval,
    listed,
    p_said,
    percent,
    seconds,
    short,
    signed,
    verdict,
)
from recdiff.studies.pair_change import cosines, plane
from recdiff.studies.registry import names
from recdiff_cli import study

# 0 and 1 are tied; 2 is a friend of both, 3 of 0 only, 4 of 1 only, 5 a stranger.
EDGES = np.array([[0, 1], [2, 0], [1, 2], [0, 3], [4, 1], [3, 2], [4, 5]])


def test_a_neighbourhood_knows_whose_friend_is_whose() -> None:
    ego = ego_of(EDGES, (0, 1))
    assert dict(zip(ego.nodes.tolist(), ego.groups.tolist(), strict=True)) == {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}
    assert ego.counts == (1, 1, 1)
    drawn = {frozenset(ego.nodes[list(edge)].tolist()) for edge in ego.edges}
    assert drawn == {frozenset(pair) for pair in ((0, 2), (1, 2), (0, 3), (1, 4), (2, 3))}


def test_a_large_neighbourhood_is_cut_and_counted() -> None:
    many = np.array([[0, 1], *([0, friend] for friend in range(2, 60)), *([1, friend] for friend in range(2, 40))])
    ego = ego_of(many, (0, 1))
    assert ego.counts == (38, 20, 0)
    assert np.bincount(ego.groups).tolist() == [2, MOST, MOST]
    assert np.unique(ego.places.round(9), axis=0).shape == ego.places.shape


def test_categories_are_read_where_there_are_any(tmp_path: Path) -> None:
    items = Ids(pa.array([3, 5, 7]))
    assert read_categories(tmp_path, items) is None
    (tmp_path / "item_categories.tsv").write_text("item_id\tcategory_id\n5\tbooks\n5\t2\n9\tgone\n")
    assert read_categories(tmp_path, items) == {1: ("books", "2")}
    (tmp_path / "item_categories.tsv").write_text("item\tcategory_id\n5\t2\n")
    with pytest.raises(DataError, match=r"item_categories.tsv: needs the columns item_id and category_id"):
        read_categories(tmp_path, items)


def test_an_exponent_is_the_slope_of_the_logarithms() -> None:
    sizes = [10, 20, 40, 80]
    rows = [
        {"axis": "users", "users": u, "seconds": 3 * u**1.5, "formula_multiplications": 7.0 * u, "formula_floats": 1.0}
        for u in sizes
    ]
    found = growth(rows, "seconds")
    assert (found.measured, found.formula) == (pytest.approx(1.5), pytest.approx(1.0))
    assert found.spread == pytest.approx(0.0, abs=1e-9)


def test_peak_memory_counts_what_was_held_for_a_moment() -> None:
    before = reset_peak()
    with mmap.mmap(-1, 2**26) as held:  # A new array may lie in a freed one's place, which is resident already.
        for at in range(0, len(held), mmap.PAGESIZE):
            held[at] = 1
    after = peak()
    if before is None or after is None:
        pytest.skip("this system does not tell a process its peak memory")
    assert after - before >= 0.9 * 2**26


def test_cosines_and_the_plane_of_most_variance() -> None:
    rows = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 2], [-1, 0, 0]], np.float32)
    np.testing.assert_allclose(cosines(rows, np.array([[0, 1], [0, 2], [0, 3]])), [0.5**0.5, 0, -1], atol=1e-7)
    flat = plane(np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32) * [5, 3, 1, 0.1, 0.1])
    assert flat.shape == (50, 2)
    assert flat[:, 0].var() > flat[:, 1].var()
    assert abs(np.corrcoef(flat.T)[0, 1]) < 1e-6


def test_a_table_is_tidy_or_refused() -> None:
    assert table_of([{"a": 1, "b": None}, {"a": 2, "b": 0.5}]).to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": 0.5}]
    with pytest.raises(ValueError, match=r"row .* has other columns than the first"):
        table_of([{"a": 1}, {"b": 1}])
    with pytest.raises(ValueError, match="at least one row"):
        table_of([])


def test_numbers_are_written_as_people_read_them() -> None:
    assert (digits(0.07051), digits(-0.0012), digits(1.25)) == (".0705", "-.0012", "1.2500")
    assert (signed(0.0012), signed(-0.0012), signed(-0.00001)) == ("+.0012", "-.0012", ".0000")
    assert (percent(0.0321), interval(-0.001, 0.003)) == ("+3.2 %", "[-.0010, +.0030]")
    assert (p_said(0.0123), p_said(0.0001), p_said(1.0)) == ("p = .012", "p < .001", "p = 1")
    assert (seconds(2.5), seconds(0.0123), seconds(4.6e-5)) == ("2.5 s", "12.3 ms", "46 µs")
    assert (short(962), short(7700), short(930_000), short(1.2e6)) == ("962", "7.7k", "930k", "1.2M")
    assert (listed(["a"]), listed(["a", "b", "c"])) == ("a", "a, b and c")
    assert (compared(2.44), compared(0.5)) == ("2.4 times as long as", "2.0 times as fast as")
    assert [verdict(*ends) for ends in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1))] == ["better", "worse", "not told apart"]


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    study.register(app)
    return app


def test_the_command_prints_what_was_found(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    summary = Summary("Title of the table", ("model", "value"), (("ours", ".1234"),))
    findings = Findings(pa.table({"x": [1]}), (summary,), (), ("It says so.",), title="T", question="Q")

    def run_study(name: str, source: object, out: Path, budget: object, **options: object) -> Outcome:
        asked.append((name, source, out, budget, options["jobs"]))
        return Outcome(findings, (out / "overall-d.csv",))

    monkeypatch.setattr(catalogue, "run_study", run_study)
    arguments = ["study", "overall", "data", "--quick", "--seeds", "3", "--jobs", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "Title of the table" in done.stdout
    assert ".1234" in done.stdout
    assert "It says so." in done.stdout
    assert f"next: recdiff-sdk report --out {tmp_path}" in done.stderr
    assert "Quick run: 3 seeds (0, 1, 2)" in done.stderr
    ((name, source, out, budget, jobs),) = asked
    assert (name, source.folder, out, budget.quick, jobs) == ("overall", Path("data").absolute(), tmp_path, True, 1)
    done = CliRunner().invoke(app, ["study", "all", "data", "--json"], catch_exceptions=False)
    assert [each[0] for each in asked[1:]] == list(names())
    assert done.stdout.startswith("{")


def test_the_report_command_names_its_file_or_what_is_missing(app: typer.Typer, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no study"):
        CliRunner().invoke(app, ["report", "--out", str(tmp_path)], catch_exceptions=False)
