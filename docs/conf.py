"""The documentation site: scripts/docs builds it, offline, with warnings as errors."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from generate import write_pages

from xnet_onnx import __version__

ROOT = Path(__file__).parents[1]

project = "xnet-onnx"
author = copyright = "The xnet-onnx developers"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_click",
]
exclude_patterns = ["_build", "gallery/*.ipynb", "report/sections"]
html_theme = "furo"
html_title = f"xnet-onnx {__version__}"
html_copy_source = False
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"


sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "gallery"),
    "gallery_dirs": "gallery",
    "ignore_pattern": r"__init__\.py" if find_spec("larch") else r"__init__\.py|larch",
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "generate.quiet"),
    "show_memory": False,
    "write_computation_times": False,
    "capture_repr": (),
    # A picture follows the model, not its own script alone.
    "run_stale_examples": True,
}


def setup(app: Any) -> None:
    """Write the pages that come from the models and the code, before they are read."""
    from pygments.lexers.python import PythonConsoleLexer

    write_pages(Path(__file__).parent)
    app.add_lexer("larch", PythonConsoleLexer)
