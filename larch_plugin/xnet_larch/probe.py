"""``python -m xnet_larch.probe``: start a Larch session and call the command.

Run by ``xnet-onnx larch status`` in a process of its own, so that only the
startup file can have made the commands. Prints one JSON object as its last line.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xnet_onnx.bundle.load import load_bundle, read_verified

from .host import larch_module

__all__ = ["main", "probe"]


def probe() -> dict[str, Any]:
    """Call ``xnet_predict`` in a new session on the bundle's golden input.

    Returns
    -------
    dict
        commands (bool), works (bool), answer (str) and trouble (str), what Larch says of the
        startup file.
    """
    larch = larch_module()
    session = larch.Interpreter()
    session.run_init_scripts()
    trouble = _trouble(session)
    session.error = []
    return {"trouble": trouble, **_predict(larch, session)}


def _trouble(session: Any) -> str:
    """The first line of the startup file that Larch could not take."""
    if not session.error:
        return ""
    error = session.error[0]
    # Where a statement does not end, Larch names no line; it began at this one.
    line = int(error.lineno or 0) or int(session.input.curline)
    kind = getattr(error.exc, "__name__", "error")
    text = " ".join(str(error.expr or "").split())[:80]
    said = " ".join(str(error.msg or "").split())[:200]
    return f"line {line}{f' ({text})' if text else ''}: {kind}: {said}"


def _predict(larch: Any, session: Any) -> dict[str, Any]:
    if not session.symtable.has_symbol("xnet_predict"):
        return {"commands": False, "works": False, "answer": "the session has no command xnet_predict"}
    bundle = load_bundle()
    golden = json.loads(read_verified(bundle.path, "golden.json", bundle.card))
    group = larch.Group(name="probe", energy=np.array(golden["energy"]), mu=np.array(golden["norm"]))
    session.symtable.set_symbol("xnet_probe", group)
    # The golden input is an invented curve, which the domain may know for one.
    session.eval("xnet_predict(xnet_probe, force=True)")
    if session.error:
        _, text = session.error[0].get_error()
        return {"commands": True, "works": False, "answer": text.strip().splitlines()[-1]}
    shell = group.xnet.first_shell
    found = "no peak" if shell is None else f"first shell {shell.r:.2f} Angstrom"
    return {"commands": True, "works": True, "answer": f"{group.xnet.model}: {found} for the test spectrum"}


def main() -> None:
    """Print what `probe` found."""
    print(f"\n{json.dumps(probe())}", flush=True)


if __name__ == "__main__":
    main()
