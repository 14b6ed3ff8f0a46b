"""Settings chosen on validation, with the same small budget for every model."""

from __future__ import annotations

from collections.abc import Sequence

from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.contenders import candidates, label
from recdiff.studies.lab.trial import trial_cell
from recdiff.studies.lab.variants import Variant


def tuned(bench: Bench, models: Sequence[str], stage: str) -> list[Variant]:
    """Return each model with the settings that validation likes best, tried with the first seed."""
    budget = bench.budget
    tried = [(name, settings) for name in models for settings in candidates(name, budget.trials)]
    open_models = {name for name in models if sum(each == name for each, _ in tried) > 1}
    cells = [
        trial_cell(bench.fingerprint, name, settings, budget.seeds[0], budget.epochs, final=False)
        for name, settings in tried
        if name in open_models
    ]
    values = iter([result.values["validation"] for result in bench.results(cells, f"{stage}: tune")])
    chosen = []
    for name in models:
        own = [settings for each, settings in tried if each == name]
        judged = [next(values) for _ in own] if name in open_models else [0.0]
        best = max(range(len(own)), key=lambda place: judged[place])
        chosen.append(Variant(label(name), name, own[best]))
    return chosen
