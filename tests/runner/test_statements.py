"""SQL scripts and their statements."""

import pytest

from lyceum.local.runner.statements import statements


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\n;\nSELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'a;b', \"c;d\", `e;f`; SELECT 2", ["SELECT 'a;b', \"c;d\", `e;f`", "SELECT 2"]),
        (r"SELECT 'it\'s;'; SELECT r'\'; SELECT 3", [r"SELECT 'it\'s;'", r"SELECT r'\'", "SELECT 3"]),
        ("-- one; two\nSELECT 1; -- last; words\n", ["-- one; two\nSELECT 1"]),
        ("/* a; b */ SELECT 1 /* ; */; /* only */", ["/* a; b */ SELECT 1 /* ; */"]),
        ("SELECT CASE WHEN a THEN 1 END; SELECT 2", ["SELECT CASE WHEN a THEN 1 END", "SELECT 2"]),
        (
            "BEGIN DECLARE x INT; IF x > 1 THEN SET x = 2; END IF; END; SELECT 1;",
            ["BEGIN DECLARE x INT; IF x > 1 THEN SET x = 2; END IF; END", "SELECT 1"],
        ),
        ("  \n-- nothing\n", []),
    ],
)  # fmt: skip
def test_a_script_is_split_at_the_semicolons_between_statements(script, expected):
    assert list(statements(script)) == expected
