"""Secrets in plain text: whoever reads the repository or the job has them."""

import re
from collections.abc import Iterator

from bundlerun.bundle.errors import Problem
from bundlerun.bundle.nodes import Node
from bundlerun.bundle.references import strings
from pocketlake.redaction import is_secret_name

_SHAPES = {
    "an access token": re.compile(r"\b(?:dapi|dkea|dose)[0-9a-f]{32}(?:-\d)?\b"),
    "an access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{60,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a password in an address": re.compile(r"://[^/\s:@]+:(?!\*)[^\s/@${}]+@"),
    "a signature of Azure": re.compile(r"[?&]sig=[A-Za-z0-9%+/=]{20,}"),
}
_ASSIGNED = re.compile(r"(?:^|[\s;&?,])(?:--)?([\w.-]+)\s*=\s*([^\s;&,]+)")
_NAMES_ONE = re.compile(r"(credentials?|authorization)$", re.I)
"""What ends so has the name of a secret, not the secret."""
_REFERENCES = ("${", "{{", "$(", "dbutils.")
_NO_VALUE = re.compile(r"(true|false|none|null|\d{1,5}|\*+|<.*>|)", re.I)


def plain_secrets(root: Node) -> Iterator[Problem]:
    """Values that are secrets, or stand where one belongs; the message does not show them."""
    for path, found, position in strings(root):
        what = next((name for name, shape in _SHAPES.items() if shape.search(found)), None)
        name = str(path[-1]) if path else ""
        pairs = [(name, found), *_ASSIGNED.findall(found)]
        named = next((key for key, value in pairs if _is_secret(key, value)), None)
        if what is None and named is not None:
            what = f"the value of {named}"
        if what is not None:
            message = f"{what} stands in plain text: take it from a secret scope"
            yield Problem.at(position, message)
    yield from _pairs(root)


def _pairs(node: Node) -> Iterator[Problem]:
    """`--password x` in a list of parameters; a name beside its value or default."""
    named = node.child("name")
    given = node.child("value") or node.child("default")
    if named is not None and given is not None:
        yield from _pair(str(named.value), given)
    for key, below in node.fields.items():
        yield from _pair(str(key), below.child("default"))
    for before, after in zip(node.entries, node.entries[1:], strict=False):
        if str(before.value).startswith("--"):
            yield from _pair(str(before.value)[2:], after)
    for below in (*node.entries, *node.fields.values()):
        yield from _pairs(below)


def _pair(name: str, value: Node | None) -> Iterator[Problem]:
    if value is not None and _is_secret(name, value.value):
        message = f"the value of {name} stands in plain text: take it from a secret scope"
        yield Problem.at(value.position, message)


def _is_secret(name: str, value: object) -> bool:
    """Whether a literal value stands under the name of a secret."""
    name = name.replace(".", "_")
    if not isinstance(value, str) or not is_secret_name(name) or _NAMES_ONE.search(name):
        return False
    is_reference = any(mark in value for mark in _REFERENCES)
    return not is_reference and _NO_VALUE.fullmatch(value.strip()) is None
