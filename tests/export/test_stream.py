from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from recdiff.errors import DataError, UsageError
from recdiff_export import OnnxScorer, export_bundle
from recdiff_export.stream.local import clean_stream
from tests.export.export_parts import USERS, parts

THRESHOLD = 0.5


def ties(count: int = 3000, unknown: int = 0) -> pa.Table:
    generator = np.random.default_rng(11)
    src, step = generator.integers(0, USERS, count), generator.integers(1, USERS, count)
    dst = (3 * ((src + step) % USERS) + 7).tolist()
    src = (3 * src + 7).tolist()
    src[:unknown] = [1] * unknown
    return pa.table({"src": src, "dst": dst, "row": list(range(count))})


def write_parquet(path: Path, table: pa.Table, group: int = 500) -> Path:
    pq.write_table(table, path, row_group_size=group)
    return path


def outputs(out: Path) -> tuple[pa.Table, pa.Table]:
    sides = []
    for side in ("kept", "removed"):
        single = out / f"{side}.parquet"
        files = [single] if single.exists() else sorted((out / side).glob("*.parquet"))
        assert files
        sides.append(pa.concat_tables([pq.read_table(file) for file in files]))
    return sides[0], sides[1]


def check(out: Path, table: pa.Table, scorer: OnnxScorer) -> None:
    kept, removed = outputs(out)
    scores = scorer.score(table["src"], table["dst"], unknown="null")
    fake = scores.astype(np.float64) >= THRESHOLD
    assert kept["row"].to_pylist() == np.flatnonzero(~fake).tolist()
    assert removed["row"].to_pylist() == np.flatnonzero(fake).tolist()
    assert np.array_equal(removed["fake_score"].to_numpy(), scores[fake])
    assert kept.schema.names == removed.schema.names == ["src", "dst", "fake_score", "row"]
    assert [side.nbytes for side in (kept, removed)]
    assert not [path for path in out.parent.iterdir() if path.name.startswith(f".{out.name}")]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stream.source.SEGMENT_ROWS", "stream.local.SEGMENT_ROWS"):
        monkeypatch.setattr(f"recdiff_export.{name}", 1000)
    monkeypatch.setattr("recdiff_export.stream.source.BATCH_ROWS", 300)


def test_partition_keys_of_folders_come_along(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    table = ties(400)
    for day in (1, 2):
        (tmp_path / f"edges/day={day}").mkdir(parents=True)
        write_parquet(tmp_path / f"edges/day={day}/p.parquet", table)
    clean_stream(onnx_scorer, tmp_path / "edges", tmp_path / "out", threshold=THRESHOLD)
    kept, removed = outputs(tmp_path / "out")
    assert kept.schema.names == ["src", "dst", "fake_score", "row", "day"]
    assert sorted(kept["day"].to_pylist() + removed["day"].to_pylist()) == ["1"] * 400 + ["2"] * 400


def test_a_small_file_gives_two_files_and_a_summary(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    table = ties()
    source = write_parquet(tmp_path / "edges.parquet", table)
    summary = clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD)
    check(tmp_path / "out", table, onnx_scorer)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "kept.parquet",
        "removed.parquet",
        "summary.json",
    ]
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert said["edges"] == summary.edges == 3000 == summary.kept + summary.removed
    scores = onnx_scorer.score(table["src"], table["dst"])
    assert summary.estimated_fake_share == pytest.approx(scores.mean(), abs=1e-6)


def test_a_big_file_gives_parts_in_order(tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None) -> None:
    table = ties()
    seen: list[tuple[str, int, int]] = []
    source = write_parquet(tmp_path / "edges.parquet", table)
    clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, report=lambda *step: seen.append(step))
    check(tmp_path / "out", table, onnx_scorer)
    assert [path.name for path in sorted((tmp_path / "out" / "kept").iterdir())] == [
        f"part-0000{part}.parquet" for part in range(3)
    ]
    assert seen[0] == ("score edges", 0, 3000)
    assert seen[-1] == ("score edges", 3000, 3000)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz"])
