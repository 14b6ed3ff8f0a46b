"""The registry of studies: what each is called, what it asks, and what runs it.

To add a study, write its module and add an entry, or register it from a module of your own. Help texts, the report and
the table in the documentation follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recdiff.studies.lab.bench import Bench
    from recdiff.studies.page.findings import Findings

    Run = Callable[[Bench], Findings]


@dataclass(frozen=True)
class Study:
    """One study.

    Attributes:
        name: as written in commands and file names.
        title, question: for the report.
        load: returns what runs it; imports the study's module, so that names are at hand without it.
    """

    name: str
    title: str
    question: str
    load: Callable[[], Run]


def run_of(module: str) -> Callable[[], Run]:
    """Return what imports ``module`` and returns its ``run``."""

    def load() -> Run:
        found: Run = import_module(module).run
        return found

    return load


# In the order of the report.
STUDIES: tuple[Study, ...] = (
    Study(
        "overall",
        "Overall comparison",
        "How well does each model rank the held-out items? Baselines are tuned on validation with one small "
        "budget each, epochs are chosen on validation, and the test split is read once per seed.",
        run_of("recdiff.studies.overall"),
    ),
    Study(
        "ablation",
        "Ablation",
        "What does each part of the published model contribute? Every variant is trained anew with the same seeds.",
        run_of("recdiff.studies.ablation"),
    ),
    Study(
        "hyperparameters",
        "Hyper-parameters",
        "How much do embedding size, time-embedding size, diffusion steps and noise scale matter, one at a time?",
        run_of("recdiff.studies.hyperparameters"),
    ),
    Study(
        "noise",
        "Noise",
        "How much do models lose when a share of the ties is replaced by fakes, and the models are trained "
        "anew on what is left? Interactions stay as they are, and so does the test split.",
        run_of("recdiff.studies.noise"),
    ),
    Study(
        "efficiency",
        "Efficiency",
        "How long does an epoch take, and how soon does validation stop rising? The unoptimised loop computes"
        " the published model as plainly as its equations are written; every fit runs alone, on one core.",
        run_of("recdiff.studies.efficiency"),
    ),
    Study(
        "case",
        "Case study",
        "Which ties does denoising change most, and what do their neighbourhoods and shared items look like? "
        "Ours is asked by its fake score without and with the denoiser's evidence, the published model by the"
        " cosine of the two users' social embeddings before and after denoising. KCGN and MHCN, which do not "
        "denoise, are asked how alike they hold the same users.",
        run_of("recdiff.studies.case"),
    ),
    Study(
        "complexity",
        "Complexity",
        "How do time and memory of one training step of the published model grow with users, interactions, "
        "ties and embedding width, and does that agree with O((R + S) D + (U + I) D² + B (D² + D H))?",
        run_of("recdiff.studies.complexity"),
    ),
)


def register(new: Study) -> None:
    """Add a study to the registry.

    Raises:
        ValueError: there is one of that name.
    """
    global STUDIES
    if new.name in names():
        raise ValueError(f"study {new.name!r} is there already")
    STUDIES = (*STUDIES, new)


def names() -> tuple[str, ...]:
    """Return the names of all studies, in the order of the report."""
    return tuple(each.name for each in STUDIES)


def study(name: str) -> Study:
    """Return the study called ``name``.

    Raises:
        KeyError: where there is none.
    """
    return {each.name: each for each in STUDIES}[name]
