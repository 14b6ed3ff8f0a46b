"""A model card from the model itself: data, share of fakes, ranking beside baselines, limits, licence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recdiff.version import VERSION
from recdiff_export.bundle.manifest import Manifest

SHOWN = "@20"
"""The metrics on a card; the model folder has the others."""
_HEAD = """---
library_name: recdiff-sdk
pipeline_tag: graph-ml
tags:
- onnx
- social-recommendation
- graph-cleaning
- diffusion
---

# RecDiff scorer

Says how likely a social tie is fake (`fake_score`, a calibrated probability), and recommends items.
"""
_USE = """## Use

The model knows the users it was fitted with and no others. `onnx/users.arrow` and `onnx/items.arrow` hold their raw
ids: look at them before you publish this folder.

```python
from recdiff_export import OnnxScorer

scorer = OnnxScorer.open("onnx")
scorer.score(src=[...], dst=[...])
```

Install recdiff-sdk from its checkout or wheel; scoring imports numpy, pyarrow and onnxruntime only.
"""
_LIMITS = """## Limits

- The order of the scores is surer than their level: real ties may look just like fakes, so the data bound the share of
  fakes and do not tell it. An audit of some two hundred ties settles it.
- Accounts that behave like real ones in every respect, bought or taken over, are found by labels only.
- No score is proof. Let a person look before an account or a tie is acted on.

## Licence

recdiff-sdk is under Apache-2.0. The ids and what was learned belong with the data that the model was fitted on: whoever
publishes this folder says under which licence, in `license:` at its top.
"""


def card(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    """Return the card of a bundle as Markdown.

    Args:
        measured: edges, interactions, fake_share, labels, decisions and metrics, as far as the fit had them; see
            ``bundle.from_model``.
    """
    return "\n".join((_HEAD, _facts(manifest, measured), *_fakes(measured), *_ranking(measured), _USE, _LIMITS))


def _facts(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    rows: list[tuple[str, str]] = [("users", f"{manifest.users:,}"), ("items", f"{manifest.items:,}")]
    rows += [(name, f"{measured[name]:,}") for name in ("edges", "interactions") if name in measured]
    rows += [
        ("ties", "directed" if manifest.directed else "undirected"),
        ("kinds of fake told apart", str(manifest.kinds)),
        ("diffusion steps", str(manifest.metadata["steps"])),
        ("largest difference between ONNX and the reference formulas", f"{_largest(manifest):.1e}"),
        ("written by", f"recdiff-sdk {VERSION}"),
    ]
    return "## Data and model\n\n" + _table(("", ""), rows)


def _largest(manifest: Manifest) -> float:
    return max(entry.max_error for entry in manifest.parity)


def _fakes(measured: Mapping[str, Any]) -> list[str]:
    share = measured.get("fake_share")
    if share is None:
        return []
    how = "audited by people" if share["audited"] else "found without an audit"
    between, guess = f"{share['low']:.1%} to {share['high']:.1%}", f"{share['estimate']:.1%}"
    lines = [f"Of the fitted ties {between} are fake, {guess} by the best guess, {how}."]
    for name in ("labels", "decisions"):
        if name in measured:
            told = measured[name]
            lines += [f"The scorer learned from {name}: {told['fake']} fake ties and {told['real']} real ones."]
    return ["## Share of fakes\n\n" + "\n".join(lines) + "\n"]


def _ranking(measured: Mapping[str, Any]) -> list[str]:
    metrics = measured.get("metrics", {})
    if "test" not in metrics:
        return []
    baselines = metrics["baselines"]
    rows = []
    for name, value in metrics["test"].items():
        if name.endswith(SHOWN):
            low, high = metrics["interval"][name]
            others = (f"{each[name]:.4f}" for each in baselines.values())
            rows.append((name, f"{value:.4f}", f"{low:.4f} to {high:.4f}", *others))
    users = f"{metrics['users']['test']:,} users with held-out items"
    judged = f"All items ranked for {users}; settings chosen on validation."
    return [f"## Ranking\n\n{judged}\n\n" + _table(("test", "this model", "95 % interval", *baselines), rows)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in (columns, *rows)]
    return "".join([lines[0], f"|{'---|' * len(columns)}\n", *lines[1:]])
