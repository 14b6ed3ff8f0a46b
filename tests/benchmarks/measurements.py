"""Everything `make bench` measures, as a list of named measurements: one added here is in the table and the plot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from recdiff.config.recommender import RecommenderConfig
from tests.benchmarks import child
from tests.benchmarks.card import card_bandwidth, provider_throughput
from tests.benchmarks.data import is_here
from tests.benchmarks.result import Measurement, Result, Settings, ratios

EPOCH_LIMITS = {"ciao": (2.0, 4.0), "yelp_hin": (3.0, 6.0)}
MILLION = 1_000_000
# Passes of the long run; the set-up of the short one is taken off. Small graphs make more, lest noise be all there is.
PASSES = 6
SHORT_OF_NOISE = 600_000
SCORED = "score all ties out of fold"


def measure_epoch(settings: Settings) -> list[Result]:
    """One training epoch of preset paper against the naive loop, interleaved."""
    results = []
    names = ["ciao", "yelp_hin"] + (["epinions"] if settings.device == "cuda" else [])
    for data in filter(is_here, names):
        naive, paper = _interleaved("epochs", data, settings)
        limits = EPOCH_LIMITS.get(data, (None, None))
        results += [Result(f"epoch/{data}/naive", "s", naive), Result(f"epoch/{data}/paper", "s", paper)]
        results.append(ratios(f"epoch/{data}/naive to paper", naive, paper, *limits))
    return results


def measure_evaluation(settings: Settings) -> list[Result]:
    """One evaluation on ciao's test split, embeddings included, against the naive one."""
    if not is_here("ciao"):
        return []
    naive, ours = _interleaved("evaluations", "ciao", settings)
    return [
        Result("evaluation/ciao/naive", "s", naive),
        Result("evaluation/ciao/ours", "s", ours),
        ratios("evaluation/ciao/naive to ours", naive, ours, 5.0, 10.0),
    ]


def _child(settings: Settings, task: str, **arguments: Any) -> dict[str, Any]:
    """Run a task of ``child`` the way ``settings`` say."""
    return child.run(task, settings.threads, device=settings.device, clock=settings.clock, **arguments)


