"""Several groups that Athena saved to one file: the energies and a column a group.

The header is XDI's, and says what the columns are
(``Demeter.output_filetype: multicolumn normalized mu(E)``). Its fields ``Column.N`` count
a column that is not there; the line of labels above the data is right.
"""

from __future__ import annotations

import re

from ..errors import ReadError
from ..wording import counted
from .table import Table
from .text import to_rows
from .xdi import rows_of

__all__ = ["is_multicolumn", "parse_multicolumn"]

_KIND = re.compile(rb"^[#%; \t]*Demeter\.output_filetype:[ \t]*multicolumn\b", re.MULTILINE | re.IGNORECASE)
_FIELD = "demeter.output_filetype"


def is_multicolumn(data: bytes) -> bool:
    """Whether Athena says in the header that it saved several groups."""
    return _KIND.search(data[:20_000].replace(b"\r", b"\n")) is not None


def parse_multicolumn(data: bytes, label: str) -> list[Table]:
    """Parse a file of several groups.

    Parameters
    ----------
    data : bytes
    label : str
        What to call the file in messages.

    Returns
    -------
    list of Table
        One; `Table.spectra` are the columns of the groups.

    Raises
    ------
    ReadError
        If the columns are neither mu(E) nor normalised mu(E), or their names are
        missing.
    """
    metadata: dict[str, str] = {}
    values, numbers = to_rows(rows_of(data, metadata), None)
    what = " ".join(metadata.get(_FIELD, "").lower().removeprefix("multicolumn").split())
    if what not in ("mu(e)", "normalized mu(e)"):
        raise ReadError(
            f"the columns are the {what[:60] or 'unnamed'} of several groups; expected mu(E) or normalized "
            "mu(E): save the groups again as one of these, or give the project (.prj)"
        )
    words = metadata.pop("label line", "").split()
    count = values.shape[1]
    if len(words) != count or count < 2:
        raise ReadError(
            f"the line of labels has {counted(len(words), 'word')} and line {numbers[0]} has "
            f"{counted(count, 'value')}; expected the energy and a name a group: mend the line above the data"
        )
    normalized = what.startswith("normalized")
    return [
        Table(
            values=values,
            labels=("energy", *words[1:]),
            units=("eV", *("",) * (count - 1)),
            metadata=metadata,
            label=label,
            format="Athena, several groups",
            lines=numbers,
            warnings=("normalised in the file",) if normalized else (),
            spectra=tuple(range(1, count)),
            note="normalised in the file" if normalized else "",
        )
    ]
