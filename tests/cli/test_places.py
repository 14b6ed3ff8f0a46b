"""No command takes the place of what it did not write: the refusal comes before the work, and nothing changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recdiff.errors import UsageError
from recdiff.evaluation.edge_report import blank_figure
from recdiff.fakes.corrupted_folder import corrupt_folder
from recdiff.studies.page.findings import Written
from recdiff.studies.page.report import render, write_report

Run = Callable[..., tuple[int, str, str]]
MINE = "years of work"


def a_folder(place: Path, *names: str) -> dict[str, str]:
    place.mkdir(parents=True)
    for name in names:
        (place / name).write_text(MINE)
    return contents(place)


def contents(place: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in place.iterdir()}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("summary.json",), "clean-edges --threshold 0.5 --model {model}"),
        (("kept.parquet", "summary.json"), "clean-edges --threshold 0.5 --model {model}"),
        (("truth.parquet", "social.csv"), "sample --users 60 {out}"),
        (("corruption.json", "thesis.tex"), "corrupt {data} --kind uniform"),
        (("corruption.json",), "corrupt {data} --kind uniform"),
        (("manifest.json",), "fit {data}"),
        (("thesis.tex",), "fit {data}"),
        (("manifest.json", "users.arrow"), "export --onnx --model {model}"),
        (("config.json", "README.md"), "export --huggingface {out} --model {model} --out bundle"),
        (("recdiff_scorer",), "export --triton {out} --model {model} --out bundle"),
    ],
)
def test_a_folder_of_somebody_elses_stays(
    run: Run, tmp_path: Path, sample_folder: Path, model_folder: Path, names: tuple[str, ...], words: str
) -> None:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    before = a_folder(tmp_path / "mine", *names)
    arguments = words.format(out="mine", data=sample_folder, model=model_folder).split()
    out = () if "mine" in arguments else ("--out", "mine")
    code, _, err = run(*arguments, *out)
    assert code == 2, err
    assert contents(tmp_path / "mine") == before


def test_corrupted_data_are_replaced_and_a_file_beside_them_is_not(sample_dataset: object, tmp_path: Path) -> None:
    def spoil() -> None:
        corrupt_folder(sample_dataset, tmp_path / "x", kind="uniform", share=0.1, mode="add", seed=0)  # type: ignore[arg-type]

    spoil()
    spoil()
    (tmp_path / "x" / "notes.txt").write_text(MINE)
    with pytest.raises(UsageError, match=r"holds 'notes\.txt' and was not written by corrupt"):
        spoil()
    assert (tmp_path / "x" / "notes.txt").read_text() == MINE


def test_a_picture_of_somebody_elses_stays(tmp_path: Path) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    figures.Figure().savefig(tmp_path / "mine.png")
    with pytest.raises(UsageError, match="no figure of ours"):
        blank_figure(tmp_path / "mine.png")


def test_a_picture_of_ours_is_drawn_again(run: Run, model_folder: Path, sample_folder: Path) -> None:
    pytest.importorskip("matplotlib")
    judge = ("evaluate-edges", "--truth", sample_folder / "truth.parquet", "--model", model_folder, "--json")
    for name in ("v.png", "v.png", "v.svg", "v.svg", "v.pdf", "v.pdf"):
        assert run(*judge, "--figure", name)[0] == 0


def study(folder: Path, **names: str) -> None:
    facts = {"users": 1, "items": 1, "train": 1, "validation": 1, "test": 1, "ties": 1, "directed": False}
    machine = dict.fromkeys(("processor", "cores", "memory_gib", "cuda_device", "system"), "x")
    provenance = {"data": facts | {"name": "d", "fingerprint": "f"}, "budget": "b", "command": "c", "seeds": [1]}
    provenance |= {"finished": "now", "cell_seconds": 1, "cells": 1, "machine": machine, "versions": {}}
    stored = {"format": 1, "study": "overall", "data": "d", "title": "t", "question": "q", "says": [], "summaries": []}
    stored |= {"figures": [], "csv": "overall-d.csv", "provenance": provenance, **names}
    (folder / "overall-d.study.json").write_text(json.dumps(stored))
    (folder / "overall-d.csv").write_text("a\n1\n")


def test_a_report_of_somebody_elses_stays_and_ours_is_written_again(tmp_path: Path) -> None:
    study(tmp_path)
    write_report(tmp_path, ["overall"])
    write_report(tmp_path, ["overall"])
    (tmp_path / "report.html").write_text(MINE)
    with pytest.raises(UsageError, match=r"report\.html is there and no report of ours"):
        write_report(tmp_path, ["overall"])
    assert (tmp_path / "report.html").read_text() == MINE


def test_names_in_a_report_are_text_and_no_markup() -> None:
    evil = '"><script>alert(1)</script>'
    provenance = {"data": dict.fromkeys(("users", "items", "train", "validation", "test", "ties"), 1)}
    provenance["data"] |= {"directed": False, "name": evil, "fingerprint": evil}
    machine = dict.fromkeys(("processor", "cores", "memory_gib", "cuda_device", "system"), evil)
    rest = {"budget": evil, "command": evil, "seeds": [1], "finished": evil, "cell_seconds": 1.0, "cells": 1}
    written = Written(
        study=evil, data=evil, title=evil, question=evil, summaries=(), figures=(), says=(evil,),
        provenance={**provenance, **rest, "machine": machine, "versions": {evil: evil}}, csv=f"{evil}.csv",
    )  # fmt: skip
    page = render([written], {written.csv: b""})
    assert "<script" not in page
    assert 'download="&quot;&gt;&lt;script&gt;' in page


def test_a_study_that_names_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    from recdiff.errors import ArtifactError

    study(tmp_path, csv="../secret.csv")
    with pytest.raises(ArtifactError, match=r"'\.\./secret\.csv' is no file beside it"):
        write_report(tmp_path, ["overall"])


def test_a_study_does_not_write_over_files_of_somebody_elses(run: Run, sample_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    before = a_folder(tmp_path / "studies", f"overall-{sample_folder.name}.csv")
    code, _, err = run("study", "overall", sample_folder, "--quick")
    assert code == 2
    assert "no study wrote it" in err
    assert contents(tmp_path / "studies") == before


def test_what_would_make_a_model_unreadable_is_not_put_into_it(run: Run, model_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(model_folder, tmp_path / "model")
    for name in ("recommendations.parquet", "graph.csv"):
        command = "recommend" if name.startswith("r") else "clean-edges"
        form = name.partition(".")[2]
        code, _, said = run(command, "--model", "model", "--format", form, "--out", f"model/{name}")
        assert (code, "would lie in a model folder" in said) == (2, True)
    assert run("clean-edges", "--model", "model", "--out", "model/cleaned")[0] == 0
    assert run("recommend", "--model", "model")[0] == 0


def test_a_place_that_cannot_be_made_is_refused_before_training(
    run: Run, sample_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text(MINE)
    (tmp_path / "loop").symlink_to("file/inside")
    monkeypatch.setattr("recdiff.estimator.fit_all", lambda *_, **__: pytest.fail("it trained"))
    for out in ("file/model", "loop"):
        code, _, said = run("fit", sample_folder, "--out", out)
        assert (code, "error: " in said) == (1, True), said
