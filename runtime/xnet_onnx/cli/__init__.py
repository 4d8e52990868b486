"""The command line: ``xnet-onnx``, one file a command."""

from .group import main

__all__ = ["main"]
