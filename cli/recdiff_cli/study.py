"""`recdiff-sdk study` and `report`: the article's studies on your data, and one page with all of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recdiff.errors import UsageError
from recdiff.studies.registry import names
from recdiff_cli.console import note, print_json, print_table, progress, say
from recdiff_cli.data import share_of
from recdiff_cli.options import Data, Directed, Json, Mapping, SkipBad, SkipLimit, Split, names_of

if TYPE_CHECKING:
    from recdiff.studies.catalogue import Outcome
    from recdiff.studies.lab.source import Source

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="MODULE:CLASS",
        help="A model of your own beside the others (overall): docs/own-model.md.",
    ),
]
Scores = Annotated[
    list[Path] | None,
    typer.Option("--scores", metavar="FILE", help="What another system gave: user, item, score (overall)."),
]
Beside = Annotated[
    list[str] | None,
    typer.Option("--beside", metavar="NAME", help="A system built in to compare with (overall); default: all."),
]
STOPPED = (130, 143)
"""Exit codes of a study that was told to end."""
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results are kept and written.")]
STUDIES = Path("studies")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("study")(study)
    app.command("report")(report)


def study(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(names())}, or all.")],
    *,
    folder: Data,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds, epochs and trials.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every final fit; default 5, quick 2.")] = None,
    out: Folder = STUDIES,
    jobs: Annotated[int | None, typer.Option(help="Processes at a time; default: one per core.")] = None,
    directed: Directed = None,
    mapping: Mapping = None,
    skip_bad: SkipBad = False,
    skip_bad_limit: SkipLimit = None,
    split: Split = "ratio",
    split_seed: Annotated[int, typer.Option(help="Of the split, where the data bring none.")] = 0,
    model: Models = None,
    scores: Scores = None,
    beside: Beside = None,
    json: Json = False,
) -> None:
    """Run a study; a study that was killed continues where it stopped."""
    from recdiff.machine.cores import cores
    from recdiff.studies.catalogue import COMPARES, run_study
    from recdiff.studies.lab.budget import Budget
    from recdiff.studies.systems.invited import Invited

    share = share_of(skip_bad, skip_bad_limit)
    source = _source(folder, directed, mapping, split=split, seed=split_seed, skip_bad=share)
    budget = Budget.of(quick, seeds)
    invited = Invited(tuple(model or ()), tuple(scores or ()), tuple(beside or ()))
    outcomes: dict[str, Outcome] = {}
    for each in names() if name == "all" else (name,):
        with _told_how_to_continue(), progress() as tell:
            outcomes[each] = run_study(
                each,
                source,
                out,
                budget,
                jobs=cores() if jobs is None else jobs,
                command=_command(),
                report=tell,
                invited=invited if name != "all" or each == COMPARES else None,
                told=None if outcomes else lambda notice: note(f"note: {notice}"),
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


def _command() -> str:
    """Return the command line as it was typed, fit to be typed again."""
    return shlex.join(["recdiff-sdk", *sys.argv[1:]])


@contextmanager
def _told_how_to_continue() -> Iterator[None]:
    """Say how to go on where the study is told to end, such as by Ctrl-C."""
    try:
        yield
    except SystemExit as ended:
        if ended.code in STOPPED:
            note(f"stopped; what is finished is kept, and the same command goes on from there: {_command()}")
        raise


def _source(
    folder: Path, directed: bool | None, mapping: list[str] | None, *, split: str, seed: int, skip_bad: float | None
) -> Source:
    from recdiff.studies.lab.source import Source

    if split not in ("ratio", "time"):
        raise UsageError(f"--split {split}: accepted are ratio, time")
    names = tuple(sorted(names_of(mapping).items()))
    return Source(folder.absolute(), directed, names, "time" if split == "time" else "ratio", seed, skip_bad=skip_bad)


def _show(outcome: Outcome, budget: str) -> None:
    for summary in outcome.findings.summaries:
        # On its own line: a table's own title wraps at the table's width.
        say(summary.title)
        print_table(summary.columns, summary.rows)
        if summary.note:
            say(f"{summary.note}\n")
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
