"""The ONNX folder: its graphs, tables, manifest, and the parity they were written with."""
