"""What a declaration says, and what it refuses to be."""

from dataclasses import replace

import pytest

from lyceum.table import Table, TableDeclarationError, quoted
from lyceum.tables import TABLES, UnknownTableError, declared

EVENTS = Table(
    name="silver.things",
    grain="one row per learner's thing",
    keys=("id",),
    columns="id STRING NOT NULL COMMENT 'Identifier'",
)


def test_the_statement_has_columns_clustering_grain_and_properties():
    table = replace(EVENTS, deletion_vectors=True)
    assert table.create_statement("`c`.`s`.`things`", "/tables/things") == (
        "CREATE TABLE IF NOT EXISTS `c`.`s`.`things` (id STRING NOT NULL COMMENT 'Identifier') "
        "USING DELTA CLUSTER BY (`id`) COMMENT 'one row per learner\\'s thing' "
        "LOCATION '/tables/things' TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')"
    )


def test_a_managed_table_has_no_location():
    assert "LOCATION" not in EVENTS.create_statement("`c`.`s`.`things`")


def test_a_table_without_scattered_changes_sets_no_property():
    assert "TBLPROPERTIES" not in EVENTS.create_statement("`c`.`s`.`things`")


@pytest.mark.parametrize("name", ["things", "platinum.things", "silver.Things", "silver.a;b"])
def test_a_name_without_a_known_layer_is_refused(name):
    with pytest.raises(TableDeclarationError, match=r"expected a table name like silver\."):
        Table(name=name, grain="", keys=(), columns="")


@pytest.mark.parametrize("part", ["", "a b", "a`b", "a.b", "a;"])
def test_an_identifier_that_is_none_never_enters_sql(part):
    with pytest.raises(TableDeclarationError, match="expected an identifier"):
        quoted("catalog", part)


def test_every_table_is_declared_once_and_found_by_either_name():
    assert len({table.name for table in TABLES}) == len(TABLES)
    assert declared("ops.quarantine") is declared("quarantine")


def test_an_unknown_table_is_named_with_those_there_are():
    with pytest.raises(UnknownTableError, match=r"found 'nix': one of bronze\.lms_events"):
        declared("nix")
