"""Open ONNX Runtime sessions: on the device asked for, or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import onnxruntime as ort
from numpy.typing import NDArray

from recdiff.errors import ArtifactError, DeviceError, UsageError

Provider = Literal["auto", "cpu", "cuda"]
CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
Spec = tuple[str, tuple[int | None, ...]]
"""Type and shape of an input or output; None: any size."""
_KINDS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}
_INSTALL = "pip install onnxruntime-gpu (with CUDA 13 and cuDNN 9: pip install 'onnxruntime-gpu[cuda,cudnn]')"
_log = logging.getLogger(__name__)


def choose_provider(asked: Provider) -> str:
    """Return the execution provider to try for ``asked``.

    The list of compiled-in providers does not say what works, so a driver has to be there too.

    Raises:
        UsageError: ``asked`` is none of auto, cpu, cuda.
        DeviceError: cuda was asked for and the runtime or the driver has none.
    """
    if asked not in get_args(Provider):
        raise UsageError(f"provider {asked!r}: accepted are {', '.join(get_args(Provider))}")
    if asked == "cpu":
        return CPU
    missing = _cuda_missing()
    if missing and asked == "cuda":
        raise DeviceError(f"provider cuda: {missing}. Use provider auto or cpu, or install it: {_INSTALL}")
    return CPU if missing else CUDA


class Session(ort.InferenceSession):  # type: ignore[misc]
    """ONNX Runtime's session without its own fallback: that prints to stdout, which belongs to the caller's results.

    Newer versions can be told ``enable_fallback=0``; all of them look at the attribute that is overridden here.
    """

    @property
    def _enable_fallback(self) -> bool:
        return False

    @_enable_fallback.setter
    def _enable_fallback(self, asked: bool) -> None:
        """Leave it as it is, whatever the runtime asks for."""


def open_session(path: Path, provider: str, *, asked: Provider, threads: int = 1) -> ort.InferenceSession:
    """Open the model at ``path`` and verify that it runs where it was meant to.

    ``threads`` is 1 unless told otherwise: the callers run chunks side by side, which keeps each in its core's cache.

    Raises:
        ArtifactError: the file is not a model this runtime can load.
        DeviceError: cuda was asked for by name and the session runs elsewhere.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = Session(str(path), options, providers=_with_fallback(provider))
    # The runtime raises a dozen kinds, and plain errors for what it cannot even read.
    except Exception as error:
        if provider != CUDA or asked == "cuda":
            raise _refusal(path, provider, "load", error) from error
        _log.warning("CUDA failed (%s); scoring on the processor", error)
        return open_session(path, CPU, asked=asked, threads=threads)
    used = session.get_providers()[0]
    if used != provider:
        if asked == "cuda":
            raise DeviceError(f"provider cuda: the session runs on {used}; CUDA's libraries are missing. {_INSTALL}")
        _log.warning("a CUDA driver is here but its libraries are not; running on %s. %s", used, _INSTALL)
    return session


class GraphFile:
    """A session that is known to take and give what the runtime counts on.

    Attributes:
        path: the model. provider: where it runs.
    """

    def __init__(self, session: ort.InferenceSession, path: Path) -> None:
        self.session = session
        self.path = path
        self.provider = str(session.get_providers()[0])

    def require(self, inputs: Mapping[str, Spec], outputs: Mapping[str, Spec]) -> GraphFile:
        """Return this graph where it takes ``inputs`` and gives ``outputs``, among others.

        Raises:
            ArtifactError: it does not.
        """
        for wanted, found in ((inputs, self._said("inputs")), (outputs, self._said("outputs"))):
            for name, (kind, shape) in wanted.items():
                other, sizes = found.get(name, ("nothing", []))
                fits = other == kind and len(sizes) == len(shape)
                if not fits or any(size != want for size, want in zip(sizes, shape, strict=True) if want is not None):
                    raise ArtifactError(f"{self.path}: {name} is {other} {sizes}, not {kind} {shape}; export it again")
        return self

    def _said(self, which: Literal["inputs", "outputs"]) -> dict[str, tuple[str, list[Any]]]:
        try:
            said = self.session.get_inputs() if which == "inputs" else self.session.get_outputs()
            return {value.name: (_KINDS.get(value.type, value.type), value.shape) for value in said}
        except UnicodeDecodeError:
            raise ArtifactError(f"{self.path}: its {which} have names that are no text; export it again") from None

    def run(self, outputs: list[str], feeds: Mapping[str, NDArray[Any]], *, rows: int) -> list[NDArray[Any]]:
        """Return ``outputs``, each with ``rows`` rows.

        Raises:
            ArtifactError: the graph fails, or gives more or fewer rows.
        """
        try:
            found: list[NDArray[Any]] = self.session.run(outputs, dict(feeds))
        except Exception as error:
            raise _refusal(self.path, self.provider, "run", error) from error
        if any(len(values) != rows for values in found):
            raise ArtifactError(f"{self.path}: gives {[len(values) for values in found]} rows for {rows}; export again")
        return found


def _refusal(path: Path, provider: str, what: str, error: Exception) -> Exception:
    if provider == CUDA:
        return DeviceError(f"provider cuda: {error}")
    said = " ".join(str(error).split())[:300]
    return ArtifactError(f"{path}: ONNX Runtime cannot {what} it ({said}); export the bundle again")


def _with_fallback(provider: str) -> list[Any]:
    # TF32, the runtime's default on a card, keeps 10 bits of a factor: scores would differ from a processor's by 1e-3.
    return [CPU] if provider == CPU else [(provider, {"use_tf32": "0"}), CPU]


def _cuda_missing() -> str | None:
    """Say what CUDA lacks here, or None; loads its libraries where there is a driver."""
    if CUDA not in ort.get_available_providers():
        return "this onnxruntime was built without it"
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return "no NVIDIA driver is installed"
    if hasattr(ort, "preload_dlls"):
        # It prints what it cannot load; stdout belongs to the caller's results.
        with contextlib.redirect_stdout(io.StringIO()) as said:
            ort.preload_dlls()
        if said.getvalue():
            _log.info("onnxruntime: %s", said.getvalue().strip())
    return None
