"""Steps that are made over and over: on a card recorded once and replayed, since launching them takes longer."""

from __future__ import annotations

from collections.abc import Callable

import torch

WARM = 3
"""Steps made before one is recorded: libraries set themselves up in the first ones."""


class Repeated:
    """A step that reads and writes the same memory each time and needs nothing from the processor.

    On a card the first steps are made as they are, then one is recorded as a CUDA graph, and all others replay it. On a
    processor every step is made as it is.
    """

    def __init__(self, step: Callable[[], None], device: torch.device | str) -> None:
        self._step, self._made = step, 0
        self._on_card = torch.device(device).type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, times: int) -> None:
        """Make ``times`` further steps."""
        for _ in range(times):
            if self._graph is not None:
                self._graph.replay()
            elif not self._on_card:
                self._step()
            else:
                self._begun()

    def _begun(self) -> None:
        """Make a step aside of the usual stream, as recording asks for; after the last of the first ones, record one.

        torch.cuda.graph would also collect garbage and give memory back, which takes longer than hundreds of steps.
        """
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            self._step()
            self._made += 1
            if self._made == WARM:
                graph = torch.cuda.CUDAGraph()
                graph.capture_begin(capture_error_mode="thread_local")
                self._step()
                graph.capture_end()
                self._graph = graph
        torch.cuda.current_stream().wait_stream(aside)