def test_text_files(tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None, suffix: str) -> None:
    table = ties()
    path = tmp_path / f"edges{suffix}"
    with pa.output_stream(str(path), compression="gzip" if suffix.endswith("gz") else None) as sink:
        pacsv.write_csv(table, sink, pacsv.WriteOptions(delimiter="\t" if suffix == ".tsv" else ","))
    clean_stream(onnx_scorer, path, tmp_path / "out", threshold=THRESHOLD)
    kept, removed = outputs(tmp_path / "out")
    rows = sorted([*map(int, kept["row"].to_pylist()), *map(int, removed["row"].to_pylist())])
    assert rows == list(range(3000))
    assert kept["src"].type == pa.string()
    scores = {**dict.fromkeys(kept["row"].to_pylist(), False), **dict.fromkeys(removed["row"].to_pylist(), True)}
    expected = onnx_scorer.score(table["src"], table["dst"]).astype(np.float64) >= THRESHOLD
    assert [scores[str(row)] for row in range(3000)] == expected.tolist()


def test_a_folder_of_parts_of_different_kinds(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    table = ties()
    folder = tmp_path / "edges"
    (folder / "deep").mkdir(parents=True)
    write_parquet(folder / "a.parquet", table.slice(0, 1000))
    write_parquet(folder / "b.parquet", table.slice(1000, 0))
    write_parquet(folder / "deep" / "c.parquet", table.slice(1000))
    (folder / "_SUCCESS").write_text("")
    clean_stream(onnx_scorer, folder, tmp_path / "out", threshold=THRESHOLD)
    check(tmp_path / "out", table, onnx_scorer)


@pytest.mark.parametrize(("unknown", "kept", "dropped"), [("keep", 2, 0), ("drop", 0, 2)])
def test_unknown_users(tmp_path: Path, onnx_scorer: OnnxScorer, unknown: str, kept: int, dropped: int) -> None:
    source = write_parquet(tmp_path / "edges.parquet", ties(unknown=2))
    summary = clean_stream(onnx_scorer, source, tmp_path / "out", threshold=0.0, unknown=unknown)  # type: ignore[arg-type]
    assert (summary.unknown, summary.kept, summary.dropped, summary.removed) == (2, kept, dropped, 2998)
    left, _ = outputs(tmp_path / "out")
    assert left["fake_score"].to_pylist() == [None] * kept


def test_unknown_users_can_be_an_error_that_names_them(
    tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None
) -> None:
    table = ties()
    src = table["src"].to_pylist()
    src[1204] = 8
    source = write_parquet(tmp_path / "edges.parquet", table.set_column(0, "src", pa.array(src)))
    with pytest.raises(DataError, match=r"edges\.parquet, row 1205: users that the model does not know: 8"):
        clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, unknown="error")
    assert not (tmp_path / "out").exists()


def test_other_names_and_old_scores(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    table = ties(50)
    renamed = table.rename_columns(["fan", "idol", "row"]).append_column("fake_score", pa.array([9.0] * 50))
    source = write_parquet(tmp_path / "edges.parquet", renamed)
    clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, mapping={"src": "fan", "dst": "idol"})
    check(tmp_path / "out", table, onnx_scorer)


def test_a_failed_run_goes_on_and_equals_an_unbroken_one(
    tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ties()
    source = write_parquet(tmp_path / "edges.parquet", table)
    clean_stream(onnx_scorer, source, tmp_path / "unbroken", threshold=THRESHOLD)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def stop_late(stage: str, done: int, total: int) -> None:
        if done > 1500:
            monkeypatch.setattr(pq.ParquetWriter, "write_table", full)

    with pytest.raises(DataError, match=r"the disk is full\. Finished parts are kept"), monkeypatch.context():
        clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, report=stop_late)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / ".out.work" / "result" / "kept" / "part-00000.parquet").exists()
    monkeypatch.undo()
    for name in ("stream.source.SEGMENT_ROWS", "stream.local.SEGMENT_ROWS"):
        monkeypatch.setattr(f"recdiff_export.{name}", 1000)
    summary = clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD)
    assert summary.resumed == 1000
    check(tmp_path / "out", table, onnx_scorer)
    for side in range(2):
        assert outputs(tmp_path / "out")[side].equals(outputs(tmp_path / "unbroken")[side])


