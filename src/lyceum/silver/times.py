"""Column expressions for the times and time zones that people write."""

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

_WITH_OFFSET = (
    "yyyy-MM-dd'T'HH:mm[:ss][.SSSSSS][.SSS]XXX",
    "yyyy-MM-dd'T'HH:mm[:ss][.SSSSSS][.SSS]XX",
    "yyyy-MM-dd HH:mm[:ss][.SSS][ ]XXX",
    "yyyy-MM-dd HH:mm[:ss][.SSS][ ]XX",
)
_LOCAL = (
    "yyyy-MM-dd'T'HH:mm[:ss][.SSSSSS][.SSS]",
    "yyyy-MM-dd HH:mm[:ss][.SSS]",
    "M/d/yyyy h:mm[:ss] a",
    "d.M.yyyy HH:mm[:ss]",
)
_HOUR_OFFSET = r"^(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?$"
_PROBE = "2026-01-01 00:00:00 "


def standard_timezone(zone: Column) -> Column:
    """An IANA name or an offset such as `+02:00`; NULL for anything that is no time zone."""
    sign, hours, minutes = (F.regexp_extract(F.trim(zone), _HOUR_OFFSET, i) for i in (1, 2, 3))
    offset = F.concat(sign, F.lpad(hours, 2, "0"), F.lit(":"), F.rpad(minutes, 2, "0"))
    text = F.when(F.trim(zone).rlike(_HOUR_OFFSET), offset).otherwise(F.trim(zone))
    is_known = F.try_to_timestamp(F.concat(F.lit(_PROBE), text), F.lit("yyyy-MM-dd HH:mm:ss VV"))
    return F.when(is_known.isNotNull(), text)


def instant(text: Column, zone: Column) -> Column:
    """The instant that a text means, UTC; NULL if it is none.

    Read are ISO 8601 with `T` or a space, US (`1/31/2026 3:05 PM`) and German (`31.1.2026 15:05`)
    style, and epoch seconds or milliseconds. A text without an offset is local to `zone`, UTC if
    that is unknown.
    """
    trimmed = F.trim(text)
    exact = [F.try_to_timestamp(trimmed, F.lit(style)) for style in _WITH_OFFSET]
    local = reduce(
        lambda found, style: F.coalesce(found, F.try_to_timestamp(trimmed, F.lit(style))),
        _LOCAL,
        F.lit(None).cast("timestamp"),
    )
    in_zone = F.to_utc_timestamp(local, F.coalesce(standard_timezone(zone), F.lit("UTC")))
    return F.coalesce(*exact, in_zone, _epoch(trimmed))


def _epoch(text: Column) -> Column:
    digits = F.when(text.rlike(r"^\d{9,13}$"), text).try_cast("bigint")
    return F.when(F.length(text) > 11, F.timestamp_millis(digits)).otherwise(
        F.timestamp_seconds(digits)
    )
