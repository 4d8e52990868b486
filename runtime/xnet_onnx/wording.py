"""Words for messages, and what comes from a file made fit for a terminal."""

from __future__ import annotations

__all__ = ["counted", "printable"]


def counted(number: int, what: str, plural: str = "") -> str:
    """Number and word: "1 point", "3 points"."""
    return f"{number} {what if number == 1 else plural or what + 's'}"


def printable(text: str) -> str:
    r"""One line of valid text without control characters, whatever a file or its name holds.

    Control characters, line ends, marks that turn the direction of writing and bytes
    that are no text come out as escapes (``\x1b``, ``\x202e``); letters of any
    language stay. Every error of ours and every label, column name and field that
    comes from a file passes through here.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
