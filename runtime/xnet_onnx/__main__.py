"""``python -m xnet_onnx`` is ``xnet-onnx``."""

from .cli import main

main(prog_name="xnet-onnx")
