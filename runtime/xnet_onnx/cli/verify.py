"""``xnet-onnx verify``."""

from __future__ import annotations

import click

from ..errors import XnetError
from ..wording import printable
from .options import examples, model_option
from .stdout import put

__all__ = ["verify"]


@click.command(epilog=examples("xnet-onnx verify", "xnet-onnx verify --model my_bundle"))
@model_option
def verify(model: str | None) -> None:
    """Check a model's files and re-run its golden input.

    Without --model the installed program too: which of its files are not those of its wheel.
    """
    from ..bundle.load import load_bundle
    from .verification import verify_bundle

    if model is None:
        _verify_installed()
    bundle = load_bundle(model)
    done = verify_bundle(bundle)
    put(
        printable(
            f"{bundle.title}: {done.files} files as recorded; golden input within "
            f"{done.golden_difference:.1e}, members within {done.member_difference:.1e} of G2"
        )
    )


#: Files that are named; of more, how many.
NAMED = 10


def _verify_installed() -> None:
    from ..installed import check_installed

    found = check_installed()
    if found.whole:
        compared = (
            f"{found.files} files as in its wheel" if found.files else "editable, no wheel to compare with"
        )
        put(f"xnet-onnx {found.version}: {compared}")
        return
    differ = [
        f"{name} {what}"
        for what, names in (
            ("was changed", found.changed),
            ("is missing", found.missing),
            ("was added", found.added),
        )
        for name in names
    ]
    more = f" and {len(differ) - NAMED} more" if len(differ) > NAMED else ""
    raise XnetError(
        printable(
            f"xnet-onnx {found.version} is not as its wheel was: {', '.join(differ[:NAMED])}{more}; expected "
            "the files of the release: reinstall xnet-onnx"
        )
    )
