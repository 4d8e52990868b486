"""Words for messages."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, what: str, plural: str = "") -> str:
    """Number and word: "1 point", "3 points"."""
    return f"{number} {what if number == 1 else plural or what + 's'}"
