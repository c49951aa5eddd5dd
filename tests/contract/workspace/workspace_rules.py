"""What a workspace refuses: one rule a kind of message of Spark Connect, and a list for SQL.

Names are compared as `schema.table`, in lower case. The documentation of serverless compute, Unity
Catalog and pipelines is where each rule comes from.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from google.protobuf.message import Message

SETTINGS = frozenset(
    {
        "spark.databricks.execution.timeout",
        "spark.sql.ansi.enabled",
        "spark.sql.legacy.timeParserPolicy",
        "spark.sql.session.timeZone",
        "spark.sql.shuffle.partitions",
    }
)
"""What serverless compute lets a session set."""

_FROM_BUNDLE = "a schema or volume made or dropped: they come from the bundle"
_MANAGED = "a table at a path: tables are managed by the catalog"
_BY_NAME = "a table read by its path: tables are known by name"
_NO_CACHE = "a cache: serverless compute has none, and would compute twice"
_NO_GLOBAL_VIEW = "a global temporary view: there is none on serverless compute"
_NO_JAR = "a JAR or file for the executors: the environment has wheels alone"
_NO_END = "a stream that goes on: serverless compute has availableNow alone"

_STATEMENTS = {
    r"(CREATE|DROP|ALTER) (OR REPLACE )?(SCHEMA|DATABASE|CATALOG|VOLUME)\b": _FROM_BUNDLE,
    r"(CREATE|REPLACE|ALTER) .*\bLOCATION ''": _MANAGED,
    r"((UN)?CACHE (LAZY )?TABLE|CLEAR CACHE)\b": _NO_CACHE,
    r"CREATE (OR REPLACE )?GLOBAL TEMP": _NO_GLOBAL_VIEW,
    r"ADD (JAR|FILE|ARCHIVE)S?\b": _NO_JAR,
}
"""How a refused statement begins, without comments, quotes and what its strings say."""
_BY_PATH = re.compile(r"\bdelta\.`", re.I)
_SETS = re.compile(r"(?:SET|RESET) ([\w.]+)", re.I)
_TRAVELS = re.compile(r"([\w.]+) (?:FOR )?(?:SYSTEM_)?(?:VERSION|TIMESTAMP|TIME) AS OF\b", re.I)
_ASKS_VERSIONS = re.compile(r"DESC(?:RIBE)? (?:HISTORY|DETAIL) ([\w.]+)", re.I)
_WRITES = re.compile(
    r"(?:MERGE (?:WITH SCHEMA EVOLUTION )?INTO|INSERT (?:INTO|OVERWRITE)(?: TABLE)?|UPDATE"
    r"|DELETE FROM|TRUNCATE TABLE|(?:CREATE (?:OR REPLACE )?|REPLACE |ALTER |DROP |RESTORE "
    r"|COMMENT ON )(?:TABLE|VIEW|MATERIALIZED VIEW)(?: IF (?:NOT )?EXISTS)?"
    r"|OPTIMIZE|VACUUM|RESTORE) ([\w.]+)",
    re.I,
)
_SETS_TAGS = re.compile(r"ALTER TABLE ([\w.]+) ALTER COLUMN (\w+) SET TAGS \((.+)\)", re.I)
_DROPS_KEY = re.compile(r"ALTER TABLE [\w.]+ DROP PRIMARY KEY IF EXISTS", re.I)
_ADDS_KEY = re.compile(r"ALTER TABLE ([\w.]+) ADD CONSTRAINT \w+ PRIMARY KEY \(([\w, ]+)\)", re.I)


@dataclass
class Catalog:
    """What Unity Catalog knows and Spark's own catalog does not, by table."""

    materialized: set[str] = field(default_factory=set)
    """The materialized views: their pipeline alone writes them."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """The tags of columns."""
    keys: dict[str, list[str]] = field(default_factory=dict)
    """The primary keys."""


@dataclass(frozen=True)
class Rules:
    """The rules for one client."""

    catalog: Catalog
    may_write: bool

    def refusal(self, request: Message) -> str | None:
        """Why a workspace refuses a request; a statement that only it has is taken out."""
        for message in _messages(request):
            check = _CHECKS.get(message.DESCRIPTOR.name)
            if check is not None and (reason := check(self, message)):
                return reason
        return None

    def sql(self, message: Message) -> str | None:
        """A statement, as a command or as a relation."""
        name = "query" if message.DESCRIPTOR.name == "SQL" else "sql"
        text = getattr(message, name)
        plain = _plain(text)
        if reason := self._of_text(text, plain):
            return reason
        if self._is_noted(text.replace("`", "")):
            setattr(message, name, "SELECT 1 WHERE false")
        return None

    def setting(self, message: Message) -> str | None:
        """Settings that are set or taken back."""
        if not message.DESCRIPTOR.full_name.startswith("spark.connect.ConfigRequest"):
            return None
        keys = [pair.key for pair in getattr(message, "pairs", ())] or list(message.keys)
        return next((_of_setting(key) for key in keys if key not in SETTINGS), None)

    def write(self, message: Message) -> str | None:
        """A frame saved as a table, or as files."""
        if message.path and message.source in ("", "delta"):
            return _MANAGED
        name = message.table.table_name
        return self._of_write(name) if name else None

    def write_by_name(self, message: Message) -> str | None:
        """A frame appended to a table, or merged into it."""
        is_merge = message.DESCRIPTOR.name == "MergeIntoTableCommand"
        return self._of_write(message.target_table_name if is_merge else message.table_name)

    def stream(self, message: Message) -> str | None:
        """A stream that starts."""
        if not message.available_now:
            return _NO_END
        return self._of_write(message.table_name) if message.table_name else None

    def table(self, message: Message) -> str | None:
        """A table read by name."""
        if _BY_PATH.match(message.unparsed_identifier):
            return _BY_NAME
        options = {option.lower() for option in message.options}
        travels = options & {"versionasof", "timestampasof"}
        return self._of_travel(message.unparsed_identifier) if travels else None

    def relation(self, message: Message) -> None:
        """A question about a table: of a materialized view the catalog says that it is one."""
        asked = message.catalog.get_table.table_name if message.HasField("catalog") else ""
        if _short(asked) in self.catalog.materialized:
            schema, name = _short(asked).split(".")
            message.sql.query = (
                f"SELECT '{name}' AS name, 'c' AS catalog, array('{schema}') AS namespace, "
                "'' AS description, 'MATERIALIZED_VIEW' AS tableType, false AS isTemporary"
            )

    def _of_text(self, text: str, plain: str) -> str | None:
        if _BY_PATH.search(text):
            return _BY_NAME
        for pattern, reason in _STATEMENTS.items():
            if re.match(pattern, plain, re.I):
                return reason
        if (found := _SETS.match(plain)) and found[1] not in SETTINGS:
            return _of_setting(found[1])
        travels = (self._of_travel(found[1]) for found in _TRAVELS.finditer(plain))
        if reason := next(filter(None, travels), None):
            return reason
        if found := _ASKS_VERSIONS.match(plain):
            return self._of_travel(found[1])
        found = _WRITES.match(plain)
        return self._of_write(found[1]) if found else None

    def _of_write(self, name: str) -> str | None:
        if _short(name) in self.catalog.materialized:
            return f"a write to {name}: a materialized view is written by its pipeline alone"
        return None if self.may_write else f"a change of {name} by somebody who has SELECT only"

    def _of_travel(self, name: str) -> str | None:
        if _short(name) in self.catalog.materialized:
            return f"a version of {name}: a materialized view has no versions to read"
        return None

    def _is_noted(self, text: str) -> bool:
        """True for tags and keys, which Spark's own SQL does not have."""
        if found := _SETS_TAGS.match(text):
            tags = dict(re.findall(r"'([^']+)'\s*=\s*'([^']*)'", found[3]))
            self.catalog.tags.setdefault(_short(found[1]), {})[found[2]] = ", ".join(tags)
        elif found := _ADDS_KEY.match(text):
            self.catalog.keys[_short(found[1])] = [key.strip() for key in found[2].split(",")]
        return bool(found or _DROPS_KEY.match(text))


