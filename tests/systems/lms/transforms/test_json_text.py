"""Values are found in JSON texts, and told apart, alike on every engine."""

from pyspark.sql import functions as F

from lyceum.systems.lms.json_text import is_json_object, is_nested, is_object, items, kind, scalar
from tables import assert_rows, draw

VALUES = """
    json                                 | kind    | scalar                         | nested:boolean
    {"a":{"b":"x"}}                      | STRING  | x                              | false
    {"a":{"b":""}}                       | STRING  |                                | false
    {"a":{"b":"12"}}                     | STRING  | 12                             | false
    {"a":{"b":"1.5"}}                    | STRING  | 1.5                            | false
    {"a":{"b":"true"}}                   | STRING  | true                           | false
    {"a":{"b":"null"}}                   | STRING  | null                           | false
    {"a":{"b":"NaN"}}                    | STRING  | NaN                            | false
    {"a":{"b":"{}"}}                     | STRING  | {}                             | false
    {"a":{"b":"[1]"}}                    | STRING  | [1]                            | false
    {"a":{"b":"{\\"b\\":1}"}}            | STRING  | {"b":1}                        | false
    {"a":{"b":"\\u00dc \\"q\\" 🎓 \\/"}} | STRING  | Ü "q" 🎓 /                     | false
    {"a":{"b":12}}                       | BIGINT  | 12                             | false
    {"a":{"b":-12}}                      | BIGINT  | -12                            | false
    {"a":{"b":9223372036854775808}}      | BIGINT  | 9223372036854775808            | false
    {"a":{"b":123456789012345678901234567890}} | BIGINT | 123456789012345678901234567890 | false
    {"a":{"b":1.5}}                      | DOUBLE  | 1.5                            | false
    {"a":{"b":12.0}}                     | DOUBLE  | 12.0                           | false
    {"a":{"b":true}}                     | BOOLEAN | true                           | false
    {"a":{"b":false}}                    | BOOLEAN | false                          | false
    {"a":{"b":{}}}                       | OBJECT  | NULL                           | true
    {"a":{"b": { "c" : 1 } }}            | OBJECT  | NULL                           | true
    {"a":{"b":[]}}                       | ARRAY   | NULL                           | true
    {"a":{"b":[{"b":1}]}}                | ARRAY   | NULL                           | true
    {"a":{"b":null}}                     | NULL    | NULL                           | false
    {"a":{}}                             | NULL    | NULL                           | false
    {"a":"b"}                            | NULL    | NULL                           | false
    {"a":[{"b":1}]}                      | NULL    | NULL                           | false
    {"A":{"B":1}}                        | NULL    | NULL                           | false
    [{"a":{"b":1}}]                      | NULL    | NULL                           | false
    12                                   | NULL    | NULL                           | false
    nonsense                             | NULL    | NULL                           | false
    NULL                                 | NULL    | NULL                           | false
"""


def test_a_value_at_a_path_has_a_kind_and_a_text(spark):
    """Text is told from a number, null counts as nothing, and no digit of a number is lost."""
    json = F.col("json")
    found = draw(spark, VALUES).select(
        "json",
        kind(json, "a.b").alias("kind"),
        scalar(json, "a.b").alias("scalar"),
        is_nested(json, "a.b").alias("nested"),
    )
    assert_rows(found, VALUES)


def test_a_path_may_have_any_letters(spark):
    written = draw(spark, 'json \n {"a b":{"c-d":"x","Ü_1":7}}')
    found = written.select(
        scalar(F.col("json"), "a b.c-d").alias("c"), kind(F.col("json"), "a b.Ü_1").alias("u")
    )
    assert_rows(found, "c | u \n x | BIGINT")


def test_the_elements_of_a_list_are_json_texts(spark):
    """What looks like an object but is a string is none; long numbers keep their digits."""
    written = draw(
        spark,
        r"""
        json
        {"l":[{"id":"s1"},"{\"id\":\"s2\"}","s3",null,[],{ "id" : 12345678901234567890123 }]}
        """,
    )
    element = F.explode(items(F.col("json"), "l")).alias("element")
    found = written.select(element).select(
        F.trim("element").alias("element"),
        is_object(F.col("element")).alias("is_object"),
        scalar(F.when(is_object(F.col("element")), F.col("element")), "id").alias("id"),
    )
    assert_rows(
        found,
        """
        element                        | is_object | id
        {"id":"s1"}                    | true      | s1
        {"id":"s2"}                    | false     | NULL
        s3                             | false     | NULL
        NULL                           | false     | NULL
        []                             | false     | NULL
        {"id":"12345678901234567890123"} | true    | 12345678901234567890123
        """,
    )


def test_only_a_whole_number_outside_of_strings_becomes_a_string(spark):
    """A title that mentions a long number, even in JSON's own writing, stays as it is."""
    title = r"no. 12345678901234567890, \": -12345678901234567890,\\"
    written = spark.createDataFrame(
        [
            (
                f'{{"l":[{{"title":"{title}","f":1.12345678901234567890123,"n":-1234567890123456789}}]}}',
            )
        ],
        "json STRING",
    )
    element = items(F.col("json"), "l")[0]
    found = written.select(
        scalar(element, "title").alias("title"),
        kind(element, "f").alias("f"),
        scalar(element, "n").alias("n"),
    ).collect()[0]
    assert found.title == 'no. 12345678901234567890, ": -12345678901234567890,\\'
    assert (found.f, found.n) == ("DOUBLE", "-1234567890123456789")


def test_there_are_no_elements_where_there_is_no_list(spark):
    written = draw(
        spark,
        """
        json
        {"a":{"l":[]}}
        {"a":{"l":{}}}
        {"a":{"l":"[1]"}}
        {"a":{"l":null}}
        {"a":[{"l":[1]}]}
        []
        NULL
        """,
    )
    found = written.select("json", F.size(items(F.col("json"), "a.l")).alias("size"))
    assert found.where(F.col("size") >= 0).count() == 1
    assert found.where(F.col("size") == 0).collect()[0].json == '{"a":{"l":[]}}'


def test_a_text_that_is_no_object_or_too_deep_is_not_readable(spark):
    deep = '{"a":' * 1100 + "1" + "}" * 1100
    texts = {"{}": True, '{"a":[1,{}]}': True, "[]": False, "x": False, '{"a":': False, "": False}
    rows = [(text, expected) for text, expected in {**texts, deep: False}.items()]
    written = spark.createDataFrame(rows, "json STRING, expected BOOLEAN")
    found = written.where(is_json_object(F.col("json")) != F.col("expected"))
    assert found.isEmpty()
