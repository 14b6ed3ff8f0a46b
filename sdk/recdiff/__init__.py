"""Tell real social edges from noise and fakes, and hand the result to the systems that need it.

Names load on first use, so that importing the package stays light. What is done is told to the logger ``recdiff``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from recdiff.lazy import lazily
from recdiff.version import VERSION

if TYPE_CHECKING:
    from recdiff.cleaning.policy import Policy
    from recdiff.config import Config, load_config
    from recdiff.data.dataset import SocialDataset
    from recdiff.errors import ArtifactError, DataError, DeviceError, RecDiffError, UsageError
    from recdiff.estimator import RecDiff

__version__ = VERSION

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "ArtifactError",
    "Config",
    "DataError",
    "DeviceError",
    "Policy",
    "RecDiff",
    "RecDiffError",
    "SocialDataset",
    "UsageError",
    "__version__",
    "load_config",
]

__getattr__ = lazily(
    __name__,
    {
        "ArtifactError": "errors",
        "Config": "config",
        "DataError": "errors",
        "DeviceError": "errors",
        "Policy": "cleaning.policy",
        "RecDiff": "estimator",
        "RecDiffError": "errors",
        "SocialDataset": "data.dataset",
        "UsageError": "errors",
        "load_config": "config",
    },
)


def __dir__() -> list[str]:
    return __all__