def _cache(_rules: Rules, _message: Message) -> str:
    return _NO_CACHE


_CHECKS: dict[str, Callable[[Rules, Message], str | None]] = {
    "Relation": Rules.relation,
    "SQL": Rules.sql,
    "SqlCommand": Rules.sql,
    "Set": Rules.setting,
    "Unset": Rules.setting,
    "WriteOperation": Rules.write,
    "WriteOperationV2": Rules.write_by_name,
    "MergeIntoTableCommand": Rules.write_by_name,
    "WriteStreamOperationStart": Rules.stream,
    "CreateDataFrameViewCommand": lambda _, m: _NO_GLOBAL_VIEW if m.is_global else None,
    "Persist": _cache,
    "CheckpointCommand": _cache,
    "CacheTable": _cache,
    "CreateTable": lambda _, m: _MANAGED if m.path else None,
    "CreateExternalTable": lambda _, m: _MANAGED if m.path else None,
    "DataSource": lambda _, m: _BY_NAME if m.format == "delta" else None,
    "NamedTable": Rules.table,
}


def _messages(message: Message) -> Iterator[Message]:
    """The message and all that it holds, such as the relations of a plan."""
    yield message
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            parts = list(value.values())
        else:
            parts = list(value) if descriptor.is_repeated else [value]
        for part in parts:
            if isinstance(part, Message):
                yield from _messages(part)


def _of_setting(name: str) -> str:
    return (
        f"the setting {name}: serverless compute lets a session set {', '.join(sorted(SETTINGS))}"
    )


def _short(name: str) -> str:
    """Schema and table of a name, however many parts and quotes it has."""
    return ".".join(name.replace("`", "").lower().split(".")[-2:])


def _plain(text: str) -> str:
    """A statement without comments, quotes of names, and what its strings say."""
    text = re.sub(r"'(?:[^'\\]|\\.|'')*'", "''", text)
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.S)
    return " ".join(text.replace("`", "").split())
