"""``xnet-onnx page``."""

from __future__ import annotations

import click

__all__ = ["page"]


@click.command()
@click.option(
    "--model", multiple=True, type=click.Path(), metavar="DIR", help="Bundle to use; may be repeated."
)
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 is any that is free."
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def page(model: tuple[str, ...], address: str, port: int, no_browser: bool) -> None:
    """Open a page in the browser to drop files on.

    Everything stays on this computer: the page is served to it alone, at an address
    that nobody else can guess. Interrupt (Ctrl-C) to end.
    """
    from ..threads import limit_threads

    limit_threads(1)
    from ..bundle.load import load_bundle
    from ..page.server import serve

    bundles = [load_bundle(folder) for folder in model or (None,)]
    served = serve(bundles, address=address, port=port, browser=not no_browser)
    click.echo(served.url)
    click.echo("The page is open until Ctrl-C is pressed here.", err=True)
    served.run()
