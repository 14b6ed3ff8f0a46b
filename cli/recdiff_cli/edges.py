"""`recdiff-sdk clean-edges`, `explain`, `restore` and `evaluate-edges`: what the fake scores are used for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from recdiff.errors import UsageError
from recdiff_cli.audit import standing, standing_by
from recdiff_cli.console import note, print_json, print_table, progress, said_share, say_wrapped, verbatim
from recdiff_cli.handing import hand_on
from recdiff_cli.options import (
    DEFAULT_MODEL,
    DataFolder,
    Force,
    Json,
    Mapping,
    MaxMemory,
    ModelFolder,
    Options,
    Reason,
    Target,
    Who,
    names_of,
    pair_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from recdiff.cleaning.summary import Summary

DEFAULT_OUT = Path("cleaned-edges")
Guarantee = Annotated[
    float | None, typer.Option(help="Remove only what keeps the real among the removed below this share.")
]
SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("clean-edges")(clean_edges)
    app.command("explain")(explain)
    app.command("restore")(restore)
    app.command("evaluate-edges")(evaluate_edges)


def clean_edges(
    model: Annotated[
        Path, typer.Option("--model", metavar="DIR", help="The model folder; with --edges, a bundle does too.")
    ] = DEFAULT_MODEL,
    *,
    edges: Annotated[
        Path | None, typer.Option("--edges", metavar="FILE|DIR", help="Edges to score, streamed; default: the fit's.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="P", help="Remove where fake_score >= P; default 0.5.")
    ] = None,
    remove_share: Annotated[float | None, typer.Option(help="Remove this share, the worst first.")] = None,
    min_precision: Annotated[float | None, typer.Option(help="Remove while this share of the removed is fake.")] = None,
    guarantee: Guarantee = None,
    keep_degree: Annotated[int, typer.Option(help="Leave every user this many edges.")] = 0,
    unknown: Annotated[
        Literal["error", "keep", "drop"], typer.Option(help="Edges of users not in the model (with --edges).")
    ] = "keep",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="What scores files (with --edges); ray: extra [ray].")
    ] = "local",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to score files.")] = "auto",
    data: DataFolder = None,
    mapping: Mapping = None,
    out: Target = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Hand all edges on in this format; see docs/adapters.md."),
    ] = None,
    options: Options = None,
    force: Force = False,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Divide edges into kept and removed ones, each with its fake_score and evidence."""
    if edges is None:
        if engine != "local":
            raise UsageError(f"--engine {engine} scores files; give --edges FILE|DIR")
        if options and format_name is None:
            raise UsageError("--with is an option of a format; give --format NAME too")
        if force and format_name is None:
            raise UsageError("--force is for files of a --format; a folder that holds something else is never replaced")
        given = {"threshold": threshold, "remove_share": remove_share, "min_precision": min_precision}
        given |= {"guarantee": guarantee, "keep_degree": keep_degree}
        _clean_fitted(model, given, data, out=out, format_name=format_name, options=options, force=force, json=json)
        return
    others = (remove_share, min_precision, guarantee, format_name)
    if any(each is not None for each in others) or keep_degree or options or force:
        raise UsageError(
            "--edges streams: --threshold only; no --remove-share, --min-precision, --guarantee, --keep-degree, "
            "--format, --with or --force"
        )
    how: dict[str, Any] = {"unknown": unknown, "engine": engine, "device": device, "mapping": mapping}
    place = Path(out or DEFAULT_OUT)
    _clean_streamed(model, edges, threshold=threshold, **how, data=data, out=place, json=json)


