"""How the world arrives: which rows each delivery holds, in which files."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lyceum_lab.lms.rates import draw
from lyceum_lab.samples import world
from lyceum_lab.samples.config import SampleConfig, SampleError
from lyceum_lab.samples.dirt import BAD_ROWS, UNREADABLE, Row, bad_row, untidy
from lyceum_lab.samples.formats import FORMATS, Columns, Sink, opened
from lyceum_lab.samples.words import BRANDS, INDICATIONS, REGIONS
from lyceum_lab.samples.world import Maker, Mask, Numbers, noise

_BLOCK = 100_000
"""Rows made at a time, so that memory does not grow with the sample."""
_FEW = 50
_FIRST_DAY = np.datetime64("2026-03-02")
_IDENTIFIERS = ("event_id", "participant_id", "mdm_id", "brand_id")
_EXTRA_FILE = 90


@dataclass(frozen=True)
class Entity:
    """A kind of inbound file: its rows, and the parts that it arrives in."""

    name: str
    count: Callable[[SampleConfig], int]
    make: Maker
    parts: tuple[tuple[str, str], ...]
    """Name and format of each part; a part holds a range of the rows."""
    is_versioned: bool = True
    """False for a master: it has no modified date, so its corrections never come early."""
    exists: Callable[[SampleConfig, Numbers], Mask] | None = None


_REGIONAL = tuple((region.name, region.format) for region in REGIONS)
ENTITIES = (
    Entity("brands", lambda _: len(BRANDS), world.brands, (("all", "jsonl"),), is_versioned=False),
    Entity(
        "indications",
        lambda _: len(INDICATIONS),
        world.indications,
        (("all", "windows"),),
        is_versioned=False,
    ),
    Entity(
        "mdm",
        world.person_count,
        world.mdm,
        (("all", "comma"),),
        is_versioned=False,
        exists=world.in_mdm,
    ),
    Entity("events", lambda config: config.event_count, world.events, _REGIONAL),
    Entity("participants", lambda config: config.rows, world.participants, _REGIONAL),
)


@dataclass
class Dropped:
    """A file of the sample, and the rows of the world and bad ones in it."""

    path: Path
    delivery: int
    rows: int = 0
    bad_rows: int = 0

    @property
    def entity(self) -> str:
        """The folder that the file is in."""
        return self.path.parent.name


def write_sample(
    config: SampleConfig, folder: Path, *, deliveries: tuple[int, ...] = ()
) -> list[Dropped]:
    """Write these deliveries, all if none is named, under `folder`; a file appears whole."""
    wanted = deliveries or tuple(range(1, config.deliveries + 1))
    strange = [number for number in wanted if not 1 <= number <= config.deliveries]
    if strange:
        message = f"expected a delivery from 1 to {config.deliveries}, found {strange[0]}"
        raise SampleError(message)
    return [
        dropped
        for number in wanted
        for entity in ENTITIES
        for dropped in _Delivery(config, folder / entity.name, entity, number).files()
    ]


@dataclass(frozen=True)
class _Delivery:
    """What one delivery holds of one entity."""

    config: SampleConfig
    folder: Path
    entity: Entity
    number: int

    def files(self) -> Iterator[Dropped]:
        """Write the files one after the other."""
        self.folder.mkdir(parents=True, exist_ok=True)
        count = self.entity.count(self.config)
        parts = len(self.entity.parts)
        written = []
        for index, (part, form) in enumerate(self.entity.parts):
            numbers = range(-(-index * count // parts), -(-(index + 1) * count // parts))
            if numbers and (self.number == 1 or self._has_rows(numbers)):
                written.append(self._write(index, part, form, self._blocks(numbers)))
        yield from written
        if written and self._is_soiled("repeated_file"):
            yield self._repeat(written[0])
        if self.entity.is_versioned and self._is_soiled("missing_column"):
            blocks = iter(
                [(np.arange(min(_FEW, count)), np.full(min(_FEW, count), fill_value=True))]
            )
            yield self._write(_EXTRA_FILE, "old", "plain", blocks)
        if self._is_soiled("unreadable_file"):
            yield self._unreadable()

    def _blocks(self, numbers: range) -> Iterator[tuple[Numbers, Mask]]:
        """The rows of this delivery and whether each is the version before the latest."""
        for start in range(numbers.start, numbers.stop, _BLOCK):
            block = np.arange(start, min(start + _BLOCK, numbers.stop))
            if self.entity.exists is not None:
                block = block[self.entity.exists(self.config, block)]
            latest, earlier = self._arriving(block)
            found = np.concatenate([block[latest], block[earlier]])
            is_earlier = np.repeat([False, True], [latest.sum(), earlier.sum()])
            again = noise(self.config.seed, f"repeated {self.number}", found) < self._rate(
                "repeated_row"
            )
            yield (
                np.concatenate([found, found[again]]),
                np.concatenate([is_earlier, is_earlier[again]]),
            )

    def _arriving(self, block: Numbers) -> tuple[Mask, Mask]:
        """Which rows of a block come in their latest version, and which in the one before."""
        seed, name = self.config.seed, self.entity.name
        first = self._delivery_of(noise(seed, f"{name} arrival", block), otherwise=1)
        corrected = self._delivery_of(noise(seed, f"{name} correction", block), otherwise=0)
        if not self.entity.is_versioned:
            corrected = np.where(corrected > first, corrected, 0)
        is_corrected = corrected > 0
        latest = np.where(is_corrected, corrected, first) == self.number
        return latest, is_corrected & (first == self.number)

    def _delivery_of(self, chance: world.Noise, *, otherwise: int) -> Numbers:
        """The later delivery that each row falls into, by half the share each."""
        half = self.config.share / 2
        later = 2 + (chance / half).astype(np.int64)
        found: Numbers = np.where(later <= self.config.deliveries, later, otherwise)
        return found

    def _has_rows(self, numbers: range) -> bool:
        return any(len(found) for found, _ in self._blocks(numbers))

    def _write(
        self, index: int, part: str, form_name: str, blocks: Iterator[tuple[Numbers, Mask]]
    ) -> Dropped:
        """Write a part aside, then give it its name."""
        form = FORMATS["plain" if self.config.is_plain else form_name]
        path = self.folder / f"{self._stem(part)}.{form.extension}"
        dropped = Dropped(path, self.number)
        aside = path.with_name(f".{path.name}")
        with opened(aside, form) as sink:
            for numbers, earlier in blocks:
                columns = self.entity.make(self.config, numbers, earlier, form)
                dropped.rows += len(numbers)
                self._write_block(sink, self._reshaped(columns, index), numbers)
                if index != _EXTRA_FILE and not form.is_typed:
                    dropped.bad_rows += self._write_bad_rows(sink, columns, index, numbers)
        self._appear(aside, path)
        return dropped

    def _write_block(self, sink: Sink, columns: Columns, numbers: Numbers) -> None:
        for name in {*_IDENTIFIERS} & {*columns}:
            rate = self._rate("untidy_id")
            mask = (noise(self.config.seed, f"untidy {name}", numbers) < rate).tolist()
            if rate:
                pairs = zip(columns[name], mask, strict=True)
                columns[name] = [untidy(str(v)) if m and v else v for v, m in pairs]
        sink.write(columns)

    def _reshaped(self, columns: Columns, index: int) -> Columns:
        """The same columns in another order, with one more, or with one missing."""
        names = list(columns)
        if index == _EXTRA_FILE:
            names.remove(names[3])
        if self._is_soiled("shuffled_header", index):
            names = names[1:] + names[:1]
        shaped = {name: columns[name] for name in names}
        if self._is_soiled("extra_column", index):
            shaped["source_system"] = [f"CRM-{index}"] * len(columns[names[0]])
        return shaped

    def _write_bad_rows(self, sink: Sink, columns: Columns, index: int, numbers: Numbers) -> int:
        """Write bad rows after the good; each is a good one made bad under another identifier."""
        count = 0
        for kind in BAD_ROWS:
            rate = self._rate(kind)
            chance = noise(self.config.seed, f"{kind} {self.number}", numbers)
            for place in np.flatnonzero(chance < rate).tolist() if rate else ():
                row: Row = {name: values[place] for name, values in columns.items()}
                count += self._write_bad_row(sink, row, kind, index, int(numbers[place]))
        return count

    def _write_bad_row(self, sink: Sink, row: Row, kind: str, index: int, number: int) -> int:
        if kind == "ragged_row":
            sink.write_ragged(bad_row(row, "missing_id", 2) or row)
            return 1
        bad = bad_row(row, kind, number)
        if bad is None:
            return 0
        sink.write(self._reshaped({name: [value] for name, value in bad.items()}, index))
        return 1

    def _repeat(self, original: Dropped) -> Dropped:
        """The same file once more, under another name."""
        name, dot, extension = original.path.name.partition(".")
        path = original.path.with_name(f"{name}_again{dot}{extension}")
        aside = path.with_name(f".{path.name}")
        aside.write_bytes(original.path.read_bytes())
        self._appear(aside, path)
        return replace(original, path=path)

    def _unreadable(self) -> Dropped:
        pick = draw(self.config.seed, "unreadable", self.entity.name, self.number)
        extension, content = UNREADABLE[int(pick * len(UNREADABLE))]
        path = self.folder / f"{self._stem('broken')}.{extension}"
        aside = path.with_name(f".{path.name}")
        aside.write_bytes(content())
        self._appear(aside, path)
        return Dropped(path, self.number)

    def _appear(self, aside: Path, path: Path) -> None:
        """Give a file its name; a later delivery is always newer, by a second at least."""
        written_at = time.time() - (self.config.deliveries - self.number)
        os.utime(aside, (written_at, written_at))
        aside.replace(path)

    def _stem(self, part: str) -> str:
        day = str(_FIRST_DAY + self.number - 1).replace("-", "")
        return f"{self.entity.name}_{day}_{part}"

    def _rate(self, kind: str) -> float:
        return self.config.dirt_rates.get(kind, 0.0)

    def _is_soiled(self, kind: str, part: int = 0) -> bool:
        key = (self.config.seed, kind, self.entity.name, self.number, part)
        return draw(*key) < self._rate(kind)
