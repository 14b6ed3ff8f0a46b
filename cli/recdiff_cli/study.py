"""`recdiff-sdk study` and `report`: the article's studies on your data, and one page with all of them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recdiff.errors import UsageError
from recdiff.studies.registry import names
from recdiff_cli.console import note, print_json, print_table, progress, say
from recdiff_cli.options import Data, Directed, Json, Mapping, Split, names_of

if TYPE_CHECKING:
    from recdiff.studies.catalogue import Outcome
    from recdiff.studies.lab.source import Source

Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results are kept and written.")]
STUDIES = Path("studies")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("study")(study)
    app.command("report")(report)


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(names())}, or all.")],
    folder: Data,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds, epochs and trials.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every final fit; default 5, quick 2.")] = None,
    out: Folder = STUDIES,
    jobs: Annotated[int | None, typer.Option(help="Processes at a time; default: one per core.")] = None,
    directed: Directed = None,
    mapping: Mapping = None,
    split: Split = "ratio",
    split_seed: Annotated[int, typer.Option(help="Of the split, where the data bring none.")] = 0,
    json: Json = False,
) -> None:
    """Run a study; a study that was killed continues where it stopped."""
    from recdiff.machine.cores import cores
    from recdiff.studies.catalogue import run_study
    from recdiff.studies.lab.budget import Budget

    source = _source(folder, directed, mapping, split, split_seed)
    budget = Budget.of(quick, seeds)
    outcomes: dict[str, Outcome] = {}
    for each in names() if name == "all" else (name,):
        with progress() as tell:
            outcomes[each] = run_study(
                each,
                source,
                out,
                budget,
                jobs=cores() if jobs is None else jobs,
                command=shlex.join(["recdiff-sdk", *sys.argv[1:]]),
                report=tell,
            )
        if not json:
            _show(outcomes[each], budget.describe())
    if json:
        print_json({"budget": budget.describe(), "studies": {each: _facts(made) for each, made in outcomes.items()}})
    note(f"next: recdiff-sdk report --out {out}")


def report(out: Folder = STUDIES, json: Json = False) -> None:
    """Assemble all studies of a folder into one self-contained HTML file."""
    from recdiff.studies.page.report import write_report

    file = write_report(out, names())
    if json:
        print_json({"report": str(file), "bytes": file.stat().st_size})
    else:
        say(str(file))


def _source(folder: Path, directed: bool | None, mapping: list[str] | None, split: str, seed: int) -> Source:
    from recdiff.studies.lab.source import Source

    if split not in ("ratio", "time"):
        raise UsageError(f"--split {split}: accepted are ratio, time")
    names = tuple(sorted(names_of(mapping).items()))
    return Source(folder.absolute(), directed, names, "time" if split == "time" else "ratio", seed)


def _show(outcome: Outcome, budget: str) -> None:
    for summary in outcome.findings.summaries:
        # On its own line: a table's own title wraps at the table's width.
        say(summary.title)
        print_table(summary.columns, summary.rows)
    for text in outcome.findings.says:
        say(f"{text}\n")
    note(budget)
    note("written: " + ", ".join(map(str, outcome.files)))


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "says": list(outcome.findings.says),
        "rows": outcome.findings.table.to_pylist(),
        "files": [str(file) for file in outcome.files],
    }
