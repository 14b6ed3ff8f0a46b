from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff.errors import DataError, DeviceError, UsageError
from recdiff.machine.ray_cluster import INSTALL, Crew, cluster, crew
from recdiff_export import OnnxScorer
from recdiff_export.stream.journal import Done
from recdiff_export.stream.local import clean_stream
from recdiff_export.stream.ray import Worker, _done, _Work
from recdiff_export.stream.source import EdgeSource
from tests.export.test_stream import outputs, ties, write_parquet

THRESHOLD = 0.5


def folder_of_parts(folder: Path, table: pa.Table, parts: int) -> Path:
    folder.mkdir()
    size = -(-len(table) // parts)
    for part in range(parts):
        write_parquet(folder / f"{part:03d}.parquet", table.slice(part * size, size))
    return folder


@pytest.fixture
def work(tmp_path: Path, bundle: Path) -> _Work:
    source = EdgeSource.open(folder_of_parts(tmp_path / "edges", ties(unknown=2), 2), {}, integers=True)
    for side in ("kept", "removed"):
        (tmp_path / "result" / side).mkdir(parents=True)
    return _Work(
        bundle=bundle,
        digest=hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest(),
        asked="cpu",
        source=source,
        segments=tuple(source.segments()),
        result=tmp_path / "result",
        threshold=THRESHOLD,
        unknown="keep",
    )


def test_a_worker_writes_the_parts_it_is_told_to(tmp_path: Path, work: _Work, onnx_scorer: OnnxScorer) -> None:
    answer = Worker(work, 1)({"item": [1]})["answer"]
    assert len(answer) == 1
    clean_stream(onnx_scorer, tmp_path / "edges", tmp_path / "local", threshold=THRESHOLD)
    for side in ("kept", "removed"):
        (part,) = (work.result / side).iterdir()
        assert part.name == "part-00001.parquet"
        assert pq.read_table(part).equals(pq.read_table(tmp_path / "local" / side / part.name))


def test_a_text_file_is_one_part(tmp_path: Path, work: _Work) -> None:
    (tmp_path / "edges.csv").write_text("src,dst\n7,10\n10,13\n")
    source = EdgeSource.open(tmp_path / "edges.csv", {}, integers=True)
    text = replace(work, source=source, segments=tuple(source.segments()))
    (answer,) = Worker(text, 1)({"item": [0]})["answer"]
    assert json.loads(answer)["rows"] == 2


def test_what_a_worker_refuses_comes_back_as_words(work: _Work) -> None:
    strict = replace(work, unknown="error")
    (answer,) = Worker(strict, 1)({"item": [0]})["answer"]
    assert '"error": "DataError"' in answer
    assert "000.parquet, row 1: users that the model does not know" in answer
    (answer,) = Worker(replace(work, bundle=work.result), 1)({"item": [0]})["answer"]
    assert '"error": "ArtifactError"' in answer
    assert not any(path.is_file() for path in work.result.rglob("*"))


def test_a_worker_does_not_score_with_a_bundle_that_took_the_place_of_the_one_opened(work: _Work) -> None:
    (answer,) = Worker(replace(work, digest="0" * 64), 1)({"item": [0]})["answer"]
    assert '"error": "ArtifactError"' in answer
    assert "was exported anew" in answer


def test_what_a_cluster_yields_becomes_the_output_of_one_process(
    tmp_path: Path, onnx_scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(work: _Work, left: list[int], workers: int | None) -> Iterator[Done]:
        worker = Worker(work, 1)
        # In another order than the input's, as a cluster finishes.
        yield from (
            _done(json.loads(answer)) for number in reversed(left) for answer in worker({"item": [number]})["answer"]
        )

    monkeypatch.setattr("recdiff_export.stream.ray._spread", here)
    edges = folder_of_parts(tmp_path / "edges", ties(unknown=3), 5)
    seen: list[tuple[str, int, int]] = []
    report = lambda *step: seen.append(step)  # noqa: E731
    found = clean_stream(onnx_scorer, edges, tmp_path / "ray", engine="ray", threshold=THRESHOLD, report=report)
    expected = clean_stream(onnx_scorer, edges, tmp_path / "local", threshold=THRESHOLD)
    assert {**asdict(found), "seconds": 0} == {**asdict(expected), "seconds": 0}
    assert [done for _, done, _ in seen] == [0, 600, 1200, 1800, 2400, 3000]
    for mine, theirs in zip(outputs(tmp_path / "ray"), outputs(tmp_path / "local"), strict=True):
        assert mine.equals(theirs)


def test_one_process_has_no_workers(tmp_path: Path, onnx_scorer: OnnxScorer) -> None:
    edges = write_parquet(tmp_path / "edges.parquet", ties())
    with pytest.raises(UsageError, match="workers = 2: only engine ray has workers"):
        clean_stream(onnx_scorer, edges, tmp_path / "out", threshold=THRESHOLD, workers=2)


def test_ray_that_is_missing_is_named_with_its_remedy(
    tmp_path: Path, onnx_scorer: OnnxScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    edges = write_parquet(tmp_path / "edges.parquet", ties())
    with pytest.raises(UsageError, match=r"pip install '\.\[ray\]'"):
        clean_stream(onnx_scorer, edges, tmp_path / "out", engine="ray", threshold=THRESHOLD)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("nodes", "device", "workers", "tasks", "expected"),
    [
        ([{"CPU": 4.0}], "auto", None, 9, Crew(4, 1, False)),
        ([{"CPU": 4.0}], "auto", None, 2, Crew(2, 2, False)),
        ([{"CPU": 4.0}, {"CPU": 2.0}], "cpu", 2, 9, Crew(2, 2, False)),
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 2.0}], "auto", None, 9, Crew(2, 4, True)),
        ([{"CPU": 8.0, "GPU": 2.0}], "cpu", None, 9, Crew(8, 1, False)),
        ([{"CPU": 4.0}, {"CPU": 4.0}], "auto", None, None, Crew(2, 4, False)),
        ([{"CPU": 4.0}, {"CPU": 4.0}], "auto", 3, None, Crew(3, 2, False)),
        ([{"CPU": 8.0, "GPU": 2.0}], "cuda", None, None, Crew(2, 4, True)),
    ],
)
def test_the_cluster_is_divided(
    nodes: list[dict[str, float]], device: str, workers: int | None, tasks: int | None, expected: Crew
) -> None:
    assert crew(fake_ray(nodes), device, workers, tasks) == expected