def _interleaved(task: str, data: str, settings: Settings) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the best seconds of each round of "naive" and "paper", taking turns at going first."""
    best: dict[str, list[float]] = {"naive": [], "paper": []}
    for turn in range(settings.repeats):
        for contender in sorted(best, reverse=turn % 2 == 1):
            measured = _child(settings, task, contender=contender, data=data, count=3)
            best[contender].append(min(measured["seconds"]))
    return tuple(best["naive"]), tuple(best["paper"])


def measure_quality(settings: Settings) -> list[Result]:
    """Time until validation Recall@20 + NDCG@20 on ciao reaches what the naive loop ends with."""
    if not is_here("ciao"):
        return []
    slow, fast, ends, ours = [], [], [], []
    for seed in range(min(settings.repeats, 5)):
        curves = {
            contender: _child(settings, "quality", contender=contender, data="ciao", seed=seed)["curve"]
            for contender in ("naive", "default")
        }
        target = max(value for _, value in curves["naive"])
        ends.append(target)
        ours.append(max(value for _, value in curves["default"]))
        slow.append(_reached(curves["naive"], target))
        fast.append(_reached(curves["default"], target))
    return [
        Result("quality/ciao/naive ends with", "", tuple(ends), "more"),
        Result("quality/ciao/default ends with", "", tuple(ours), "more"),
        Result("quality/ciao/naive", "s", tuple(slow), note="until its best evaluation"),
        Result("quality/ciao/default", "s", tuple(fast), note="until it is as good"),
        ratios("quality/ciao/naive to default", slow, fast, 15.0, 30.0),
    ]


def _reached(curve: list[tuple[float, float]], target: float) -> float:
    """Return the seconds at the first evaluation that is as good, infinity where none is."""
    return next((seconds for seconds, value in curve if value >= target), math.inf)


def measure_fit(settings: Settings) -> list[Result]:
    """Whole fits with default settings, each in a process of its own: time, peak memory, test metrics."""
    results = []
    for data, memory, seconds in (("ciao", (800.0, 500.0), (None, None)), ("epinions", (None, None), (900.0, 300.0))):
        if not is_here(data):
            continue
        rounds = [
            _child(settings, "whole_fit", preset="default", data=data, seed=seed)
            for seed in range(1 if data == "epinions" else min(settings.repeats, 5))
        ]
        results += [
            Result(f"fit/{data}/time", "s", _column(rounds, "seconds"), "less", *seconds),
            Result(f"fit/{data}/peak memory", "MB", _column(rounds, "peak_mb"), "less", *memory),
        ]
        for metric in ("recall@20", "ndcg@20"):
            values = tuple(float(each["metrics"]["test"][metric]) for each in rounds)
            results.append(Result(f"fit/{data}/test {metric}", "", values, "more", note="one seed each"))
    return results


def measure_growth(settings: Settings) -> list[Result]:
    """The default recommender's passes on generated graphs of growing size."""
    results: list[Result] = []
    edges = []
    seconds: dict[str, list[float]] = {"one pass": [], "one pass and its share of evaluations": []}
    for users in settings.sizes:
        data = f"generated-{users}"
        many = max(PASSES, SHORT_OF_NOISE // users)
        every = RecommenderConfig().evaluate_every
        once, alone, judged = (
            _child(settings, "recommender_pass", data=data, passes=passes, evaluate_every=evaluations)
            for passes, evaluations in ((1, 1), (many, many), (many, every))
        )
        edges.append(once["graph_edges"])
        for name, each in zip(seconds, (alone, judged), strict=True):
            seconds[name].append((each["seconds"] - once["seconds"]) / (many - 1))
        results += [
            Result(f"{data}/fit of one pass", "s", (once["seconds"],), "less", *_at_million(users, 600.0, 180.0)),
            *(Result(f"{data}/{name}", "s", (found[-1],)) for name, found in seconds.items()),
            Result(f"{data}/fit peak memory", "MB", (once["peak_mb"],), "less", *_at_million(users, 8000.0, 6000.0)),
        ]
    return results + _exponents(edges, seconds)


def measure_scoring_growth(settings: Settings) -> list[Result]:
    """The edge scorer on generated graphs of growing size."""
    results: list[Result] = []
    edges, seconds = [], []
    for users in settings.sizes:
        data = f"generated-{users}"
        scored = _child(settings, "scoring", data=data)
        edges.append(scored["graph_edges"])
        seconds.append(scored["fit_seconds"])
        peak = scored["peak_mb"]
        results += [
            Result(f"{data}/{SCORED}", "s", (seconds[-1],), "less", *_at_million(users, 300.0, 120.0)),
            Result(f"{data}/score peak memory", "MB", (peak,), "less", *_at_million(users, 8000.0, 6000.0)),
            Result(f"{data}/new ties", "ties/s", (scored["ties"] / scored["score_seconds"],), "more"),
        ]
    return results + _exponents(edges, {SCORED: seconds})


def _at_million(users: int, required: float, aim: float) -> tuple[float | None, float | None]:
    """Return the limits, which are for a million users."""
    return (required, aim) if users == MILLION else (None, None)


def _exponents(edges: list[int], seconds: dict[str, list[float]]) -> list[Result]:
    """Return the slopes of log seconds over log edges."""
    if len(edges) < 2:
        return []
    return [
        Result(
            name=f"growth/{name}",
            unit="",
            samples=(_exponent(edges, values),),
            better="less",
            required=1.1,
            aim=1.0,
            note="exponent over all edges",
        )
        for name, values in seconds.items()
    ]


def _exponent(edges: list[int], seconds: list[float]) -> float:
    """Return the slope of log seconds over log edges."""
    return float(np.polyfit(np.log(edges), np.log(seconds), 1)[0])


def measure_published_growth(settings: Settings) -> list[Result]:
    """One epoch of preset paper on generated graphs."""
    results = []
    for users in settings.sizes:
        data = f"generated-{users}"
        measured = _child(settings, "epochs", contender="paper", data=data, count=1)
        results.append(Result(f"epoch/{data}/paper", "s", tuple(measured["seconds"])))
    return results


def _column(rounds: list[dict[str, Any]], name: str) -> tuple[float, ...]:
    return tuple(float(each[name]) for each in rounds)


MEASUREMENTS = (
    Measurement("epoch", "one training epoch, preset paper against naive", measure_epoch),
    Measurement("evaluation", "one evaluation on ciao against naive", measure_evaluation),
    Measurement("quality", "time to the naive loop's final quality", measure_quality),
    Measurement("fit", "whole fits: time, memory, test metrics", measure_fit),
    Measurement("growth", "passes on generated graphs", measure_growth),
    Measurement("growth-of-scoring", "the edge scorer on generated graphs", measure_scoring_growth),
    Measurement("published-growth", "preset paper on generated graphs", measure_published_growth, ("cuda",)),
    Measurement("bandwidth", "sparse products against the memory's bandwidth", card_bandwidth),
    Measurement("provider", "scoring throughput of the exported scorer", provider_throughput),
)
