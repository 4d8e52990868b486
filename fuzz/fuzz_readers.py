"""Coverage-guided fuzzing of the readers: any bytes give a spectrum or one of our errors.

    python fuzz/fuzz_readers.py TARGET [CORPUS] [libFuzzer options, such as -max_total_time=600]

TARGET is any (chosen by content), xdi, columns, athena, hdf5 or onnx. Needs atheris
(not in the test extra; not run by CI). docs/formats.md records what has been run.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["xnet_onnx"]):
    from xnet_onnx.bundle.check import check_model
    from xnet_onnx.errors import XnetError
    from xnet_onnx.readers import read_bytes
    from xnet_onnx.readers.absorption import Choice, to_spectrum
    from xnet_onnx.readers.athena import parse_athena
    from xnet_onnx.readers.columns import parse_columns
    from xnet_onnx.readers.nexus import read_hdf5
    from xnet_onnx.readers.xdi import parse_xdi

CHOICES = (None, Choice(mu_column="ln(2/3)"), Choice(energy_column="1", mu_column="2"))


def spectra(tables: list) -> None:
    """Take the rules over every table that was read."""
    for table in tables[:4]:
        if isinstance(table, XnetError):
            continue
        for choice in CHOICES:
            with contextlib.suppress(XnetError):
                to_spectrum(table, choice)


def parse_any(data: bytes, label: str) -> list:
    """Read by content."""
    read_bytes(data, label)
    return []


def parse_onnx(data: bytes, label: str) -> list:
    """Walk a model file."""
    check_model(data, label, inputs=475, output=(2, 50))
    return []


TARGETS = {
    "any": parse_any,
    "xdi": lambda data, label: [parse_xdi(data, label)],
    "columns": parse_columns,
    "athena": parse_athena,
    "hdf5": read_hdf5,
    "onnx": parse_onnx,
}


def main() -> None:
    """Run one target until libFuzzer stops it."""
    parse = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        with contextlib.suppress(XnetError):
            spectra(parse(data, "fuzz"))

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
