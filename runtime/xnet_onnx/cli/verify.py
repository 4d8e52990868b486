"""``xnet-onnx verify``."""

from __future__ import annotations

import click

from ..wording import printable
from .options import examples, model_option
from .stdout import put

__all__ = ["verify"]


@click.command(epilog=examples("xnet-onnx verify", "xnet-onnx verify --model my_bundle"))
@model_option
def verify(model: str | None) -> None:
    """Check a model's files and re-run its golden input."""
    from ..bundle.load import load_bundle
    from .verification import verify_bundle

    bundle = load_bundle(model)
    done = verify_bundle(bundle)
    put(
        printable(
            f"{bundle.title}: {done.files} files as recorded; golden input within "
            f"{done.golden_difference:.1e}, members within {done.member_difference:.1e} of G2"
        )
    )
