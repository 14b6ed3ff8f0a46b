# The main job, on a sample with planted fake ties.
recdiff-sdk sample data/
recdiff-sdk fit data/
recdiff-sdk export --onnx
recdiff-sdk clean-edges --threshold 0.3
recdiff-sdk recommend --k 20
