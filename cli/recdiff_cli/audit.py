"""`recdiff-sdk audit` and `decide`: what people find out, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recdiff.errors import DataError, UsageError
from recdiff_cli.console import note, print_json, print_table, said_share
from recdiff_cli.options import DEFAULT_MODEL, DataFolder, Json, ModelFolder, Reason, Who, of_model, pair_of

if TYPE_CHECKING:
    from recdiff.audit.decisions import Decision
    from recdiff.audit.edges import Found
    from recdiff.audit.subjects import Subject
    from recdiff.model.fitted import Fitted

SIZE = 200
SHEET = Path("audit.csv")


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("audit")(audit)
    app.command("decide")(decide)


def audit(
    model: ModelFolder = DEFAULT_MODEL,
    *,
    accounts: Annotated[bool, typer.Option("--accounts", help="Ask about accounts instead of edges.")] = False,
    size: Annotated[int | None, typer.Option("--size", metavar="N", help="How many to ask about; default 200.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw; a larger audit of one seed holds the smaller.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The table to fill in; default audit.csv.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Read the verdicts of a table that was filled in.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="P", help="Score from which precision is reported; default: that of clean-edges."),
    ] = None,
    data: DataFolder = None,
    who: Who = "",
    json: Json = False,
) -> None:
    """Draw edges, or accounts, for a person to judge, or read the verdicts: the share of fakes, and matching scores."""
    if answers is None:
        drawn = SIZE if size is None else size
        _draw(model, drawn, accounts=accounts, seed=seed, out=out or SHEET, data=data, json=json)
        return
    if size is not None or out is not None or accounts:
        raise UsageError(
            "--answers reads a table, which says what it asks about, and --accounts, --size and --out draw one; give "
            "one or the other"
        )
    if threshold is None:
        from recdiff.cleaning.policy import DEFAULT_THRESHOLD

        threshold = DEFAULT_THRESHOLD
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"--threshold {threshold}: expected a number from 0 to 1")
    _take_in(model, answers, threshold=threshold, data=data, who=who, json=json)


def _draw(model: Path, size: int, *, accounts: bool, seed: int, out: Path, data: Path | None, json: bool) -> None:
    from recdiff.audit.sheet import write_sheet
    from recdiff.audit.subjects import ACCOUNTS, EDGES
    from recdiff.estimator import RecDiff
    from recdiff.model.told import FAKE, SILENT

    if seed < 0:
        raise UsageError(f"--seed {seed}: expected 0 or more")
    fitted = RecDiff.load(model).fitted_
    subject = ACCOUNTS if accounts else EDGES
    sheet = subject.units(fitted).sheet(size, seed)
    rows = sheet.drawn.rows
    said = subject.known(fitted, standing(fitted, model, data)[1])[rows]
    words = ["" if each == SILENT else "fake" if each == FAKE else "real" for each in said.tolist()]
    write_sheet(out, sheet, subject.evidence(fitted, rows), words)
    facts = {"out": str(out), "drawn": len(rows), "answered": sum(map(bool, words)), "audit": sheet.name}
    if json:
        print_json(facts)
        return
    print_table(("audit", ""), list(facts.items()))
    note("fill in the column verdict (fake or real), then:")
    note(f"  recdiff-sdk audit --answers {out}{of_model(model)}")


def _take_in(model: Path, answers: Path, *, threshold: float, data: Path | None, who: str, json: bool) -> None:
    from recdiff.audit.decisions import add_decisions
    from recdiff.audit.place import decisions_of
    from recdiff.audit.sheet import read_answers
    from recdiff.audit.subjects import subject_of
    from recdiff.estimator import RecDiff
    from recdiff.model.folder import manifest_of
    from recdiff.storage.manifest import BUNDLE

    before = manifest_of(model)
    loaded, subject = RecDiff.load(model), subject_of(answers)
    units = subject.units(loaded.fitted_)
    rows, is_fake = read_answers(answers, units)
    score = subject.scores(loaded.fitted_)
    loaded.fitted_, found = subject.audited(loaded.fitted_, rows, is_fake, threshold)
    file = decisions_of(loaded.fitted_, model, data)
    if file is None:
        note("note: it is not known where the data are, so the verdicts are kept in the model alone; say --data DATA")
    else:
        verdicts = subject.decisions(units, rows, is_fake, score=score, who=who)
        add_decisions(file, verdicts, directed=loaded.fitted_.directed)
    exported = (model / BUNDLE).is_dir()
    loaded.save(model, before)
    _print_found(loaded.fitted_, subject, found, model, json)
    if exported:
        note("the bundle was the old model's and is gone; export again:")
        note(f"  recdiff-sdk export --onnx{of_model(model)}")


def _print_found(fitted: Fitted, subject: Subject, found: Found, model: Path, json: bool) -> None:
    from dataclasses import asdict

    from recdiff.audit.subjects import EDGES

    if json:
        print_json({"model": str(model), "of": subject.what, **asdict(found)})
        return
    share, precision, (one, several) = found.share, found.precision, subject.words
    rows: list[tuple[str, object]] = [("answers", share.answers), ("of them fake", found.fake)]
    rows += [(f"share of fake {several}", f"{share.estimate:.3f} ({share.low:.3f} to {share.high:.3f})")]
    name = f"precision at {found.threshold:g}"
    if precision is None:
        rows += [(name, f"no answered {one} has such a score")]
    else:
        rows += [
            (name, f"{precision.estimate:.3f} ({precision.low:.3f} to {precision.high:.3f}, n = {precision.answers})")
        ]
    print_table(("audit", "95 % intervals"), rows)
    told = fitted.calibration["fake_share" if subject is EDGES else "account_share"]
    note(f"share of fake {several}: {said_share(told)}; scores are recalibrated in {model}")


def decide(
    verdict: Annotated[
        str, typer.Argument(metavar="VERDICT", help="fake, real, or unsure, which takes a decision back.")
    ],
    *,
    edges: Annotated[list[str] | None, typer.Argument(metavar="SRC,DST", help="Edges that it holds for.")] = None,
    account: Annotated[list[str] | None, typer.Option("--account", metavar="ID", help="An account instead.")] = None,
    group: Annotated[
        list[int] | None, typer.Option("--group", metavar="N", help="A group: all its members; see accounts --groups.")
    ] = None,
    reason: Reason = "",
    who: Who = "",
    model: ModelFolder = DEFAULT_MODEL,
    data: DataFolder = None,
    json: Json = False,
) -> None:
    """Decide for good whether edges, accounts or groups are fake: clean-edges obeys, the next fit learns from it."""
    from recdiff.audit.decisions import add_decisions
    from recdiff.audit.place import decisions_of
    from recdiff.audit.verdict import UNSURE, is_fake_of
    from recdiff.estimator import RecDiff

    if is_fake_of(verdict) is None and verdict.lower() not in UNSURE:
        raise UsageError(f"{verdict!r}: accepted are fake, real and unsure")
    if not edges and not account and not group:
        raise UsageError("say what is decided: SRC,DST for an edge, --account ID for an account, --group N for a group")
    loaded = RecDiff.load(model)
    file = decisions_of(loaded.fitted_, model, data)
    if file is None:
        raise UsageError("it is not known where the data are; say --data DATA")
    new = _about_edges(loaded, edges or [], verdict, reason, who=who) + _about_accounts(
        loaded, account or [], verdict, reason, who=who
    )
    new += _about_groups(loaded, group or [], verdict, reason, who=who, file=file)
    added = add_decisions(file, new, directed=loaded.fitted_.directed)
    facts = {"decisions": str(file), "added": added, "stood already": len(new) - added}
    if json:
        print_json(facts)
        return
    print_table(("decided", ""), list(facts.items()))


def _about_edges(loaded: Any, edges: list[str], verdict: str, reason: str, *, who: str) -> list[Decision]:
    import numpy as np

    from recdiff.audit.decisions import EDGE, taken

    pairs = [pair_of(text) for text in edges]
    if not pairs:
        return []
    src, dst = map(list, zip(*pairs, strict=True))
    score, fitted = loaded.score_edges(src, dst), loaded.fitted_
    rows = fitted.rows_of(np.stack([fitted.users.index(each) for each in (src, dst)], axis=1))
    missing = [text for text, row in zip(edges, rows.tolist(), strict=True) if row < 0]
    if missing:
        raise DataError(f"{', '.join(missing[:5])}: no such edge in the model; nothing was decided")
    return [
        taken(EDGE, *pair, verdict=verdict, reason=reason, who=who, score=float(each))
        for pair, each in zip(pairs, score, strict=True)
    ]


def _about_accounts(loaded: Any, accounts: list[str], verdict: str, reason: str, *, who: str) -> list[Decision]:
    from recdiff.audit.decisions import ACCOUNT, taken

    missing = [each for each in accounts if loaded.fitted_.users.index([each])[0] < 0]
    if missing:
        raise DataError(f"{', '.join(missing[:5])}: no such user in the model; nothing was decided")
    return [taken(ACCOUNT, each, "", verdict, reason=reason, who=who) for each in accounts]


def _about_groups(loaded: Any, groups: list[int], verdict: str, reason: str, *, who: str, file: Path) -> list[Decision]:
    if not groups:
        return []
    import pyarrow as pa

    from recdiff.audit.decisions import key_of, read_decisions
    from recdiff.audit.groups import group_decisions, listed_members

    fitted = loaded.fitted_
    listed = listed_members(fitted.accounts)
    missing = [each for each in groups if not 1 <= each <= len(listed)]
    if missing:
        raise DataError(f"{missing[0]}: no such group, there are {len(listed)} in the model; nothing was decided")
    stood = {key_of(each, fitted.directed): each for each in read_decisions(file)}
    found: list[Decision] = []
    for each in groups:
        members = fitted.users.take(listed[each - 1]).cast(pa.string()).to_pylist()
        found += group_decisions(members, verdict, stood, reason=reason, who=who)
    return found


def standing(fitted: Fitted, model: Path, data: Path | None) -> tuple[Path | None, list[Decision]]:
    """Return the file of decisions about the model's data, None where nobody knows of one, and what is in it."""
    return standing_by(fitted.calibration, model, data)


def standing_by(calibration: Mapping[str, Any], model: Path, data: Path | None) -> tuple[Path | None, list[Decision]]:
    """Return the same for a model of which only the calibration was read."""
    from recdiff.audit.decisions import read_decisions
    from recdiff.audit.names import NOTED
    from recdiff.audit.place import decisions_by

    told = calibration.get(NOTED)
    file = decisions_by(told, model, data)
    if file is None and told is not None:
        note(
            f"note: the data are no longer at {model / told}, so decisions since the fit are not obeyed; say --data "
            "DATA"
        )
    return file, [] if file is None else read_decisions(file)
