"""What can be reached in a graph."""

from collections.abc import Iterable, Mapping


def reached(edges: Mapping[str, Iterable[str]], starts: Iterable[str]) -> set[str]:
    """The starts, and everything that edges lead to from them.

    >>> sorted(reached({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b"]))
    ['b', 'c']
    """
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += edges.get(node, ())
    return found
