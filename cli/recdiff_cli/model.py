"""`recdiff-sdk fit`, `update` and `evaluate`: a model from a data folder, what came since, and how well it ranks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from recdiff.errors import UsageError
from recdiff_cli.console import note, print_json, print_table, progress, said_share
from recdiff_cli.data import read
from recdiff_cli.options import (
    DEFAULT_MODEL,
    Data,
    Directed,
    Json,
    Mapping,
    MaxMemory,
    ModelFolder,
    SaveMap,
    SkipBad,
    SkipLimit,
    Split,
    names_of,
    of_model,
)

if TYPE_CHECKING:
    from recdiff.config import Config
    from recdiff.data.dataset import SocialDataset
    from recdiff.estimator import RecDiff
    from recdiff.tracking import Tracker
    from recdiff.update.versions import Update

Final = Annotated[
    Literal["all", "train"] | None,
    typer.Option(help="What the delivered recommender learns from: all interactions, or those to train on."),
]


NoDecisions = Annotated[bool, typer.Option("--no-decisions", help="Do not learn from decisions.csv beside the data.")]
LabelsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Known edges (src, dst, label) or accounts (user_id, label): fake or real."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Of --engine ray; default: one per card, or per machine.")
]
Mlflow = Annotated[
    str | None, typer.Option("--mlflow", metavar="URI", help="Log settings, metrics and model there; extra [mlflow].")
]
CONTRADICTS = 0.4
"""AUC of the score found without labels, on the labels, below which they are asked about."""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("fit")(fit)
    app.command("update")(update)
    app.command("evaluate")(evaluate)


def fit(
    data: Data,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The model folder to write.")] = DEFAULT_MODEL,
    preset: Annotated[
        Literal["default", "paper"] | None, typer.Option(help="default (ours) or paper (as published).")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of settings.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of every random draw.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many passes of the recommender's training.")] = None,
    device: Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where to compute.")] = None,
    final: Final = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a fit that was killed.")] = False,
    fake_share: Annotated[
        float | None, typer.Option(help="The share of fake edges, where it is known; default: estimated.")
    ] = None,
    labels: LabelsFile = None,
    no_decisions: NoDecisions = False,
    tune: Annotated[int, typer.Option(metavar="N", help="Search settings with N trials on validation first.")] = 0,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="What trains the recommender; ray: extra [ray].")
    ] = "local",
    workers: Workers = None,
    mlflow: Mlflow = None,
    directed: Directed = None,
    mapping: Mapping = None,
    save_map: SaveMap = False,
    skip_bad: SkipBad = False,
    skip_bad_limit: SkipLimit = None,
    split: Split = "ratio",
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Fit the model: recommender and edge scorer, chosen on validation."""
    if engine == "ray" and tune:
        raise UsageError("--tune trains its trials in one process; use it with --engine local")
    from recdiff.audit.place import noted
    from recdiff.data.rows.left_out import left_out_file, write_left_out
    from recdiff.machine.device import resolve_device
    from recdiff.storage.checkpoint import cleared

    _check_places(out)  # Before minutes of work, not after them.
    tracker = _tracker(mlflow)
    settings = _settings(config, preset, seed=seed, epochs=epochs, device=device, fake_share=fake_share, final=final)
    if engine == "local":
        resolve_device(settings.device)
    lenient = skip_bad, skip_bad_limit
    dataset = read(data, directed, mapping, settings.seed, split, skip_bad=lenient, save_map=save_map)
    checkpoints = out.with_name(f".{out.name}.checkpoints")
    if not resume:
        cleared(checkpoints)
    told = _told(labels, None if no_decisions else data, dataset) | {"engine": engine, "workers": workers}
    model = _trained(settings, dataset, told, tune, checkpoints)
    model.fitted_ = noted(model.fitted_, data, out)
    model.save(out)
    write_left_out(left_out_file(out), dataset.left_out)
    cleared(checkpoints)
    _print_fit(model, out, json)
    if tracker is not None:
        note(f"MLflow run: {tracker.log(model.config_, model.fitted_, out)} at {tracker.uri}")


