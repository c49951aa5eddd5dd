"""A person who is erased: how the identifier is found in texts, and what it becomes there."""

import csv
import hashlib
import hmac
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from lyceum.errors import UsageError

_SHORTEST, _TELLING = 3, 8
_WORD = "A-Za-z0-9_-"
_DELIMITERS = ",;|\t"


class LearnerError(UsageError):
    """An identifier that nobody can be found by."""


@dataclass(frozen=True)
class Person:
    """Somebody known by one identifier, whatever the case of its letters.

    A number of few digits may as well be a price or another thing's number: such an identifier is
    looked for only in columns and fields that are declared to hold persons.
    """

    id: str
    key: str
    """Secret that pseudonyms are made with: without it nobody can tell whose they are."""
    fields: frozenset[str]
    """Names of columns and fields that hold the identifiers of persons."""

    def __post_init__(self) -> None:
        if len(self.id) < _SHORTEST or self.id != self.id.strip():
            message = f"expected a learner's identifier of at least {_SHORTEST} characters"
            raise LearnerError(f"{message}, found {len(self.id)}: give all of it, without blanks")

    @cached_property
    def request_id(self) -> str:
        """What the ledger knows the person by."""
        digest = hmac.new(self.key.encode(), self.id.upper().encode(), hashlib.sha256)
        return digest.hexdigest()[:20]

    @cached_property
    def pseudonym(self) -> str:
        """What stands in the place of the identifier: the same everywhere, so that figures stay."""
        return f"ERASED-{self.request_id[:12].upper()}"

    def is_in(self, text: str, column: str = "") -> bool:
        """True if the text, or the value of a column, names the person."""
        return self.replaced(text, column) != text

    def replaced(self, text: str, column: str = "") -> str:
        """The text, or the value of a column, with the pseudonym for the identifier."""
        if (self._is_telling or column in self.fields) and self._is_all(text):
            return self.pseudonym
        if self._is_telling:
            return self._word.sub(self.pseudonym, text)
        text = self._field.sub(lambda found: found[1] + json.dumps(self.pseudonym), text)
        return self._of_columns(text)

    @cached_property
    def _is_telling(self) -> bool:
        """True if the identifier is no mere number that other things have too."""
        return not self.id.isdecimal() or len(self.id) >= _TELLING

    def _is_all(self, text: str) -> bool:
        """True if the text is the identifier; spreadsheets give a `.0` to whole numbers."""
        found = text.strip().upper()
        if self.id.isdecimal():
            found = re.sub(r"\.0+$", "", found)
        return found == self.id.upper()

    @cached_property
    def _word(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![{_WORD}]){re.escape(self.id)}(?![{_WORD}])", re.I)

    @cached_property
    def _field(self) -> re.Pattern[str]:
        """A field of JSON."""
        names = "|".join(re.escape(name) for name in sorted(self.fields))
        value = rf'"?\s*{re.escape(self.id)}(?:\.0+)?\s*"?'
        return re.compile(rf'("(?:{names})"\s*:\s*){value}(?=\s*[,}}])')

    def _of_columns(self, text: str) -> str:
        """The columns of delimited text whose header names them; all else stays as it is."""
        first = text.partition("\n")[0].strip("\ufeff\r")
        delimiter = max(_DELIMITERS, key=first.count)
        header = [cell.strip().strip('"') for cell in first.split(delimiter)]
        columns = [number for number, name in enumerate(header) if name in self.fields]
        if not columns:
            return text
        taken: list[str] = []

        def watched() -> Iterator[str]:
            for line in io.StringIO(text, newline=""):
                taken.append(line)
                yield line

        written = []
        for cells in csv.reader(watched(), delimiter=delimiter):
            raw = "".join(taken)
            taken.clear()
            found = [n for n in columns if n < len(cells) and self._is_all(cells[n])]
            for number in found:
                cells[number] = self.pseudonym
            end = raw[len(raw.rstrip("\r\n")) :]
            written.append(_record(cells, delimiter) + end if found else raw)
        return "".join(written)


def _record(cells: list[str], delimiter: str) -> str:
    out = io.StringIO()
    # A field is quoted for a line end within it only if that is one of the file.
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")


def learners(text: str) -> list[str]:
    """Identifiers between commas.

    >>> learners("PT1, PT2,")
    ['PT1', 'PT2']
    """
    return [one.strip() for one in text.split(",") if one.strip()]


class People:
    """Some persons who are erased together: all is read once."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.people = tuple(people)
        self._known = [(person, person.id.upper()) for person in self.people]

    def __iter__(self) -> Iterator[Person]:
        return iter(self.people)

    @property
    def pattern(self) -> str:
        """A regular expression, of any engine, that finds whoever might be in upper-case text."""
        return "|".join(re.sub(r"([^\w\s-])", r"\\\1", known) for _, known in self._known)

    def within(self, text: str, column: str = "") -> set[Person]:
        """Who is named in the text, or the value of a column."""
        return {one for one in self._might_be_in(text) if one.is_in(text, column)}

    def replaced(self, text: str, column: str = "") -> str:
        """The text, or the value of a column, with a pseudonym for each of them."""
        for one in self._might_be_in(text):
            text = one.replaced(text, column)
        return text

    def _might_be_in(self, text: str) -> list[Person]:
        upper = text.upper()
        return [one for one, known in self._known if known in upper]
