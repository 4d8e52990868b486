"""The local server of the page: what it answers, and to whom."""

from __future__ import annotations

import importlib
import importlib.util
import re
import secrets
import socket
import webbrowser
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from threading import Thread
from typing import Any

from ..bundle.load import Bundle
from ..errors import MissingExtraError, OutputError
from .uploads import MAX_TOTAL_BYTES

__all__ = ["LOCAL", "Served", "serve"]

LOCAL = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::", "")
#: Files come in one message, in base64.
MAX_MESSAGE_BYTES = MAX_TOTAL_BYTES * 3 // 2


class Served:
    """A page that is being served.

    Parameters
    ----------
    url : str
        With the token.
    server : bokeh.server.server.BaseServer
    """

    def __init__(self, url: str, server: Any) -> None:
        self.url = url
        self.server = server

    def run(self) -> None:
        """Serve until interrupted."""
        try:
            self.server.io_loop.start()
        except KeyboardInterrupt:
            pass
        finally:
            self.server.stop()


def serve(bundles: Sequence[Bundle], *, address: str = LOCAL, port: int = 0, browser: bool = True) -> Served:
    """Start to serve the page.

    Everything lies under a random token; a request with a Host that is not this
    computer's is not answered, nor a connection from another Origin; the browser
    is told to ask no other host for anything.

    Parameters
    ----------
    bundles : sequence of Bundle
        To choose from; the first is used.
    address : str
        Where to listen.
    port : int
        0 is any that is free.
    browser : bool
        Open it.

    Returns
    -------
    Served

    Raises
    ------
    MissingExtraError
        If panel is not installed.
    OutputError
        If the address and port are not free.
    """
    if importlib.util.find_spec("panel") is None:
        raise MissingExtraError('the page needs panel; install it with: pip install "xnet-onnx[page]"')
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(port, address or None)
    except OSError as error:
        raise OutputError(
            f"{address}:{port} cannot be listened on ({error.strerror or error}); expected an address of "
            "this computer and a free port: choose another --address or --port"
        ) from error
    port = sockets[0].getsockname()[1]
    hosts = _hosts(address)
    token = secrets.token_urlsafe(24)
    url = f"http://{hosts[0]}:{port}/{token}/"
    if browser:
        # It starts while we do; what it asks for waits in the socket.
        webbrowser.open(url)
    return Served(url, _start(bundles, sockets, [_in_url(host) for host in hosts], port, token))


def _hosts(address: str) -> list[str]:
    """The names that this computer is called by, in the Host of a request."""
    if address == LOCAL:
        return [LOCAL, "localhost"]
    if address in EVERYWHERE:
        return [socket.getfqdn(), socket.gethostname(), LOCAL, "localhost"]
    return [address]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@cache
def _load_pandas() -> None:
    """Load what the table of several spectra needs and the first answer does not, beside all else."""
    Thread(target=importlib.import_module, args=("pandas",), daemon=True).start()


def _template() -> str:
    room = files(__package__)
    page = room.joinpath("page.html").read_text(encoding="utf-8")
    script = room.joinpath("drop.js").read_text(encoding="utf-8")
    return page.replace("{{ MAX_BYTES }}", str(MAX_TOTAL_BYTES)).replace("DROP_JS", script)


def _start(
    bundles: Sequence[Bundle], sockets: list[socket.socket], hosts: list[str], port: int, token: str
) -> Any:
    """Put the page behind its token and its hosts."""
    import panel as pn
    from bokeh.server.server import BaseServer
    from bokeh.server.tornado import BokehTornado
    from panel.io.application import build_applications
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop
    from tornado.routing import HostMatches, Rule, RuleRouter
    from tornado.web import OutputTransform

    from .view import View, warm

    class Guarded(OutputTransform):
        """Headers that keep the page to itself."""

        def __init__(self, request: Any) -> None:
            self.host = request.host

        def transform_first_chunk(
            self, status_code: int, headers: Any, chunk: bytes, finishing: bool
        ) -> tuple[int, Any, bytes]:
            headers["Content-Security-Policy"] = (
                "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' "
                "'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' "
                f"ws://{self.host} data: blob:; worker-src 'self' blob:; base-uri 'none'; "
                "form-action 'none'; frame-ancestors 'none'; object-src 'none'"
            )
            headers["Referrer-Policy"] = "no-referrer"
            headers["X-Content-Type-Options"] = "nosniff"
            return status_code, headers, chunk

    pn.extension("tabulator")
    template = _template()
    warm(bundles[0])

    def page() -> Any:
        view = View(bundles)
        # When this document is sent, the browser has half a second of scripts to read.
        IOLoop.current().call_later(0, _load_pandas)
        pn.state.curdoc.template = template
        info = pn.state.browser_info
        info.param.watch(lambda event: view.darken(bool(event.new)), "dark_mode")
        return view.layout

    application = BokehTornado(
        build_applications(page, title="xnet-onnx", location=False),
        prefix=token,
        extra_websocket_origins=[f"{host}:{port}" for host in hosts],
        use_index=False,
        redirect_root=False,
        websocket_max_message_size_bytes=MAX_MESSAGE_BYTES,
        transforms=[Guarded],
    )
    # The pattern is matched from the start, and has to say itself where it ends.
    known = f"(?:{'|'.join(re.escape(host) for host in hosts)})$"
    http = HTTPServer(RuleRouter([Rule(HostMatches(known), application)]))
    http.add_sockets(sockets)
    server = BaseServer(IOLoop.current(), application, http)
    server.start()
    return server
