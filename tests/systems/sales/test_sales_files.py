"""Which files of the shop's folder are loaded, and what makes one unusable as a whole."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lyceum.systems.sales.arrivals import BATCH_BYTES, _batches
from lyceum.systems.sales.source import (
    COLUMNS,
    SalesFile,
    SalesFolderError,
    content_of,
    sales_files,
)

HEADER = ",".join(COLUMNS).encode()


def file_with(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    return sales_files(tmp_path)[0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEADER, None),
        (HEADER + b"\n", None),
        (b"\xef\xbb\xbf" + HEADER + b"\r\n1,A,\xe2\x82\xac,1,2,3,4,5\r\n", None),
        (b'"InvoiceNo",' + HEADER.partition(b",")[2], None),
        (HEADER + b"\n" + b"x" * 3_000_000 + "é".encode(), None),
        (b"", "file_without_header"),
        (b"\n" + HEADER, "file_without_header"),
        (b"1,A,mug,6,2010-12-01 08:26:00,2.55,7.0,France\n", "file_without_header"),
        (HEADER + b",Extra\n", "file_without_header"),
        (HEADER.replace(b",", b";"), "file_without_header"),
        (HEADER + b"\n1,A,caf\xe9,6,2010-12-01 08:26:00,2.55,7.0,France\n", None),
        (HEADER + b"\n" + b"x" * 3_000_000 + b"\xff", None),
        (HEADER + b"\n\xe2\x82", None),
        (b"\x1f\x8b\x08\x00", "file_without_header"),
        (HEADER.decode().encode("utf-16"), "file_without_header"),
    ],
)
def test_a_file_begins_with_its_columns(tmp_path, content, problem):
    found = content_of(file_with(tmp_path, content))
    assert found.problem == problem
    assert found.hash == hashlib.sha256(content).hexdigest()


def test_a_file_that_cannot_be_opened_has_no_hash(tmp_path):
    file = file_with(tmp_path, HEADER)
    file.path.unlink()
    assert (content_of(file).hash, content_of(file).problem) == ("", "file_unreadable")


def test_only_csv_files_of_the_folder_itself_count(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt", "below/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(HEADER)
    (tmp_path / "folder.csv").mkdir()
    assert [file.name for file in sales_files(tmp_path)] == ["a.csv", "b.csv"]


def test_a_folder_without_files_is_a_usage_error(tmp_path):
    with pytest.raises(SalesFolderError, match=r"expected a folder with \*\.csv files, found a"):
        sales_files(tmp_path)
    with pytest.raises(SalesFolderError, match="found no such folder"):
        sales_files(tmp_path / "nowhere")


def test_a_batch_has_so_many_files_and_bytes_at_most():
    def files(*sizes):
        return [SalesFile(Path(f"{n}.csv"), s, datetime(2026, 1, 1, tzinfo=UTC))
                for n, s in enumerate(sizes)]  # fmt: skip

    def batches(*sizes):
        return [[file.bytes for file in batch] for batch in _batches(files(*sizes))]

    assert batches() == []
    assert batches(1, BATCH_BYTES - 1, 1) == [[1, BATCH_BYTES - 1], [1]]
    assert batches(BATCH_BYTES + 1, 1) == [[BATCH_BYTES + 1], [1]]
    assert [len(batch) for batch in batches(*[1] * 1001)] == [500, 500, 1]
