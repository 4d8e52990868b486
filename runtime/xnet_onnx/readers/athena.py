"""Athena projects: what Demeter writes (Perl) and the JSON form, with a parser of our own.

A project is data, but its Perl form is written to be evaluated. Nothing is
evaluated here: strings, numbers and brackets are read one by one, and everything
below the first level (hashes of beamline metadata) is stepped over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..edges import as_edge, as_element
from ..errors import ReadError
from ..spectrum import FloatArray
from .table import MAX_POINTS, MAX_VALUES, Table
from .text import decode, number

__all__ = ["parse_athena"]

MAX_GROUPS = 5000
MAX_ITEMS = 20_000
MAX_DEPTH = 64
MAX_STRING = 1_000_000
#: Of json.loads: an empty list in a list costs 64 bytes for 3 in the file.
MAX_JSON_BRACKETS = 100_000
MAX_JSON_VALUES = 1_500_000

_STATEMENT = re.compile(rb"[$@%](\w{1,40})[ \t]*=[ \t]*")
_TOKEN = re.compile(rb"\s*(?:(['\"])|(=>|[,()\[\]{};=])|([^\s,()\[\]{}'\"=;]{1,4096}))")
_LINE_END = re.compile(rb"[\r\n]+\s*|\Z")
_ESCAPED = re.compile(r"\\(?:x\{([0-9a-fA-F]{1,6})\}|(.))", re.DOTALL)
_ARRAYS = ("x", "y", "i0", "signal", "stddev")


def parse_athena(data: bytes, label: str) -> list[Table | ReadError]:
    """Parse an Athena project.

    Parameters
    ----------
    data : bytes
        Unpacked.
    label : str
        What to call the file in messages.

    Returns
    -------
    list of Table or ReadError
        One for each group, in the project's order; an error for a group that is
        no mu(E). The recorded energy shift is in `Table.energy_shift`, not yet in
        the values.

    Raises
    ------
    ReadError
        If the file is not a whole project.
    """
    is_json = data.lstrip()[:1] == b"{"
    groups = _json_groups(data) if is_json else _perl_groups(data)
    whole = is_json or re.search(rb"^1;", data[-4096:], re.MULTILINE) is not None
    noticed = () if whole else ("the project ends without its last line ('1;'): groups may be missing",)
    tables: list[Table | ReadError] = []
    used: dict[str, int] = {}
    for count, (name, arrays, args) in enumerate(groups, start=1):
        if count > MAX_GROUPS:
            raise ReadError(f"the project has more than {MAX_GROUPS} groups; split it")
        title = " ".join((args.get("label") or name or f"group {count}").split())[:100]
        used[title] = used.get(title, 0) + 1
        if used[title] > 1:
            title = f"{title} #{used[title]}"
        full = f"{label}:{title}"
        try:
            tables.append(_table(full, arrays, args, noticed))
        except ReadError as error:
            error.label = full
            tables.append(error)
    if not tables:
        raise ReadError("the Athena project holds no group; expected at least one: was it saved whole?")
    return tables


def _flag(args: dict[str, str], key: str) -> bool:
    return args.get(key, "0").strip().lower() not in ("", "0", "n", "no", "false", "none")


def _table(
    label: str, arrays: dict[str, FloatArray], args: dict[str, str], noticed: tuple[str, ...] = ()
) -> Table:
    kind = args.get("datatype", "").strip().lower()
    record = args.get("recordtype", "").strip().lower()
    what = ""
    if _flag(args, "is_chi") or "chi" in kind or "chi(" in record:
        what = "chi(k)"
    elif _flag(args, "is_diff") or "diff" in kind or "diff" in record:
        what = "a difference spectrum"
    elif _flag(args, "not_data"):
        what = "not data"
    elif _flag(args, "is_pixel"):
        what = "pixels without an energy calibration"
    elif "detector" in kind or "detector" in record or "background" in record or _flag(args, "is_bkg"):
        what = f"a {'background' if 'b' in record[:1] or _flag(args, 'is_bkg') else 'detector'} signal"
    if what:
        raise ReadError(f"the group is {what}; expected mu(E): choose another group of the project")
    if "x" not in arrays or "y" not in arrays:
        missing = "energies (x)" if "x" not in arrays else "mu (y)"
        raise ReadError(f"the group holds no {missing}; expected the arrays x and y: save the project again")
    x, y = arrays["x"], arrays["y"]
    if x.size != y.size or x.size == 0:
        raise ReadError(
            f"the group holds {x.size} energies and {y.size} values of mu; expected as many: save the "
            "project again"
        )
    shift = number(args.get("bkg_eshift", "0").strip() or "0")
    if shift is None or not abs(shift) < 1000.0:
        raise ReadError(
            f"the group records an energy shift of {args.get('bkg_eshift', '')[:40]!r}; expected a "
            "number of eV "
            "below 1000: correct it in Athena"
        )
    metadata = {}
    element = as_element(args.get("bkg_z", "") or args.get("atsym", ""))
    # Athena writes H where it never looked.
    if element is not None and element not in ("H", "He"):
        metadata["element.symbol"] = element
    edge = as_edge(args.get("fft_edge", "") or args.get("edge", ""))
    if edge is not None:
        metadata["element.edge"] = edge
    warnings = ("normalised in the project",) if _flag(args, "is_nor") else ()
    return Table(
        values=np.column_stack([x, y]),
        labels=("energy", "mu"),
        units=("", ""),
        metadata=metadata,
        label=label,
        format="Athena",
        energy_shift=shift,
        warnings=noticed + warnings,
    )


def _unescaped(raw: bytes, double: bool = False) -> str:
    text = decode(raw)
    if "\\" not in text:
        return text

    def one(found: re.Match[str]) -> str:
        if found.group(1):
            point = int(found.group(1), 16)
            return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else "?"
        letter = found.group(2) or ""
        if double:
            return {"n": "\n", "t": "\t", "r": "\r"}.get(letter, letter)
        return letter if letter in "'\\" else "\\" + letter

    return _ESCAPED.sub(one, text)


Group = tuple[str, dict[str, FloatArray], dict[str, str]]


def _perl_groups(data: bytes) -> Iterator[Group]:
    """Go through the records of the Perl form."""
    position, end = 0, len(data)
    name = ""
    arrays: dict[str, FloatArray] = {}
    args: dict[str, str] = {}
    while position < end:
        statement = _STATEMENT.match(data, position)
        if statement is None:
            if data.startswith(b"[record]", position):
                yield name, arrays, args
                name, arrays, args = "", {}, {}
            position = _next_line(data, position)
            continue
        key = statement.group(1).decode("ascii", "replace")
        position = statement.end()
        if key in _ARRAYS:
            values, position = _numbers(data, position, key)
            arrays[key] = values
        elif key in ("args", "old_group"):
            items, position = _items(data, position)
            if key == "old_group":
                name = str(items[0] or "") if items else ""
            else:
                pairs = zip(items[::2], items[1::2], strict=False)
                args = {str(word): "" if value is None else value for word, value in pairs}
        else:
            _, position = _items(data, position, keep=False)
        position = _next_line(data, position)
    if name or arrays or args:
        raise ReadError(
            f"the project ends inside the group {name[:40] or 'without a name'!r}; expected '[record]' "
            "after each "
            "group: the file is cut short, copy it again"
        )


def _next_line(data: bytes, position: int) -> int:
    found = _LINE_END.search(data, position)
    return len(data) if found is None else max(found.end(), position + 1)


def _tokens(data: bytes, position: int) -> Iterator[tuple[str, bytes, int]]:
    """Go through the tokens of one value: what it is, its bytes, where it ends."""
    while True:
        found = _TOKEN.match(data, position)
        if found is None:
            raise _damaged()
        position = found.end()
        quote, mark, bare = found.groups()
        if quote is not None:
            end = _end_of_string(data, position, quote)
            yield ("single" if quote == b"'" else "double"), data[position:end], end + 1
            position = end + 1
        elif mark is not None:
            yield "mark", mark, position
        else:
            yield "bare", bare, position


def _damaged() -> ReadError:
    return ReadError(
        "the Athena project is damaged: a string or a list does not end; expected a whole project: save "
        "or copy it "
        "again"
    )


def _end_of_string(data: bytes, start: int, quote: bytes) -> int:
    """Find the quote that ends a string: one with an even number of backslashes before it."""
    position, last = start, min(len(data), start + MAX_STRING)
    while True:
        end = data.find(quote, position, last)
        if end < 0:
            raise _damaged()
        bare = end
        while bare > start and data[bare - 1] == 0x5C:
            bare -= 1
        if (end - bare) % 2 == 0:
            return end
        position = end + 1


def _items(data: bytes, position: int, keep: bool = True) -> tuple[list[str | None], int]:
    """Read one value or list; what is nested in the list counts as one item, None."""
    items: list[str | None] = []
    depth = 0
    for kind, raw, after in _tokens(data, position):
        if kind == "mark":
            if raw in (b"(", b"[", b"{"):
                depth += 1
                if depth > MAX_DEPTH:
                    raise ReadError(
                        f"the Athena project nests lists more than {MAX_DEPTH} deep; it is damaged"
                    )
                if depth == 2:
                    items.append(None)
            elif raw in (b")", b"]", b"}"):
                depth -= 1
            if depth <= 0 and raw in (b")", b"]", b"}", b";"):
                return items, after
            continue
        if depth <= 1 and keep:
            text = _unescaped(raw, kind == "double") if kind != "bare" else decode(raw)
            items.append(None if kind == "bare" and text == "undef" else text)
        if len(items) > MAX_ITEMS:
            raise ReadError(
                f"a group of the Athena project has more than {MAX_ITEMS} parameters; it is damaged"
            )
    raise AssertionError  # pragma: no cover - _tokens has no end


def _numbers(data: bytes, position: int, key: str) -> tuple[FloatArray, int]:
    """Read a list of numbers."""
    values: list[float] = []
    depth = 0
    for kind, raw, after in _tokens(data, position):
        if kind == "mark":
            depth += (raw == b"(") - (raw == b")")
            if raw not in (b"(", b")", b",", b";"):
                raise ReadError(
                    f"the array {key} of the Athena project holds {decode(raw)!r}; expected numbers"
                )
            if depth <= 0 and raw in (b")", b";"):
                return np.array(values, dtype=np.float64), after
            continue
        value = number(decode(raw[:80]).strip())
        if value is None:
            raise ReadError(
                f"the array {key} of the Athena project holds {decode(raw[:40])!r}; expected numbers: "
                "save it again"
            )
        values.append(value)
        if len(values) > MAX_POINTS:
            raise ReadError(f"the array {key} has more than {MAX_POINTS} values; expected one scan")
    raise AssertionError  # pragma: no cover - _tokens has no end


def _mended(text: str) -> str:
    """Turn a Latin-1 reading of UTF-8 back."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _json_groups(data: bytes) -> Iterator[Group]:
    """Go through the groups of the JSON form."""
    import json

    brackets = data.count(b"[") + data.count(b"{")
    if brackets > MAX_JSON_BRACKETS or data.count(b",") + data.count(b":") > MAX_JSON_VALUES:
        raise ReadError(
            f"the JSON project has {brackets} brackets and {data.count(b',')} commas; expected at most "
            f"{MAX_JSON_BRACKETS} and {MAX_JSON_VALUES}: split the project"
        )
    try:
        # Latin-1 keeps one byte a character; what was UTF-8 is turned back word by word.
        project = json.loads(data.decode("latin-1"))
    except (ValueError, RecursionError) as error:
        raise ReadError(
            f"the file looks like an Athena project in JSON and is not JSON ({str(error)[:80]}); "
            "expected a whole "
            "project: save or copy it again"
        ) from None
    if not isinstance(project, dict):
        raise ReadError("the JSON project is no object; expected one with a group a key")
    order = next((value for key, value in project.items() if key.startswith("_____order")), None)
    names = order if isinstance(order, list) else [key for key in project if not key.startswith("_____")]
    total = 0
    for key in names:
        group = project.get(key) if isinstance(key, str) else None
        if not isinstance(group, dict):
            continue
        arrays = {}
        for part in _ARRAYS[:2]:
            values = _json_array(group.get(part), part)
            if values is not None:
                arrays[part] = values
                total += values.size
        if total > MAX_VALUES:
            raise ReadError(f"the JSON project holds more than {MAX_VALUES} values; split it")
        given: Any = group.get("args")
        pairs: list[tuple[Any, Any]] = []
        if isinstance(given, dict):
            pairs = list(given.items())
        elif isinstance(given, list):
            pairs = list(zip(given[::2], given[1::2], strict=False))
        args = {
            str(word): _mended(str(value)) if isinstance(value, str | int | float) else ""
            for word, value in pairs[:MAX_ITEMS]
        }
        yield _mended(key), arrays, args


def _json_array(values: object, part: str) -> FloatArray | None:
    if not isinstance(values, list):
        return None
    if len(values) > MAX_POINTS:
        raise ReadError(f"the array {part} has more than {MAX_POINTS} values; expected one scan")
    found = [number(value.strip()) if isinstance(value, str) else value for value in values]
    try:
        if any(isinstance(value, list | dict) or value is None for value in found):
            raise ValueError
        return np.array([float(value) for value in found if value is not None], dtype=np.float64)
    except (ValueError, OverflowError, TypeError):
        raise ReadError(
            f"the array {part} of the JSON project is not all numbers; save the project again"
        ) from None
