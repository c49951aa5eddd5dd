"""What a declaration says, and what it refuses to be."""

import pytest

from lyceum.model.declared import UnknownTableError, declared, tables
from lyceum.model.table import Table, TableDeclarationError


@pytest.mark.parametrize("name", ["things", "platinum.things", "silver.Things", "silver.a;b"])
def test_a_name_without_a_known_layer_is_refused(name):
    with pytest.raises(TableDeclarationError, match=r"expected a table name like silver\."):
        Table(name=name, grain="", keys=(), columns="")


def test_every_table_is_declared_once_and_found_by_either_name():
    assert len({table.name for table in tables()}) == len(tables()) > 20
    assert declared("ops.quarantine") is declared("quarantine")


def test_an_unknown_table_is_named_with_those_there_are():
    with pytest.raises(UnknownTableError, match=r"found 'nix': one of bronze\.land"):
        declared("nix")
