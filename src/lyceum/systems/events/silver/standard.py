"""Column expressions that bring what people deliver as text into one form."""

from pyspark.sql import Column
from pyspark.sql import functions as F

_WHITE_SPACE = " \t\r\n\u00a0"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_STARTS_AS_ISO = "^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[ T])"
# Engines take a style at its word differently: Spark three digits for d, Sail January for MMM.
_OTHER_SHAPES = (
    "^([0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4}($| )|[0-9]{8}$|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}$"
    "|[0-9]{1,2}-[A-Za-z]{3}-[0-9]{4}$)"
)
_STYLES = (
    "M/d/yyyy h:mm[:ss] a",
    "M/d/yyyy H:mm[:ss]",
    "d.M.yyyy H:mm[:ss]",
    "yyyyMMdd",
    "yyyy/M/d",
    "M/d/yyyy",
    "d.M.yyyy",
    "d-MMM-yyyy",
)


def plain_text(text: Column) -> Column:
    """Text without white space around it, NULL if nothing is left."""
    return F.nullif(F.trim(text, F.lit(_WHITE_SPACE)), F.lit(""))


def identifier(text: Column) -> Column:
    """A standardised identifier: trimmed, upper case, NULL if empty."""
    return F.upper(plain_text(text))


def truth(text: Column) -> Column:
    """True or false of plain text: true/false, yes/no, Y/N, t/f, 1/0 in any case; else NULL."""
    word = F.lower(text)
    return F.when(word.isin(*_TRUE), F.lit(True)).when(word.isin(*_FALSE), F.lit(False))


def day(text: Column) -> Column:
    """The date that plain text means; NULL if it is none.

    Read are ISO dates and the date of ISO times as it stands there, `20260131`, `2026/1/31`,
    `1/31/2026` (the month comes first, as in the US), `31.1.2026`, these two with a time after
    them, and `31-Jan-2026`.
    """
    iso = F.when(text.try_cast("timestamp").isNotNull(), F.substring(text, 1, 10).try_cast("date"))
    return F.when(text.rlike(_STARTS_AS_ISO), iso).otherwise(_other(text).cast("date"))


def moment(text: Column) -> Column:
    """The instant that plain text means, UTC unless it has an offset; NULL if it is none.

    Read are ISO 8601 with `T` or a space, the US (`1/31/2026 3:05 PM`) and the German style
    (`31.1.2026 15:05`), and every date that `day` reads, as its midnight.
    """
    # The cast reads bare years and times of day too: it gets only what starts with a date.
    is_iso = text.rlike(_STARTS_AS_ISO)
    return F.when(is_iso, text.try_cast("timestamp")).otherwise(_other(text))


def _other(text: Column) -> Column:
    """What a text in another style than ISO means."""
    found = F.coalesce(*(F.try_to_timestamp(text, F.lit(style)) for style in _STYLES))
    return F.when(text.rlike(_OTHER_SHAPES), found)
