import importlib.util
import re

import pytest

from .helpers import REPOSITORY

pytestmark = pytest.mark.slow
SHOWN = {"docs/larch.md": ["no energy or no mu"]}


@pytest.fixture(scope="module")
def transcripts():
    spec = importlib.util.spec_from_file_location("transcripts", REPOSITORY / "docs" / "transcripts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md", "docs/larch.md"])
def test_the_transcripts_of_a_page_run(larch, transcripts, name):
    page = (REPOSITORY / name).read_text(encoding="utf-8")
    found = transcripts.rerun(page)
    assert name in transcripts.PAGES
    errors = re.findall(r"^.*(?:\b\w*Error\b|^Error): .*$", found, re.MULTILINE)
    expected = SHOWN.get(name, [])
    assert len(errors) == len(expected), errors  # those that the page shows
    assert all(words in error for words, error in zip(expected, errors, strict=True))
    commands = re.compile(r"^(?:>>> |larch> |\$ ).*$", re.MULTILINE)
    assert commands.findall(found) == commands.findall(page)
    assert transcripts.BLOCK.sub("", found) == transcripts.BLOCK.sub("", page)
