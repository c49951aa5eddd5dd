"""AUTO CDC in plain Python: what a set of changes is, whatever came first or twice."""

from itertools import groupby

Change = tuple[object, tuple[object, ...], object, bool]
"""Key, values, sequence, and whether it is a delete."""


def winners(changes):
    """Of each key and sequence one change: a delete wins, else the greatest values."""
    best = {}
    for key, values, sequence, is_deleted in changes:
        rank = (is_deleted, [(value is not None, value or 0) for value in values])
        found = best.get((key, sequence))
        if found is None or rank > found[0]:
            best[key, sequence] = (rank, (key, values, sequence, is_deleted))
    found = [change for _, change in best.values()]
    return sorted(found, key=lambda change: (str(change[0]), change[2]))


def states(changes):
    """Type 1: the values of each key that is not deleted."""
    last = {key: (values, gone) for key, values, _, gone in winners(changes)}
    return sorted(((key, *values) for key, (values, gone) in last.items() if not gone), key=str)


def versions(changes, tracked):
    """Type 2: runs of equal tracked values, with the values of their last change."""
    rows = []
    for key, found in groupby(winners(changes), key=lambda change: change[0]):
        open_row, state = None, None
        for _, values, sequence, gone in found:
            new = None if gone else [values[index] for index in tracked]
            if open_row is not None and new != state:
                rows.append((key, *open_row[0], open_row[1], sequence))
                open_row = None
            if new is not None:
                start = sequence if open_row is None else open_row[1]
                open_row = (values, start)
            state = new
        if open_row is not None:
            rows.append((key, *open_row[0], open_row[1], None))
    return sorted(rows, key=str)
