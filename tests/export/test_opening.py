"""A bundle is opened once and whole: what takes its place on disk, and a fork, change nothing for who has it open."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recdiff.errors import ArtifactError
from recdiff_export import OnnxScorer, export_bundle
from recdiff_export.bundle import reading
from recdiff_export.stream.local import fingerprint
from recdiff_export.stream.source import EdgeSource
from tests.export.export_parts import USERS, WIDTH, parts

pytestmark = pytest.mark.usefixtures("quick_parity")
ROWS = np.random.default_rng(0).standard_normal((8, WIDTH)).astype(np.float32)


def other_parts() -> object:
    """Return parts that answer everything otherwise: users in another order, tables turned round."""
    model = parts(text_ids=True)
    ranking = model.recommender
    assert ranking is not None
    turned = replace(ranking, user_table=ranking.user_table[::-1].copy(), item_table=-ranking.item_table)
    return replace(model, scorer=replace(model.scorer, table=model.scorer.table[::-1].copy()), recommender=turned)


def answers(scorer: OnnxScorer) -> list[object]:
    ids = list(range(7, 7 + 3 * USERS, 3))
    told = scorer.score(ids, ids[1:] + ids[:1]).tolist(), scorer.denoise(ROWS).tolist()
    return [*told, scorer.recommend(ids, 5).to_pydict()]


def test_an_open_bundle_answers_as_before_after_another_took_its_place(tmp_path: Path) -> None:
    export_bundle(parts(), tmp_path / "onnx")
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as untouched:
        before = answers(untouched)
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        export_bundle(other_parts(), tmp_path / "onnx")  # type: ignore[arg-type]
        assert answers(scorer) == before
        assert scorer.digest != OnnxScorer.open(tmp_path / "onnx", provider="cpu").digest


def test_a_scorer_that_was_sent_is_not_another_bundle_on_arrival(tmp_path: Path) -> None:
    export_bundle(parts(), tmp_path / "onnx")
    sent = pickle.dumps(OnnxScorer.open(tmp_path / "onnx", provider="cpu"))
    export_bundle(other_parts(), tmp_path / "onnx")  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match="was exported anew"):
        pickle.loads(sent)  # noqa: S301


def test_a_stream_goes_by_the_bundle_that_was_opened_and_not_by_what_lies_there_now(tmp_path: Path) -> None:
    """Else a run that is resumed would go on with parts of the one model and name the other."""
    export_bundle(parts(), tmp_path / "onnx")
    (tmp_path / "edges.csv").write_text("src,dst\n7,10\n")
    source = EdgeSource.open(tmp_path / "edges.csv", {}, integers=True)
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as opened:
        before = fingerprint(opened, source, 0.5, "keep")
        export_bundle(other_parts(), tmp_path / "onnx")  # type: ignore[arg-type]
        assert fingerprint(opened, source, 0.5, "keep") == before
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as opened:
        assert fingerprint(opened, source, 0.5, "keep") != before


def test_a_bundle_replaced_while_it_is_opened_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_bundle(parts(), tmp_path / "onnx")
    export_bundle(other_parts(), tmp_path / "new")  # type: ignore[arg-type]
    (tmp_path / "new").rename(tmp_path / "waiting")
    opened = reading.Bundle.open.__func__  # type: ignore[attr-defined]

    def replaced_meanwhile(cls: type, folder: Path, *, whole: bool = False) -> reading.Bundle:
        bundle: reading.Bundle = opened(cls, folder, whole=whole)
        if (tmp_path / "waiting").exists():
            folder.rename(tmp_path / "old")
            (tmp_path / "waiting").rename(folder)
        return bundle

    monkeypatch.setattr(reading.Bundle, "open", classmethod(replaced_meanwhile))
    with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
        assert scorer.score(["u001"], ["u002"]).shape == (1,)
        assert scorer.recommend(["u002"], 3).num_rows == 3


def test_opening_under_constant_exports_gives_one_of_them_whole(tmp_path: Path) -> None:
    """Graphs, ids and tables are of one export, whenever the folder changes place."""
    kinds = [parts(), replace(parts(), fitted=replace(parts().fitted, fake_score=1 - parts().fitted.fake_score))]
    for number, kind in enumerate(kinds):
        export_bundle(kind, tmp_path / str(number))
    digests = {OnnxScorer.open(tmp_path / str(number), provider="cpu").digest for number in range(2)}
    (tmp_path / "onnx").symlink_to(tmp_path / "0")
    done = threading.Event()
    pauses = [0.03]

    def swap() -> None:
        for turn in range(10_000):
            if done.is_set():
                return
            (tmp_path / "next").symlink_to(tmp_path / str(turn % 2))
            (tmp_path / "next").replace(tmp_path / "onnx")
            time.sleep(max(pauses))

    def opened() -> str:
        begin = time.perf_counter()
        with OnnxScorer.open(tmp_path / "onnx", provider="cpu") as scorer:
            pauses.append(2 * (time.perf_counter() - begin))  # So that a busy machine finds a moment to open in.
            return scorer.digest

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        assert {opened() for _ in range(20)} <= digests
    finally:
        done.set()
        thread.join()


def test_a_folder_of_links_is_a_bundle(bundle: Path, tmp_path: Path) -> None:
    """As in a model hub's cache and in a mounted ConfigMap."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "onnx").mkdir()
    for number, path in enumerate(sorted(bundle.iterdir())):
        (tmp_path / "blobs" / str(number)).write_bytes(path.read_bytes())
        (tmp_path / "onnx" / path.name).symlink_to(f"../blobs/{number}")
    (tmp_path / "onnx" / ".DS_Store").touch()
    (tmp_path / "cm" / "..2026").mkdir(parents=True)
    for path in bundle.iterdir():
        (tmp_path / "cm" / "..2026" / path.name).write_bytes(path.read_bytes())
        (tmp_path / "cm" / path.name).symlink_to(f"..data/{path.name}")
    (tmp_path / "cm" / "..data").symlink_to("..2026")
    with OnnxScorer.open(bundle, provider="cpu") as plain:
        for folder in ("onnx", "cm"):
            with OnnxScorer.open(tmp_path / folder, provider="cpu") as linked:
                assert answers(linked) == answers(plain)


FORKED = """
import os, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from recdiff_export import OnnxScorer
from recdiff_export.runtime import scorer as module
module.PIECE = 64
module._DENOISE_ROWS = 16
scorer = OnnxScorer.open(sys.argv[1], provider="cpu", threads=2)
ids = [7, 10, 13] * 200
def act():
    scores, rows = scorer.score(ids, ids[1:] + ids[:1]), scorer.denoise(np.ones((200, 16), np.float32))
    return scores.sum(), rows.sum(), scorer.recommend(ids, 3).num_rows
before = act()
child = os.fork()
if child == 0:
    os._exit(0 if act() == before else 1)
for _ in range(200):
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        break
    time.sleep(0.05)
else:
    os.kill(child, 9)
    sys.exit("the child hangs")
assert act() == before
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_scores_denoises_and_recommends(bundle: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
