"""SQL scripts and their statements."""

import pytest

from bundlerun.sql_text import statements, with_values


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
        (
            "BEGIN TRANSACTION; INSERT INTO t VALUES (1); COMMIT;",
            ["BEGIN TRANSACTION", "INSERT INTO t VALUES (1)", "COMMIT"],
        ),
        ("  \n-- nothing\n", []),
    ],
)  # fmt: skip
def test_a_script_is_split_at_the_semicolons_between_statements(script, expected):
    assert list(statements(script)) == expected


def test_parameters_stand_outside_texts_comments_casts_and_paths():
    statement = "SELECT :a, ':b', 1::int, payload:field, list[0]:item -- :c\nWHERE x = :d_1"
    names = ("a", "b", "int", "field", "item", "c", "d_1")
    assert with_values(statement, dict.fromkeys(names, "!")) == (
        "SELECT '!', ':b', 1::int, payload:field, list[0]:item -- :c\nWHERE x = '!'"
    )