def _clean_fitted(
    model: Path,
    policy: dict[str, Any],
    data: Path | None,
    *,
    out: str | None,
    format_name: str | None,
    options: list[str] | None,
    force: bool,
    json: bool,
) -> None:
    from recdiff.audit.place import way
    from recdiff.cleaning.folder import write_cleaned
    from recdiff.estimator import RecDiff

    fitted = RecDiff.load(model)
    file, decisions = standing(fitted.fitted_, model, data)
    kept, gone, summary = fitted.clean_edges(**policy, decisions=decisions)
    if format_name is None:
        written = out or str(DEFAULT_OUT)
        if file is not None:
            summary["decisions_file"] = way(Path(written), file)
        write_cleaned(Path(written), kept, gone, summary)
    else:
        import pyarrow as pa

        from recdiff_adapters import EDGE_FORMATS

        table = pa.concat_tables([kept.to_arrow(), gone.to_arrow()])
        written = hand_on(
            table, EDGE_FORMATS, name=format_name, out=out, stem="cleaned-edges", given=options, force=force
        )
    if json:
        print_json({"out": written, **summary})
        return
    _print_summary(gone, summary)
    note(f"written: {written}")


def _print_summary(gone: pa.Table, summary: dict[str, Any]) -> None:
    rows = [
        ("edges", summary["edges"]),
        ("kept", summary["edges"] - summary["removed"]),
        ("removed", summary["removed"]),
    ]
    rows += [("expected real among removed", round(summary["expected_real_removed"]))]
    least, most = (round(summary[f"fake_kept_{side}"]) for side in ("low", "high"))
    rows += [("expected fake among kept", f"{round(summary['expected_fake_kept']):,} ({least:,} to {most:,})")]
    print_table(("edges", "count"), rows)
    note(f"share of fake edges: {said_share(summary['fake_share'])}")
    if "decided" in summary:
        note(f"decided before: {summary['decided']['real']} real edges, {summary['decided']['fake']} fake; all obeyed")
    for each in summary.get("decisions_contradicted", ()):
        note(
            f"look again: {each['src']},{each['dst']} was decided {each['decided']}, and its score has since become "
            f"{each['fake_score']:.3f}"
        )
    worst = _most_suspicious(gone, summary["directed"])
    if worst:
        names = [name for name in worst[0] if name != "keep"]
        print_table(names, ([row[name] for name in names] for row in worst), title="most suspicious")


def _most_suspicious(gone: pa.Table, directed: bool) -> list[dict[str, Any]]:
    """Return the rows of the highest scores; of an undirected edge that is there both ways round, one."""
    worst = gone.sort_by([("fake_score", "descending")]).slice(0, SHOWN if directed else 2 * SHOWN)
    shown: dict[object, dict[str, Any]] = {}
    for row in verbatim(worst, "src", "dst"):
        ends = row["src"], row["dst"]
        shown.setdefault(ends if directed else frozenset(ends), row)
    return list(shown.values())[:SHOWN]


def _clean_streamed(
    model: Path,
    edges: Path,
    *,
    threshold: float | None,
    unknown: Literal["error", "keep", "drop"],
    engine: Literal["local", "ray"],
    device: Literal["auto", "cpu", "cuda"],
    mapping: list[str] | None,
    data: Path | None,
    out: Path,
    json: bool,
) -> None:
    from recdiff.audit.place import way
    from recdiff.cleaning.policy import DEFAULT_THRESHOLD
    from recdiff.data.columns import map_beside
    from recdiff_export.opening import open_bundle
    from recdiff_export.stream.local import clean_stream
    from recdiff_export.stream.obeyed import Obeyed, calibration_of, model_of, told_in

    names = map_beside(edges) | names_of(mapping)
    with progress() as report:
        scorer = open_bundle(model, device)
        home = model_of(model)
        file, decisions = standing_by(calibration_of(home), home or model, data)
        told, pairs = told_in(home, scorer.users)
        obeyed = Obeyed.of(decisions, scorer.users, told, pairs, directed=scorer.manifest.directed)
        limit = DEFAULT_THRESHOLD if threshold is None else threshold
        summary = clean_stream(
            scorer,
            edges,
            out,
            threshold=limit,
            unknown=unknown,
            mapping=names,
            engine=engine,
            obeyed=replace(obeyed, file=None if file is None else way(out, file)),
            report=report,
        )
    facts = {"out": str(out), **summary.plain()}
    if json:
        print_json(facts)
        return
    print_table(("streamed", ""), list(facts.items()))


