"""Making the functions commands of the Larch language.

Larch 2026.3 has no loader of plugins. An `Interpreter` fills its language from
``larch.builtins.init_builtins``; a running one takes a new core group, which is
what survives ``clear_session()`` and stays out of saved sessions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .functions import xnet_plot, xnet_predict, xnet_table
from .host import larch_module
from .projects import xnet_predict_project

__all__ = ["COMMANDS", "GROUP", "install"]

GROUP = "_xnet"
DOC = "Distances around an absorbing atom from its XANES spectrum (xnet-onnx)"

COMMANDS: dict[str, Callable[..., Any]] = {
    "xnet_plot": xnet_plot,
    "xnet_predict": xnet_predict,
    "xnet_predict_project": xnet_predict_project,
    "xnet_table": xnet_table,
}


def install(_larch: Any = None) -> None:
    """Add the commands to a Larch session, or to every one made from now on.

    Parameters
    ----------
    _larch : larch.Interpreter, optional
        A running session; without one, sessions that this process makes later
        get the commands.

    Raises
    ------
    MissingExtraError
        If Larch is not installed.
    """
    if _larch is None:
        builtins = larch_module("larch.builtins")
        builtins.init_builtins[GROUP] = dict(COMMANDS)
        builtins.init_moddocs[GROUP] = DOC
        return
    larch = larch_module()
    closure = larch_module("larch.closure").Closure
    symtable = _larch.symtable
    group = larch.Group(name=GROUP)
    group.__doc__ = DOC
    for name, function in COMMANDS.items():
        takes_session = "_larch" in inspect.signature(function).parameters
        setattr(group, name, closure(func=function, _larch=_larch) if takes_session else function)
    setattr(symtable, GROUP, group)
    if GROUP not in symtable._sys.core_groups:
        symtable._sys.core_groups = [*symtable._sys.core_groups, GROUP]
    symtable._fix_searchGroups(force=True)
