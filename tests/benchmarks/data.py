"""The data sets that are measured, and the published settings for each."""

from __future__ import annotations

import os
from pathlib import Path

from recdiff.config import PaperConfig
from recdiff.data.dataset import SocialDataset
from tests.benchmarks.generated import of_size

FOLDER = Path(os.environ.get("RECDIFF_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
PUBLISHED = {
    "ciao": PaperConfig(),
    "yelp_hin": PaperConfig(
        learning_rate=1e-3, denoiser_learning_rate=1e-4, regularisation=5e-3, batch_size=4096, steps=50, noise_scale=0.1
    ),
    "epinions": PaperConfig(
        learning_rate=1e-3,
        denoiser_learning_rate=1e-3,
        regularisation=1e-4,
        batch_size=4096,
        steps=200,
        noise_scale=0.1,
    ),
}
GENERATED = PaperConfig(batch_size=65_536)


def read(name: str) -> SocialDataset:
    """Return a real data set by name, or "generated-N": N users made up."""
    if name.startswith("generated-"):
        return of_size(int(name.removeprefix("generated-")))
    return SocialDataset.read(FOLDER / name)


def is_here(name: str) -> bool:
    """Say whether the data set can be read."""
    return name.startswith("generated-") or (FOLDER / name).is_dir()


def settings(name: str) -> PaperConfig:
    """Return the published model's settings for a data set."""
    return PUBLISHED.get(name, GENERATED)
