"""A small writer of ONNX graphs: operators in, one checked model file out, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

OPSET = 20
IR_VERSION = 10
PRODUCER = "recdiff-sdk"
FLOAT = int(TensorProto.FLOAT)
FLOAT16 = int(TensorProto.FLOAT16)
INT64 = int(TensorProto.INT64)
INT32 = int(TensorProto.INT32)
NUMPY_KINDS: dict[int, type[np.generic]] = {FLOAT: np.float32, FLOAT16: np.float16, INT64: np.int64, INT32: np.int32}

Shape = Sequence[int | str]


@dataclass
class Graph:
    """Collects nodes and constants; every method returns the name of its result."""

    name: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def input(self, name: str, kind: int, shape: Shape) -> str:
        """Declare an input."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, kind: int, shape: Shape) -> None:
        """Declare an output that is ``value``."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"{self.name}/{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, values: Any, kind: type[np.generic] = np.float32, name: str = "") -> str:
        """Add a constant; equal unnamed ones are stored once."""
        array = np.ascontiguousarray(np.asarray(values, dtype=kind))
        array = array.reshape(np.shape(values))
        label = name or self._label("c")
        if not name:
            for known, tensor in self.constants.items():
                if known.startswith(f"{self.name}/c") and _same(tensor, array):
                    return known
        self.constants[label] = onnx.numpy_helper.from_array(array, label)
        return label

    def table(self, name: str, file: str, kind: int, shape: Sequence[int]) -> str:
        """Add a constant whose values lie in ``file`` beside the model (external data, mapped when opened)."""
        tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
        length = int(np.prod(shape, dtype=np.int64)) * np.dtype(NUMPY_KINDS[kind]).itemsize
        for key, value in (("location", file), ("offset", "0"), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
        self.constants[name] = tensor
        return name

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one result."""
        result = self._label("v")
        self.nodes.append(helper.make_node(operation, list(inputs), [result], name=result, **attributes))
        return result

    def add_many(self, operation: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with ``count`` results."""
        results = [f"{self._label('v')}.{index}" for index in range(count)]
        self.nodes.append(helper.make_node(operation, list(inputs), results, name=results[0], **attributes))
        return results

    def linear(self, rows: str, weight: NDArray[Any], bias: NDArray[Any]) -> str:
        """Return rows @ weight.T + bias for a weight (out, in)."""
        return self.add("Gemm", rows, self.constant(weight.T), self.constant(bias))

    def silu(self, rows: str) -> str:
        """Return rows * sigmoid(rows)."""
        return self.add("Mul", rows, self.add("Sigmoid", rows))

    def proto(self) -> onnx.GraphProto:
        """Return the graph; constants in the order they were added."""
        return helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, list(self.constants.values()))

    def save(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the model and have it checked by path (shapes inferred, external data looked up).

        Raises:
            onnx.checker.ValidationError: where the graph is not valid ONNX.
        """
        model = helper.make_model(
            self.proto(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name=PRODUCER
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        path.write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(path), full_check=True)

    def _label(self, letter: str) -> str:
        return f"{self.name}/{letter}{len(self.nodes) + len(self.constants)}"


def _same(tensor: onnx.TensorProto, array: NDArray[Any]) -> bool:
    if tensor.data_location == TensorProto.EXTERNAL or tuple(tensor.dims) != array.shape:
        return False
    known = onnx.numpy_helper.to_array(tensor)
    return bool(known.dtype == array.dtype and np.array_equal(known, array))