def test_other_settings_or_no_resume_start_over(tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None) -> None:
    source = write_parquet(tmp_path / "edges.parquet", ties())

    def stop(stage: str, done: int, total: int) -> None:
        if done > 1500:
            raise KeyboardInterrupt

    for changed in ({"threshold": 0.7}, {"unknown": "drop"}, {"resume": False}):
        with pytest.raises(KeyboardInterrupt):
            clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, report=stop)
        settings = {"threshold": THRESHOLD, **changed}
        assert clean_stream(onnx_scorer, source, tmp_path / "out", **settings).resumed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_killed_process_goes_on(tmp_path: Path, bundle: Path, onnx_scorer: OnnxScorer, suffix: str) -> None:
    table = ties(6000)
    path = tmp_path / f"edges{suffix}"
    write_parquet(path, table, 500) if suffix == ".parquet" else pacsv.write_csv(table, path)
    code = f"""
import time, sys
from pathlib import Path
import recdiff_export.stream.source as source, recdiff_export.stream.local as stream
import recdiff.data.text_file as text_file
from recdiff_export import OnnxScorer
source.SEGMENT_ROWS = stream.SEGMENT_ROWS = 1000
source.BATCH_ROWS, text_file._BLOCK = 250, 4096
slow = lambda *step: time.sleep(float(sys.argv[1]))
with OnnxScorer.open({str(bundle)!r}, provider="cpu", threads=1) as scorer:
    edges, out = Path({str(path)!r}), Path({str(tmp_path / "out")!r})
    summary = stream.clean_stream(scorer, edges, out, threshold=0.5, report=slow)
print(summary.resumed, summary.edges)
"""
    victim = subprocess.Popen([sys.executable, "-c", code, "0.05"])
    log = tmp_path / ".out.work" / "journal.jsonl"
    for _ in range(600):
        if log.exists() and log.read_text().count("\n") >= 3:
            break
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not (tmp_path / "out").exists()
    with log.open("a") as file:
        file.write('{"file": "cut')
    done = subprocess.run([sys.executable, "-c", code, "0"], capture_output=True, text=True, check=True)
    resumed, rows = map(int, done.stdout.split())
    assert resumed >= 1000
    assert rows == 6000
    if suffix == ".parquet":
        check(tmp_path / "out", table, onnx_scorer)
    kept, removed = outputs(tmp_path / "out")
    assert sorted(map(int, kept["row"].to_pylist() + removed["row"].to_pylist())) == list(range(6000))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"PAR1 nonsense"), "not a readable Parquet file"),
        (
            lambda path: pq.write_table(pa.table({"src": [1.5], "dst": [1]}), path),
            "column 'src': has type double; accepted",
        ),
        (lambda path: pq.write_table(pa.table({"src": [1]}), path), "column dst is missing"),
        (
            lambda path: pq.write_table(
                pa.table({"src": pa.array([], pa.int64()), "dst": pa.array([], pa.int64())}), path
            ),
            "no edges",
        ),
        (lambda path: None, "no such file or folder"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, onnx_scorer: OnnxScorer, make: object, said: str) -> None:
    path = tmp_path / "edges.parquet"
    make(path)  # type: ignore[operator]
    with pytest.raises(DataError, match=said):
        clean_stream(onnx_scorer, path, tmp_path / "out", threshold=THRESHOLD)
    assert [each for each in tmp_path.iterdir() if each != path] == []


def test_a_damaged_row_group_keeps_the_parts_before_it(
    tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None
) -> None:
    path = write_parquet(tmp_path / "edges.parquet", ties())
    group = pq.read_metadata(path).row_group(4).column(0)
    data = bytearray(path.read_bytes())
    data[group.dictionary_page_offset : group.dictionary_page_offset + 60] = b"\xff" * 60
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"edges\.parquet: not a readable Parquet file"):
        clean_stream(onnx_scorer, path, tmp_path / "out", threshold=THRESHOLD)
    assert pq.read_table(tmp_path / ".out.work" / "result" / "kept" / "part-00000.parquet").num_rows > 0


