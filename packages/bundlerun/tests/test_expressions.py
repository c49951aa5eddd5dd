"""Conditions of tasks: https://docs.databricks.com/jobs/if-else.html"""

import pytest

from bundlerun.runner.errors import TaskError
from bundlerun.runner.expressions import comparison, loop_inputs


@pytest.mark.parametrize(
    ("left", "op", "right", "expected"),
    [
        ("12.0", "EQUAL_TO", "12", False),
        ("true", "EQUAL_TO", "true", True),
        ("a", "NOT_EQUAL", "b", True),
        ("12.0", "GREATER_THAN_OR_EQUAL", "12", True),
        ("10.0", "GREATER_THAN_OR_EQUAL", "12", False),
        ("9", "LESS_THAN", "10", True),
        ("1e3", "GREATER_THAN", "999", True),
        (" 5 ", "LESS_THAN_OR_EQUAL", "5", True),
    ],
)
def test_equality_compares_text_and_order_compares_numbers(left, op, right, expected):
    assert comparison(op, left, right) is expected


def test_an_operand_that_is_no_number_has_no_order():
    with pytest.raises(TaskError, match="expected a number to compare by LESS_THAN, found 'many'"):
        comparison("LESS_THAN", "many", "5")


def test_inputs_are_a_json_array():
    assert loop_inputs("[]") == []
    with pytest.raises(TaskError, match="expected inputs to be a JSON array, found 'a, b'"):
        loop_inputs("a, b")
