"""Column expressions for the times and time zones that people write."""

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
_HOUR_OFFSET = "^(?:UTC|GMT)?([+-])([0-9]{1,2}):?([0-9]{2})?$"
_PROBE = "2026-01-01 00:00:00 "
# Such as BST: Java knows each by one of several meanings, and so does the cast.
_AMBIGUOUS = "^(A[CEGRS]T|B[ES]T|C[ANST]T|E[AC]T|I[ES]T|JST|MIT|N[ES]T|P[LNRS]T|[SV]ST)$"


def standard_timezone(zone: Column) -> Column:
    """An IANA name or an offset such as `+02:00`; NULL for anything that is no time zone."""
    sign, hours, minutes = (F.regexp_extract(F.trim(zone), _HOUR_OFFSET, i) for i in (1, 2, 3))
    offset = F.concat(sign, F.lpad(hours, 2, "0"), F.lit(":"), F.rpad(minutes, 2, "0"))
    text = F.when(F.trim(zone).rlike(_HOUR_OFFSET), offset).otherwise(F.trim(zone))
    is_known = F.concat(F.lit(_PROBE), text).try_cast("timestamp").isNotNull()
    return F.when(is_known & (text != "") & ~text.rlike(_AMBIGUOUS), text)


def instant(text: Column, zone: Column) -> Column:
    """The instant that a text means, UTC; NULL if it is none.

    Read are ISO 8601 with `T` or a space, US (`1/31/2026 3:05 PM`) and German (`31.1.2026 15:05`)
    style, and epoch seconds or milliseconds. A text without an offset is local to `zone`, as
    `standard_timezone` gives it, UTC if that is NULL.
    """
    trimmed = F.upper(F.trim(text))
    exact = [F.try_to_timestamp(trimmed, F.lit(style)) for style in _WITH_OFFSET]
    local = F.coalesce(*(F.try_to_timestamp(trimmed, F.lit(style)) for style in _LOCAL))
    # Engines know more zones in a cast than in to_utc_timestamp.
    wall = F.date_format(local, "yyyy-MM-dd HH:mm:ss.SSSSSS")
    in_zone = F.concat(wall, F.lit(" "), F.coalesce(zone, F.lit("UTC"))).try_cast("timestamp")
    return F.coalesce(*exact, in_zone, _epoch(trimmed))


def _epoch(text: Column) -> Column:
    digits = F.when(text.rlike("^[0-9]{9,13}$"), text).try_cast("bigint")
    return F.when(F.length(text) > 11, F.timestamp_millis(digits)).otherwise(
        F.timestamp_seconds(digits)
    )