def _check_places(out: Path) -> None:
    """Refuse to write a model to ``out``, or a list of rows left out beside it, over what is not ours."""
    from recdiff.data.rows.left_out import check_place, left_out_file
    from recdiff.model.folder import check_target

    check_target(out)
    check_place(left_out_file(out))


def _tracker(uri: str | None) -> Tracker | None:
    """Return the MLflow store that a fit is logged to."""
    if uri is None:
        return None
    from recdiff.tracking import Tracker

    return Tracker.reached(uri)


def _trained(settings: Config, dataset: SocialDataset, told: dict[str, Any], tune: int, checkpoints: Path) -> RecDiff:
    """Return the model, with settings found in ``tune`` trials where there are any."""
    from recdiff.estimator import RecDiff

    with progress() as report:
        if tune:
            from recdiff.tuning import tuned

            settings = tuned(settings, dataset, tune, checkpoints, report)
        return RecDiff(config=settings).fit(dataset, checkpoints=checkpoints, report=report, **told)


def _told(labels: Path | None, data: Path | None, dataset: SocialDataset) -> dict[str, Any]:
    """Return the labels in a file and the decisions beside ``data``, as a fit takes them."""
    from recdiff.audit.decisions import decisions_file, read_decisions
    from recdiff.data.labels import read_account_labels, read_labels
    from recdiff.model.known import label_notices

    decisions = [] if data is None else read_decisions(decisions_file(data))
    accounts = None if labels is None else read_account_labels(labels)
    if accounts is not None:
        return {"account_labels": (accounts.ids, accounts.is_fake), "decisions": decisions}
    known = None if labels is None else read_labels(labels, dataset.users)
    for notice in [] if known is None else label_notices(dataset, known):
        note(f"note: {notice}")
    return {"labels": known, "decisions": decisions}


def _settings(
    config: Path | None,
    preset: str | None,
    *,
    seed: int | None,
    epochs: int | None,
    device: str | None,
    fake_share: float | None,
    final: str | None,
) -> Config:
    from recdiff.config import load_config

    flags: dict[str, Any] = {"preset": preset, "seed": seed, "device": device, "final": final}
    flags |= {"fake_share": fake_share, "paper": {"epochs": epochs}, "recommender": {"steps": epochs}}
    return load_config(config, flags)


def _print_fit(model: RecDiff, out: Path, json: bool) -> None:
    from recdiff.data.rows.left_out import left_out_file

    fitted = model.fitted_
    found = fitted.calibration
    facts = {"model": str(out), **fitted.metrics, "noise": found.get("shares", {})}
    facts |= {
        name: found[name]
        for name in (
            "noise_level",
            "fake_share",
            "labels",
            "account_labels",
            "decisions",
            "account_decisions",
            "unscored",
            "rows_left_out",
        )
        if name in found
    }
    if json:
        print_json(facts)
        return
    if "rows_left_out" in found:
        note(f"rows left out are listed: {left_out_file(out)}")
    if "test" in fitted.metrics:
        columns, rows = _ranking_table(fitted.metrics)
        print_table(columns, [row for row in rows if str(row[0]).endswith("@20")])
        if fitted.judged is not None:
            note("judged: learned from the training interactions alone")
            note("delivered: learned from all, settings as chosen")
    if "unscored" in found:
        note(f"note: {found['unscored']}; labels are not used")
        _say_next(out, "recommend", "export --onnx")
        return
    print_table(("estimated fake edges", "share"), [*found["shares"].items(), ("all", found["noise_level"])])
    note(f"share of fake edges: {said_share(found['fake_share'])}")
    if "labels" in found:
        _say_labels(found["labels"], "labels used")
    if "account_labels" in found:
        _say_labels(found["account_labels"], "accounts whose labels are used")
    if "decisions" in found:
        used = found["decisions"]
        count = used["fake"] + used["real"]
        note(f"learned from decisions about {count} edge{'' if count == 1 else 's'}, {used['fake']} of them fake")
    if "account_decisions" in found:
        used = found["account_decisions"]
        count = used["fake"] + used["real"]
        note(f"learned from decisions about {count} account{'' if count == 1 else 's'}, {used['fake']} of them fake")
    _say_next(out, "clean-edges --threshold 0.3", "export --onnx")