def test_a_foreign_output_is_left_alone_and_an_old_one_replaced(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    source = write_parquet(tmp_path / "edges.parquet", ties())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(UsageError, match="holds something else"):
        clean_stream(onnx_scorer, source, tmp_path / "mine", threshold=THRESHOLD)
    for threshold in (0.1, THRESHOLD):
        clean_stream(onnx_scorer, source, tmp_path / "out", threshold=threshold)
    check(tmp_path / "out", ties(), onnx_scorer)


@pytest.mark.parametrize("settings", [{"threshold": 1.5}, {"threshold": 0.5, "unknown": "guess"}])
def test_nonsense_settings_are_refused(tmp_path: Path, onnx_scorer: OnnxScorer, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        clean_stream(onnx_scorer, tmp_path, tmp_path / "out", **settings)  # type: ignore[arg-type]


def test_score_file_keeps_every_row_in_order(tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None) -> None:
    table = ties(unknown=3)
    source = write_parquet(tmp_path / "edges.parquet", table)
    assert onnx_scorer.score_file(source, tmp_path / "scored.parquet") == 3000
    scored = pq.read_table(tmp_path / "scored.parquet")
    expected = onnx_scorer.score(table["src"], table["dst"], unknown="null")
    assert scored["row"].equals(table["row"])
    assert np.array_equal(scored["fake_score"].to_numpy(), expected, equal_nan=True)
    assert scored["fake_score"].null_count == 3
    with pytest.raises(DataError, match="row 1"):
        onnx_scorer.score_file(source, tmp_path / "other.parquet", unknown="error")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edges.parquet", "scored.parquet"]


def test_edges_of_a_user_with_itself_are_left_out_and_counted(
    tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None, caplog: pytest.LogCaptureFixture
) -> None:
    table = ties(1200, unknown=2)
    for row, who in ((0, 1), (7, table["src"][7].as_py()), (1100, table["src"][1100].as_py())):
        dst = table["dst"].to_pylist()
        dst[row] = who
        table = table.set_column(1, "dst", pa.array(dst))
    source, text = write_parquet(tmp_path / "edges.parquet", table), tmp_path / "edges.csv"
    pacsv.write_csv(table, text)
    for edges in (source, text):
        caplog.clear()
        summary = clean_stream(onnx_scorer, edges, tmp_path / "out", threshold=THRESHOLD)
        kept, removed = outputs(tmp_path / "out")
        left = sorted(int(row) for side in (kept, removed) for row in side["row"].to_pylist())
        assert left == sorted({*range(1200)} - {0, 7, 1100})
        assert (summary.edges, summary.self_ties, summary.unknown, summary.dropped) == (1200, 3, 1, 0)
        assert json.loads((tmp_path / "out/summary.json").read_text())["self_ties"] == 3
        assert f"{edges}: edges of a user with itself left out: 3" in caplog.text
        caplog.clear()
        assert onnx_scorer.score_file(edges, tmp_path / "scored.parquet") == 1197
        assert pq.read_table(tmp_path / "scored.parquet").num_rows == 1197
        assert "left out: 3" in caplog.text
    assert clean_stream(onnx_scorer, source, tmp_path / "o", threshold=THRESHOLD, unknown="drop").dropped == 1
    with pytest.raises(DataError, match=r"row 2: users that the model does not know: 1\. Fit"):
        clean_stream(onnx_scorer, source, tmp_path / "o", threshold=THRESHOLD, unknown="error")


def test_text_ids_stream(tmp_path: Path, quick_parity: None) -> None:
    model = parts(text_ids=True)
    export_bundle(model, tmp_path / "onnx")
    (tmp_path / "edges.csv").write_text("src,dst\nu001,u002\n001,u002\n")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        summary = clean_stream(scorer, tmp_path / "edges.csv", tmp_path / "out", threshold=1.0)
    assert (summary.edges, summary.unknown) == (2, 1)


def test_memory_does_not_grow_with_the_file() -> None:
    """Batches in flight are bounded, whatever the source offers."""
    from concurrent.futures import ThreadPoolExecutor

    from recdiff_export.stream.batch import AHEAD, pipeline
    from recdiff_export.stream.source import Segment

    ahead = 0
    read, used = 0, 0

    class Endless:
        def batches(self, segment: Segment):  # type: ignore[no-untyped-def]
            nonlocal read
            for _ in range(100):
                read += 1
                yield pa.record_batch({"src": [1], "dst": [2]})

    with ThreadPoolExecutor(2) as pool:
        for _ in pipeline(Endless(), Segment(Path("x"), 0, 100), pool, 2, lambda *_: None):  # type: ignore[arg-type, return-value]
            used += 1
            ahead = max(ahead, read - used)
    assert used == 100
    assert ahead <= AHEAD * 2
