"""Delimited text as badly quoted as it comes, from a seed."""

import re
from random import Random

from soak import IS_SOAK

LINES = 100_000 if IS_SOAK else 20_000
WIDTH = 4
_ENDS = ("\n", "\r\n", "\r")
_PIECES = (
    '"',
    '""',
    '"""',
    ",",
    ",",
    ",",
    "a",
    "b c",
    " ",
    "\x00",
    "\x0b",
    "\u2028",
    "\ufeff",
    "é",
    "\udce9",
    ";",
)
_BLOCKS = ('"', '""', 'x",",y', '"a', 'b"', '"""', 'a"",b,"', '","', ",,,", "")


def hostile_lines(seed: int, count: int = LINES, *, tail: str = "c,d") -> list[str]:
    """So many physical lines: good ones, quotes in every wrong place, long ones, blocks of one kind.

    A good line is its number, one more cell, and the tail. The character \\udce9 stands for a byte
    that is not UTF-8: encode with `surrogateescape`.
    """
    chance, lines = Random(seed), []
    while len(lines) < count:
        lines += _some_lines(chance, len(lines), tail)
    return lines[:count]


def with_ends(lines: list[str], seed: int) -> str:
    """The lines with line ends of every kind."""
    chance = Random(seed)
    return "".join(line + chance.choice(_ENDS) for line in lines)


def physical_lines(text: str) -> list[str]:
    """What a person counts as lines."""
    lines = re.split("\r\n|\r|\n", text)
    return lines[:-1] if lines[-1] == "" else lines


def is_plain(line: str, width: int = WIDTH) -> bool:
    """A record that neither a quote nor an odd byte makes doubtful."""
    return not {'"', "\udce9"} & set(line) and line.count(",") == width - 1


def _some_lines(chance: Random, number: int, tail: str) -> list[str]:  # noqa: PLR0911 - one a kind
    kind = chance.random()
    good = f"{number},{chance.randrange(9)},{tail}"
    if kind < 0.4:
        return [good]
    if kind < 0.6:
        return ["".join(chance.choices(_PIECES, k=chance.randrange(1, 14)))]
    if kind < 0.7:
        size = chance.choice(("", '19" screen'))
        return [f'{number},"a ""b"", c",{size},{tail.partition(",")[2]}']
    if kind < 0.8:
        return [f'{number},"two', f'{chance.choice(("", "lines", good))}",{tail}']
    if kind < 0.9:
        unclosed = f'{number},"unclosed,{tail}'
        return [unclosed, *[good] * chance.randrange(3), unclosed]
    if kind < 0.999:
        return [good[: chance.randrange(len(good))]]
    if kind < 0.9995:
        return [chance.choice(_BLOCKS)] * chance.randrange(1, 3_000)
    return [chance.choice(('"', "")) + "long" * 50_000]