def test_more_than_the_cluster_has_is_refused() -> None:
    with pytest.raises(UsageError, match=r"workers = 3: the Ray cluster has 2 cores"):
        crew(fake_ray([{"CPU": 2.0}]), "auto", 3, 9)
    with pytest.raises(DeviceError, match="no node of the Ray cluster has a card"):
        crew(fake_ray([{"CPU": 2.0}]), "cuda", None, 9)


def fake_ray(nodes: list[dict[str, float]]) -> Any:
    dead = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
    return SimpleNamespace(nodes=lambda: [dead, *({"Alive": True, "Resources": node} for node in nodes)])


@pytest.fixture(scope="module")
def two_workers() -> Iterator[None]:
    pytest.importorskip("ray", reason=f"needs Ray: {INSTALL}")
    with cluster():
        yield


real_ray = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")]


class TestRealRay:
    pytestmark = real_ray

    def test_outputs_are_those_of_one_process(
        self, tmp_path: Path, onnx_scorer: OnnxScorer, two_workers: None, capfd: pytest.CaptureFixture[str]
    ) -> None:
        edges = folder_of_parts(tmp_path / "edges", ties(unknown=3), 5)
        seen: list[tuple[str, int, int]] = []
        summary = clean_stream(
            onnx_scorer,
            edges,
            tmp_path / "ray",
            engine="ray",
            threshold=THRESHOLD,
            workers=2,
            report=lambda *step: seen.append(step),
        )
        expected = clean_stream(onnx_scorer, edges, tmp_path / "local", threshold=THRESHOLD)
        assert {**asdict(summary), "seconds": 0} == {**asdict(expected), "seconds": 0}
        assert seen[-1] == ("score edges", 3000, 3000)
        names = [
            sorted(str(path.relative_to(out)) for path in out.rglob("*"))
            for out in (tmp_path / "ray", tmp_path / "local")
        ]
        assert names[0] == names[1]
        for mine, theirs in zip(outputs(tmp_path / "ray"), outputs(tmp_path / "local"), strict=True):
            assert mine.equals(theirs)
        assert capfd.readouterr() == ("", "")

    def test_a_killed_worker_loses_nothing(
        self, tmp_path: Path, onnx_scorer: OnnxScorer, two_workers: None, capfd: pytest.CaptureFixture[str]
    ) -> None:
        edges = folder_of_parts(tmp_path / "edges", ties(), 100)
        left: list[int] = []
        psutil = pytest.importorskip("psutil", reason="needs psutil to find the workers: pip install psutil")

        def kill(stage: str, done: int, total: int) -> None:
            if done and not left:
                left.append(100 - len(list((tmp_path / ".out.work" / "result" / "kept").glob("part-*"))))
                family = psutil.Process().children(recursive=True)
                next(child for child in family if "MapWorker" in " ".join(child.cmdline())).kill()

        clean_stream(onnx_scorer, edges, tmp_path / "out", engine="ray", threshold=THRESHOLD, workers=2, report=kill)
        assert left[0] > 0
        assert capfd.readouterr().out == ""
        clean_stream(onnx_scorer, edges, tmp_path / "local", threshold=THRESHOLD)
        for mine, theirs in zip(outputs(tmp_path / "out"), outputs(tmp_path / "local"), strict=True):
            assert mine.equals(theirs)
        assert [path.name for path in sorted(tmp_path.iterdir())] == ["edges", "local", "out"]

    def test_a_killed_run_goes_on(self, tmp_path: Path, onnx_scorer: OnnxScorer, two_workers: None) -> None:
        edges = folder_of_parts(tmp_path / "edges", ties(), 10)

        def stop(stage: str, done: int, total: int) -> None:
            if done > 900:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            clean_stream(onnx_scorer, edges, tmp_path / "out", engine="ray", threshold=THRESHOLD, report=stop)
        assert not (tmp_path / "out").exists()
        summary = clean_stream(onnx_scorer, edges, tmp_path / "out", engine="ray", threshold=THRESHOLD)
        assert (summary.edges, summary.resumed) == (3000, 1200)

    def test_an_error_in_a_worker_is_ours(self, tmp_path: Path, onnx_scorer: OnnxScorer, two_workers: None) -> None:
        edges = folder_of_parts(tmp_path / "edges", ties(unknown=1), 2)
        with pytest.raises(DataError, match=r"000\.parquet, row 1: users that the model does not know: 1\."):
            clean_stream(onnx_scorer, edges, tmp_path / "out", engine="ray", threshold=THRESHOLD, unknown="error")
        assert not (tmp_path / "out").exists()
