"""Who is answered, and what the page says to the browser; no browser is needed."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow


def ask(
    url: str, path: str | None = None, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    connection.request(method, parts.path if path is None else path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, body


def upgrade(url: str, **headers: str) -> int:
    """Ask for the connection that the page is run over."""
    wanted = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "bokeh, none",
    }
    return ask(url, urlsplit(url).path + "ws", **(wanted | headers))[0]


def test_the_page_is_there_and_names_no_other_host(url: str) -> None:
    status, headers, body = ask(url)
    assert status == 200
    own = urlsplit(url).netloc
    outside = [
        found for found in re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"']*", body) if own not in found
    ]
    assert outside == []
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert headers["referrer-policy"] == "no-referrer"


def test_without_the_token_there_is_nothing(url: str) -> None:
    for path in (
        "/",
        "/ws",
        "/static/js/bokeh.min.js",
        "/static/extensions/panel/panel.min.js",
        "/autoload.js",
    ):
        assert ask(url, path)[0] == 404, path


def test_another_token_opens_nothing(url: str) -> None:
    token = urlsplit(url).path.strip("/")
    assert len(token) >= 32
    assert ask(url, f"/{token[:-1]}{'a' if token[-1] != 'a' else 'b'}/")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.1"])
def test_another_host_is_refused(url: str, host: str) -> None:
    assert ask(url, Host=host)[0] == 404
    assert upgrade(url, Host=host, Origin=f"http://{host}") == 404


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null"])
def test_another_origin_is_refused(url: str, origin: str) -> None:
    assert upgrade(url, Origin=origin) == 403


def test_it_listens_here_only(url: str) -> None:
    assert urlsplit(url).hostname == "127.0.0.1"
