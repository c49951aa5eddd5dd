"""Names of columns."""

from collections.abc import Sequence


def unique_names(names: Sequence[str]) -> list[str]:
    """The names; an empty one is told by its place, one that was there before gets a number.

    >>> unique_names(["a", "", "a", "a_2"])
    ['a', 'column_2', 'a_3', 'a_2']
    """
    unique: dict[str, None] = {}
    for place, name in enumerate(names, 1):
        base = candidate = name or f"column_{place}"
        number = 2
        while candidate in unique or (candidate != name and candidate in names):
            candidate, number = f"{base}_{number}", number + 1
        unique[candidate] = None
    return list(unique)
