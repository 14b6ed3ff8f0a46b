"""What a study found: a tidy table, figures, paragraphs, and where all of it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from recdiff.errors import ArtifactError
from recdiff.storage.json_file import read_json
from recdiff.storage.whole import write_whole
from recdiff.studies.page.tidy import write_csv

FORMAT = 1
_FILES = "study.json"


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        name: short, for the file's name.
        caption: one or two sentences: what is drawn, with units.
        svg: the picture, text as text.
    """

    name: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Summary:
    """A small table for people, with the digits already chosen.

    Attributes:
        title: one line.
        columns: headings.
        rows: cells as text.
        note: how to read it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """Everything a study hands on.

    Attributes:
        table: tidy, one row per observation.
        summaries: small tables for people.
        figures: in the order to be shown.
        says: paragraphs computed from the numbers.
        title, question: what was asked; the registry says it.
    """

    table: pa.Table
    summaries: tuple[Summary, ...]
    figures: tuple[Figure, ...]
    says: tuple[str, ...]
    title: str = ""
    question: str = ""


@dataclass(frozen=True)
class Written:
    """A study as it lies on disk.

    Attributes:
        study, data: names of the study and of its data set.
        findings: figures with their pictures; the table is not read back.
        provenance: command line, seeds, versions, machine, data, budget.
        csv: the name of the tidy table's file.
    """

    study: str
    data: str
    title: str
    question: str
    summaries: tuple[Summary, ...]
    figures: tuple[Figure, ...]
    says: tuple[str, ...]
    provenance: Mapping[str, Any]
    csv: str


def write(folder: Path, study: str, data: str, findings: Findings, provenance: Mapping[str, Any]) -> list[Path]:
    """Write table, figures and text of a study into ``folder`` and return the files; the text comes last."""
    stem = f"{study}-{data}"
    csv = folder / f"{stem}.csv"
    write_csv(findings.table, csv)
    pictures = [folder / f"{stem}-{figure.name}.svg" for figure in findings.figures]
    for file, figure in zip(pictures, findings.figures, strict=True):
        write_whole(file, figure.svg)
    text = folder / f"{stem}.{_FILES}"
    stored = {
        "format": FORMAT,
        "study": study,
        "data": data,
        "title": findings.title,
        "question": findings.question,
        "says": list(findings.says),
        "summaries": [_plain(summary) for summary in findings.summaries],
        "figures": [
            {"name": figure.name, "caption": figure.caption, "file": file.name}
            for file, figure in zip(pictures, findings.figures, strict=True)
        ],
        "csv": csv.name,
        "provenance": dict(provenance),
    }
    write_whole(text, json.dumps(stored, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return [csv, *pictures, text]


def read_all(folder: Path, order: Sequence[str]) -> list[Written]:
    """Return every study in ``folder``, by data set, then in ``order``.

    Raises:
        ArtifactError: a study's file is damaged, or a figure of it is missing.
    """
    found = [_read(file) for file in sorted(folder.glob(f"*.{_FILES}"))]
    known = {name: place for place, name in enumerate(order)}
    return sorted(found, key=lambda each: (each.data, known.get(each.study, len(known)), each.study))


def _read(file: Path) -> Written:
    try:
        stored = read_json(file)
        if stored["format"] != FORMAT:
            raise ArtifactError(
                f"{file}: format {stored['format']!r}, this version reads {FORMAT}; run the study again"
            )
        for name in (stored["csv"], *(each["file"] for each in stored["figures"])):
            if Path(name).name != name:
                raise ArtifactError(f"{file}: {name!r} is no file beside it; run the study again")
        figures = tuple(
            Figure(each["name"], each["caption"], (file.parent / each["file"]).read_text(encoding="utf-8"))
            for each in stored["figures"]
        )
        summaries = tuple(
            Summary(each["title"], tuple(each["columns"]), tuple(map(tuple, each["rows"])), each["note"])
            for each in stored["summaries"]
        )
        names = {name: stored[name] for name in ("study", "data", "title", "question", "provenance", "csv")}
        return Written(**names, summaries=summaries, figures=figures, says=tuple(stored["says"]))
    except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
        raise ArtifactError(f"{file}: damaged or incomplete study ({error}); run the study again") from error


def _plain(summary: Summary) -> dict[str, Any]:
    return {
        "title": summary.title,
        "columns": list(summary.columns),
        "rows": [list(row) for row in summary.rows],
        "note": summary.note,
    }
