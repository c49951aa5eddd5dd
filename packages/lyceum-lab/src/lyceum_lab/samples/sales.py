"""Sample transactions of a shop: a CSV a trading day, with the traits of a real one."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

from lyceum.errors import UsageError
from lyceum.systems.sales.source import COLUMNS

_GOODS = (
    "NOTEBOOK, RULED", "FOUNTAIN PEN", 'DESK LAMP "LUX"', "INK BOTTLE BLUE", "GLOBE 30CM",
    "CHALK BOX", "SATCHEL", "SLATE SET", "ABACUS", "ATLAS", "MICROSCOPE", "WALL MAP",
)  # fmt: skip
_COUNTRIES = ("United Kingdom",) * 12 + ("France", "EIRE", "Portugal", "Japan")
_OPENS = time(8, 30)
_CLOSED_ON = 5
_FIRST_INVOICE = 536_000
_INVOICES_A_DAY = 10_000
Row = tuple[object, ...]


class SalesSampleError(UsageError):
    """A sample of sales cannot be made as it was asked for."""


@dataclass(frozen=True)
class SalesConfig:
    """A shop and how long it is open; the same seed gives the same files."""

    seed: int = 1
    first_day: date = date(2010, 12, 1)
    days: int = 60
    lines: int = 200
    """Lines of a day's invoices, about."""

    def __post_init__(self) -> None:
        if self.days < 1 or not 1 <= self.lines <= _INVOICES_A_DAY:
            message = f"expected at least 1 day and 1 to {_INVOICES_A_DAY} lines a day"
            raise SalesSampleError(f"{message}, found {self.days} and {self.lines}")


def write_sales(config: SalesConfig, folder: Path) -> list[Path]:
    """Write the files of all trading days; the shop is closed on Saturdays."""
    folder.mkdir(parents=True, exist_ok=True)
    days = [config.first_day + timedelta(n) for n in range(config.days)]
    return [_write_day(config, folder, day) for day in days if day.weekday() != _CLOSED_ON]


def _write_day(config: SalesConfig, folder: Path, day: date) -> Path:
    path = folder / f"{day}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_lines(config, day))
    return path


def _lines(config: SalesConfig, day: date) -> Iterator[Row]:
    """A day's lines; one in sixty comes twice, one in forty is a return, one in 300 is bad."""
    chance = Random(f"{config.seed}/{day}")  # noqa: S311 - a sample, no secret
    invoice = _FIRST_INVOICE + (day - date(2010, 12, 1)).days * _INVOICES_A_DAY
    moment = datetime.combine(day, _OPENS)
    for _ in range(config.lines):
        if chance.random() < 0.2:
            invoice += 1
            moment += timedelta(seconds=chance.randint(10, 300))
        row = _line(chance, invoice, moment)
        yield row
        if chance.random() < 1 / 60:
            yield row


def _line(chance: Random, invoice: int, moment: datetime) -> Row:
    number = int(len(_GOODS) * chance.random() ** 2)
    quantity = chance.choice((1, 1, 2, 3, 6, 12))
    price = f"{0.45 + 1.1 * number:.2f}"
    is_return, kind = chance.random() < 1 / 40, chance.random()
    if kind < 1 / 600:
        price = "-11062.06"
    elif kind < 1 / 300:
        price = "n/a"
    return (
        f"C{invoice}" if is_return else invoice,
        f"{85_000 + number}{'ABC'[number % 3]}",
        _GOODS[number] if chance.random() > 0.01 else "",
        -quantity if is_return else quantity,
        moment,
        price,
        "" if chance.random() < 0.2 else f"{12_346 + chance.randrange(900)}.0",
        chance.choice(_COUNTRIES),
    )
