"""Rows that have a fault are left out where that is asked for: listed one by one, up to a limit, and nothing else."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.data.rows.left_out import HEADER, LeftRow, write_left_out
from recdiff.errors import BadRowsError, DataError, UsageError

Run = Callable[..., tuple[int, str, str]]
TIES = [f"{user},{user + 1},1" for user in range(1, 200)]
BAD = {
    3: (",7,1", "src", "the id is empty; every row needs an id, a whole number or text"),
    50: ("7,8,much", "weight", "'much' is not a finite number; accepted: finite numbers such as 3.5"),
    51: ("7,8", "", "'7,8' has too few fields: 2, and the header has 3"),
    90: ('"7,8",9,inf', "weight", "'inf' is not a finite number; accepted: finite numbers such as 3.5"),
    91: ('"",,-', "src", "the id is empty; every row needs an id, a whole number or text"),
}


def spoiled(name: str = "social.csv") -> str:
    """Return a table of ties with each bad row at its line."""
    lines = ["src,dst,weight", *TIES]
    for line, (text, _, _) in BAD.items():
        lines.insert(line - 1, text)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("packed", [False, True])
def test_rows_with_a_fault_are_left_out_and_listed(tmp_path: Path, packed: bool) -> None:
    file = tmp_path / ("social.csv.gz" if packed else "social.csv")
    file.write_bytes(gzip.compress(spoiled().encode()) if packed else spoiled().encode())
    read = SocialDataset.read(tmp_path, skip_bad=0.05)
    raw = {line: text for line, (text, _, _) in BAD.items()} | {91: ",,-"}
    assert read.left_out == tuple(
        LeftRow(str(file), line, column, reason, raw[line]) for line, (_, column, reason) in BAD.items()
    )
    (notice,) = [each for each in read.notices if each.kind == "rows_left_out"]
    assert (notice.count, str(notice)) == (
        5,
        f"{file.name}: rows left out because they have a fault: 5, the first is row 3",
    )
    (tmp_path / file.name).unlink()
    (tmp_path / "social.csv").write_text("\n".join(["src,dst,weight", *TIES]) + "\n")
    sound = SocialDataset.read(tmp_path)
    assert read.users == sound.users
    np.testing.assert_array_equal(read.edges, sound.edges)
    assert sound.left_out == SocialDataset.read(tmp_path, skip_bad=0.05).left_out == ()


def test_rows_of_parquet_are_left_out_with_all_their_columns_and_times_stay_with_their_ties(tmp_path: Path) -> None:
    table = pa.table(
        {
            "src": pa.array([*range(100), None]),
            "dst": pa.array([*range(1, 101), 5]),
            "note": ["kept"] * 100 + ["why"],
            "tied_at": [float(at) for at in range(101)],
        }
    )
    # The bad row is in the middle, and the file in several groups.
    table = table.take([*range(60), 100, *range(60, 100)])
    pq.write_table(table, tmp_path / "social.parquet", row_group_size=16)
    read = SocialDataset.read(tmp_path, skip_bad=0.01)
    (row,) = read.left_out
    assert (row.row, row.column) == (61, "src")
    assert json.loads(row.raw) == {"src": None, "dst": 5, "note": "why", "tied_at": 100.0}
    assert read.edge_times is not None
    assert read.edge_times.tolist() == [float(at) for at in range(100)]


def test_the_limit_is_of_the_whole_table_however_many_parts_it_has(tmp_path: Path) -> None:
    (tmp_path / "social.parquet").mkdir()
    for part, (src, dst) in enumerate([(list(range(99)), list(range(1, 100))), ([None, 3], [1, 5])]):
        pq.write_table(pa.table({"src": src, "dst": dst}), tmp_path / f"social.parquet/part-{part}.parquet")
    (row,) = SocialDataset.read(tmp_path, skip_bad=0.01).left_out
    assert (Path(row.file).name, row.row) == ("part-1.parquet", 1)
    with pytest.raises(DataError, match=r"1 of 101 rows have a fault, more than the 0\.005 of them") as caught:
        SocialDataset.read(tmp_path, skip_bad=0.005)
    assert "raise --skip-bad-limit" in str(caught.value)
    assert "the id is null" in str(caught.value)


def test_what_follows_a_fault_and_cannot_be_told_apart_is_refused_all_the_same(tmp_path: Path) -> None:
    for content in ('src,dst\n1,2\n2,"3\n3,4\n', "src,dst\n1,2\n\udcff,3\n"):
        (tmp_path / "social.csv").write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(DataError) as caught:
            SocialDataset.read(tmp_path, skip_bad=0.9)
        assert not isinstance(caught.value, BadRowsError)
        assert "--skip-bad" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(UsageError, match="is no share of rows"):
        SocialDataset.read(tmp_path, skip_bad=share)


def test_a_file_of_somebody_elses_is_not_replaced_and_an_older_list_is(tmp_path: Path) -> None:
    file = tmp_path / "m.left-out.csv"
    row = LeftRow("social.csv", 3, "src", "the id is empty", '"a, b"\n,')
    write_left_out(file, [row])
    with file.open(newline="") as stream:
        assert list(csv.reader(stream)) == [list(HEADER), ["social.csv", "3", "src", "the id is empty", '"a, b"\n,']]
    write_left_out(file, [])
    assert not file.exists()
    file.write_text("mine")
    for rows in ([], [row]):
        with pytest.raises(UsageError, match="not a list of rows left out"):
            write_left_out(file, rows)
    assert file.read_text() == "mine"


def data_with_a_blank_id(sample: Path, place: Path) -> Path:
    place.mkdir()
    for name in ("social.csv", "interactions.csv"):
        lines = (sample / name).read_text().splitlines()
        if name == "social.csv":
            lines.insert(4, ",".join(["", *lines[1].split(",")[1:]]))
        (place / name).write_text("\n".join(lines) + "\n")
    return place


def test_commands_name_the_remedy_and_take_it(run: Run, tmp_path: Path, sample_folder: Path) -> None:
    data = data_with_a_blank_id(sample_folder, tmp_path / "data")
    code, _, err = run("fit", str(data), "--out", "m")
    assert code == 3
    assert "row 5" in err
    assert "--skip-bad" in err
    code, _, err = run("validate", str(data), "--skip-bad-limit", "0.1")
    assert (code, err) == (2, "error: --skip-bad-limit goes with --skip-bad\n")
    code, out, err = run("validate", str(data), "--skip-bad", "--json")
    assert code == 0
    assert {"rows_left_out": 1}.items() <= {each["kind"]: each["count"] for each in json.loads(out)["notices"]}.items()
    assert f"left out: {data}/social.csv, row 5: the id is empty" in err
    assert run("validate", str(data), "--skip-bad", "--skip-bad-limit", "1e-6")[0] == 3


@pytest.mark.usefixtures("quick_scorer")
def test_a_fit_lists_them_beside_the_model(run: Run, tmp_path: Path, sample_folder: Path) -> None:
    data = data_with_a_blank_id(sample_folder, tmp_path / "data")
    (tmp_path / "m.left-out.csv").write_text("mine")
    arguments = ("fit", str(data), "--out", "m", "--epochs", "1", "--skip-bad")
    assert run(*arguments)[0] == 2
    assert not (tmp_path / "m").exists()
    (tmp_path / "m.left-out.csv").unlink()
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    assert json.loads(out)["rows_left_out"] == {"social.csv": 1}
    assert json.loads((tmp_path / "m/calibration.json").read_text())["rows_left_out"] == {"social.csv": 1}
    with (tmp_path / "m.left-out.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["file"], row["row"], row["column"]) == (str(data / "social.csv"), "5", "src")
    assert run("evaluate", str(data), "--model", "m")[0] == 3
    assert run("evaluate", str(data), "--model", "m", "--skip-bad")[0] == 0
