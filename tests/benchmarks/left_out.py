"""Fakes of a family that nothing was taught about: `python -m tests.benchmarks.left_out DATA OUT [--seeds 10 ...]`.

Per data set, family and seed: 20 % of the edges become fakes of the family. They are scored by a fit that knows all
kinds ("told"), by one whose registry lacks the family ("left out"), by such a one without the denoiser's evidence ("no
denoising"), and by every simple heuristic. OUT/left_out.json holds every cell and OUT/left_out.md the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.evaluation.heuristics import heuristic_scores
from recdiff.fakes import kinds
from recdiff.fakes.injection import corrupt
from recdiff.metrics.edges import auc
from recdiff.scorer.fit import fit_scorer
from tests.benchmarks.lines import asks, kept, one_a_line

SETS = ("ciao", "lastfm")
FAMILIES = {
    "uniform": ("uniform",),
    "hub": ("hub",),
    "degree": ("degree",),
    "walk": ("walk",),
    "two-hop": ("two-hop", "lost-path", "kept-path"),
}
"""What is injected, and what the registry then lacks."""
SHARE = 0.2
WAYS = ("told", "left out", "no denoising")


def main() -> None:
    """Run the cells asked for and write the table."""
    parser = asks(__doc__, SETS, [10, 11, 12, 13, 14])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="which fits are run")
    given = parser.parse_args()
    file = given.out / "left_out.json"
    cells = kept(file)
    for seed in given.seeds:
        for name in given.sets:
            dataset = SocialDataset.read(given.data / name)
            for family in FAMILIES:
                cells[f"{name}/{family}/{seed}"] = found = cell(dataset, family, seed, given.ways)
                print(name, family, seed, found, flush=True)
                file.write_text(one_a_line(cells))
    (given.out / "left_out.md").write_text(table(cells))


def cell(dataset: SocialDataset, family: str, seed: int, ways: Sequence[str] = WAYS) -> dict[str, float | str]:
    """Return the AUC of each of the ``ways`` to fit and of the best heuristic, with its name."""
    rng = np.random.default_rng(seed)
    found = corrupt(dataset.graph, kind=family, share=SHARE, mode="replace", rng=rng)

    def blind(config: ScorerConfig) -> float:
        scorer = fit_scorer(found.graph, dataset.train, config, seed=seed)
        return round(auc(found.is_fake, np.asarray(scorer.edge_scores, np.float64)), 4)

    plain = ScorerConfig()
    reached: dict[str, float | str] = {}
    for way in ways:
        with without(() if way == "told" else FAMILIES[family]):
            evidence = replace(plain.evidence, denoising="none") if way == "no denoising" else plain.evidence
            reached[way] = blind(replace(plain, evidence=evidence))
    counts = heuristic_scores(found.graph, dataset.train, np.random.default_rng(0))
    best, name = max((auc(found.is_fake, -each), name) for name, each in counts.items())
    return reached | {"best count": round(best, 4), "count": name}


@contextmanager
def without(names: tuple[str, ...]) -> Iterator[None]:
    """Take the kinds ``names`` out of the registry for a while."""
    before = kinds.KINDS
    kinds.KINDS = tuple(each for each in before if each.name not in names)
    try:
        yield
    finally:
        kinds.KINDS = before


def table(cells: dict[str, dict[str, float | str]]) -> str:
    """Return the means over seeds as a page."""
    how = "AUC, means over seeds, by `python -m tests.benchmarks.left_out DATA OUT`; see there for what is compared."
    columns = [each for each in (*WAYS, "best count") if all(each in found for found in cells.values())]
    lines = [
        "# A family left out",
        "",
        how,
        "",
        "| set | family | seeds | " + " | ".join(columns) + " |",
        "|---" * (3 + len(columns)) + "|",
    ]
    for name, family in dict.fromkeys(tuple(key.split("/")[:2]) for key in cells):
        rows = [each for key, each in cells.items() if key.startswith(f"{name}/{family}/")]
        means = [f"{np.mean([float(row[column]) for row in rows]):.3f}" for column in columns]
        lines.append(f"| {name} | {family} | {len(rows)} | " + " | ".join(means) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
