"""The ONNX graphs."""
