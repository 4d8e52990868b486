import importlib.util
import re

import pytest

from .helpers import REPOSITORY

pytestmark = pytest.mark.slow


def test_the_transcripts_of_the_page_run(larch):
    spec = importlib.util.spec_from_file_location("transcripts", REPOSITORY / "docs" / "transcripts.py")
    transcripts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(transcripts)
    page = (REPOSITORY / "docs" / "larch.md").read_text(encoding="utf-8")
    found = transcripts.rerun(page)
    errors = re.findall(r"^.*\b\w*Error\b: .*$", found, re.MULTILINE)
    assert len(errors) == 1, errors  # the one that the page shows
    assert "no energy or no mu" in errors[0]
    commands = re.compile(r"^(?:>>> |larch> |\$ ).*$", re.MULTILINE)
    assert commands.findall(found) == commands.findall(page)
    assert transcripts.BLOCK.sub("", found) == transcripts.BLOCK.sub("", page)
