"""docs/expressions.md and the tables of results keep up with the language."""

import re
from pathlib import Path

import pytest
from language_results import RESULTS

from tracker.core.language.catalog import tables
from tracker.core.language.conditions import CONDITIONS
from tracker.core.language.functions import FUNCTIONS
from tracker.core.language.parse import parse

PAGE = Path(__file__).parent.parent / "docs" / "expressions.md"


def test_the_documentation_lists_functions_and_operators_as_they_are():
    assert PAGE.read_text(encoding="utf-8").endswith(tables()), (
        "run python -m tracker.core.language.catalog docs/expressions.md"
    )


@pytest.mark.parametrize("name", [*FUNCTIONS, *CONDITIONS])
def test_every_function_has_results_on_both_databases(name):
    assert any(re.search(rf"\b{name}\b", text) for text in RESULTS)


def test_examples_of_the_documentation_can_be_read():
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    examples = [line.partition("  --")[0] for block in blocks for line in block.splitlines()]

    assert len(examples) > 10
    for example in examples:
        assert parse(example).tree