def _say_next(model: Path, *commands: str) -> None:
    note(f"model: {model}; next:")
    for command in commands:
        note(f"  recdiff-sdk {command}{of_model(model)}")


def _say_labels(used: dict[str, Any], words: str) -> None:
    """Say how many labels were used, and warn where they contradict what is found without them."""
    note(f"{words}: {used['fake'] + used['real']}, {used['fake']} of them fake")
    blind = used["blind_auc"]
    if blind is not None and blind < CONTRADICTS:
        note(
            f"warning: the score found without the labels has AUC {blind:.2f} on them, where 0.5 is chance: "
            "are they the right way round? The words fake and real leave no doubt"
        )


def update(
    *,
    edges: Annotated[
        Path | None, typer.Option("--edges", metavar="FILE|DIR", help="New edges: columns as in social.csv.")
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option("--interactions", metavar="FILE|DIR", help="New interactions: columns as in interactions.csv."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Go back to the model before its last update.")] = False,
    model: ModelFolder = DEFAULT_MODEL,
    mapping: Mapping = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Take new edges, users and interactions into a model without another fit; the model before stays beside it."""
    from recdiff.update.versions import undo as undone
    from recdiff.update.versions import update_folder

    given = edges is not None or interactions is not None
    if undo == given:
        raise UsageError("give --edges FILE, --interactions FILE or both; or --undo alone, to go back")
    if undo:
        kept = undone(model)
        if json:
            print_json({"model": str(model), "undone_to": str(kept)})
            return
        note(f"undone: {model} is again what it was before its last update, which {kept} had kept")
        return
    found = update_folder(model, edges, interactions, names_of(mapping))
    for each in found.notices:
        note(f"note: {each}")
    _print_update(found, model, json)


def _print_update(found: Update, model: Path, json: bool) -> None:
    kept = None if found.kept is None else str(found.kept)
    if json:
        print_json({"model": str(model), "kept": kept, **found.facts})
        return
    if kept is None:
        note(f"nothing is new, so {model} stays as it is")
        return
    facts = found.facts
    last = facts["last"]
    rows = [(name, last[name], facts[name]) for name in ("edges", "users", "interactions")]
    print_table(("new", "this update", "since the fit"), rows)
    for reason in facts["due"]:
        note(f"warning: a fit on all data is due: {reason}")
    if found.unbundled:
        note("the bundle held the old scores and is gone; export again:")
        note(f"  recdiff-sdk export --onnx{of_model(model)}")
    note(f"model: {model}   before: {kept}   back: recdiff-sdk update --undo{of_model(model)}")


def evaluate(
    data: Data,
    *,
    model: ModelFolder = DEFAULT_MODEL,
    directed: Directed = None,
    mapping: Mapping = None,
    skip_bad: SkipBad = False,
    skip_bad_limit: SkipLimit = None,
    split: Split = "ratio",
    max_memory: MaxMemory = None,
    json: Json = False,
) -> None:
    """Rank all items for users with held-out items: the model and simple baselines, with intervals."""
    from recdiff.estimator import RecDiff

    fitted = RecDiff.load(model)
    dataset = read(data, directed, mapping, fitted.config_.seed, split, skip_bad=(skip_bad, skip_bad_limit))
    metrics = fitted.evaluate(dataset)
    if json:
        print_json({**metrics["test"], "details": metrics})
        return
    print_table(*_ranking_table(metrics))


def _ranking_table(metrics: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return columns and rows: each metric on test, its interval and every baseline beside it."""
    baselines = metrics["baselines"]
    columns = ("test", "this model", "95 % interval", *baselines)
    rows: list[tuple[object, ...]] = []
    for name, value in metrics["test"].items():
        low, high = metrics["interval"][name]
        rows.append((name, value, f"{low:.4f} to {high:.4f}", *(values[name] for values in baselines.values())))
    return columns, rows