def explain(
    src: Annotated[str, typer.Argument(metavar="SRC", help="One end's id.")],
    dst: Annotated[str, typer.Argument(metavar="DST", help="The other end's id.")],
    model: ModelFolder = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Say in words why an edge got its score."""
    from recdiff.estimator import RecDiff
    from recdiff.model.explained import Explainer

    loaded = RecDiff.load(model)
    lines, users = loaded.explain_edge(src, dst), loaded.fitted_.users
    if json:
        found = Explainer(loaded.fitted_).parts(users.index([src, dst])[None])
        parts = {} if found is None else {"base": found.base, "parts": dict(found.parts), "log_odds": found.total}
        print_json({"src": src, "dst": dst, "explanation": lines, **parts})
        return
    for line in lines:
        say_wrapped(line)


def restore(
    pairs: Annotated[list[str], typer.Argument(metavar="SRC,DST", help="Removed edges to put back.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder clean-edges wrote.")] = DEFAULT_OUT,
    reason: Reason = "",
    who: Who = "",
    data: DataFolder = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Put removed edges back among the kept ones, for good: decisions.csv beside the data keeps them real."""
    from recdiff.audit.decisions import EDGE, add_decisions, decisions_file, taken
    from recdiff.cleaning.folder import restore_edges

    def decide(back: pa.Table, summary: Summary) -> None:
        told = summary.decisions_file
        file = decisions_file(data) if data is not None else None if told is None else out / told
        if file is None or not file.parent.is_dir():
            note("note: it is not known where the data are, so the next clean-edges may remove them again; say --data")
            return
        new = [
            taken(
                EDGE, str(row["src"]), str(row["dst"]), "real", reason or "restored", who=who, score=row["fake_score"]
            )
            for row in back.to_pylist()
        ]
        add_decisions(file, new, directed=bool(summary.directed))

    wanted = [pair_of(text) for text in pairs]
    summary = restore_edges(out, wanted, decide)
    if json:
        print_json(summary.plain())
        return
    note(f"restored {summary.restored} edge rows; {summary.removed} remain removed")


def evaluate_edges(
    truth: Annotated[Path, typer.Option("--truth", metavar="FILE", help="src, dst and is_fake (or label).")],
    *,
    model: ModelFolder = DEFAULT_MODEL,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw AUCs and reliability, e.g. as .png.")
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option("--scores", metavar="FILE", help="Another system's src, dst and score, judged the same way."),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option("--beside", metavar="NAME", help="A published system, trained for it: gdmsr."),
    ] = None,
    mapping: Mapping = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Hold fake scores against known truth, every heuristic beside them."""
    from recdiff.data.labels import read_labels
    from recdiff.data.outside.scores import read_edge_scores
    from recdiff.estimator import RecDiff
    from recdiff.evaluation.edge_report import blank_figure, draw, verdict

    if figure is not None:
        blank_figure(figure)  # Before minutes of work, not after them.
    fitted = RecDiff.load(model).fitted_
    theirs = [read_edge_scores(file, fitted.users) for file in scores or []]
    labels = read_labels(truth, fitted.users, names_of(mapping))
    with progress() as report:
        facts = verdict(fitted, labels, theirs, beside or [], report)
    if facts.missing:
        note(f"note: {facts.missing:,} labelled edges are not part of the fit; they are left out")
    for name in dict.fromkeys(beside or []):
        note(f"note: {name} learned with these very edges as real ones, the fake score of an edge without that edge")
    for warning in facts.warnings:
        note(f"warning: {warning}")
    if figure is not None:
        draw(facts, figure)
    if json:
        print_json(facts.to_dict())
        return
    for columns, rows, title in facts.tables():
        print_table(columns, rows, title)
    note("reliability, score by score: --json, or --figure FILE")
