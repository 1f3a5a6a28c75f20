"""ONNX graphs and ONNX Runtime sessions, for every framework that makes or runs such models."""
