"""The session that pipeline code sees: its reads are noted, and streams give what is new."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self
from urllib.parse import unquote, urlparse

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import SparkSession as AnySession
from pyspark.sql.connect.conf import RuntimeConf
from pyspark.sql.connect.readwriter import DataFrameReader
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.types import StructType

from bundlerun.pipelines.errors import DefinitionError
from bundlerun.pipelines.kafka import KafkaSource
from bundlerun.pipelines.plans import is_stream
from bundlerun.pipelines.sql import wanted_of_all_rows, with_sources

_OF_AUTO_LOADER = (
    "cloudFiles.allowOverwrites",
    "cloudFiles.cleanSource",
    "cloudFiles.partitionColumns",
    "cloudFiles.schemaHints",
    "cloudFiles.schemaEvolutionMode",
    "cloudFiles.rescuedDataColumn",
    "rescuedDataColumn",
)
"""Options of Auto Loader that change rows, and are not kept here."""
_FORMATS = ("parquet", "json", "csv", "text", "orc")


@dataclass(frozen=True)
class FileSource:
    """A stream over the files of a folder."""

    folder: Path
    format: str
    schema: StructType | str
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    takes_old: bool = True
    """False if the files that are there at the first update do not count."""

    @property
    def glob(self) -> str:
        """What the names of its files must match."""
        return str(self.options.get("pathGlobFilter", "*"))


class Reader(Protocol):
    """Who answers the reads of a query under way."""

    def table(self, name: str) -> DataFrame:
        """All rows of a dataset or table."""

    def stream_table(self, name: str, *, skip_changes: bool = False) -> DataFrame:
        """The rows of a dataset or table that are new; or those of pure appends alone."""

    def stream_files(self, source: FileSource) -> DataFrame:
        """The rows of the files that are new."""

    def stream_kafka(self, source: KafkaSource) -> DataFrame:
        """The messages that are new."""

    def is_known(self, name: str) -> bool:
        """True if a name in SQL is a dataset or table."""

    def other(self, what: str) -> None:
        """Something else is read, of which nobody knows when it changes."""


class PipelineSession(SparkSession):
    """The session of a pipeline's code; it shares the connection of the session it is made of."""

    def __init__(self, spark: AnySession, configuration: Mapping[str, str]) -> None:
        self.__dict__.update(spark.__dict__)
        self._configuration = dict(configuration)
        self._reader: Reader | None = None

    def __del__(self) -> None:
        """Leave the connection to the session that it belongs to."""

    def stop(self) -> None:
        """Leave the session as it is: it is not the pipeline's."""

    @contextmanager
    def reading(self, reader: Reader) -> Iterator[None]:
        """Let a reader answer the reads inside the block."""
        before, self._reader = self._reader, reader
        try:
            yield
        finally:
            self._reader = before

    @contextmanager
    def as_active(self) -> Iterator[None]:
        """Let `SparkSession.active()` of this thread give this session inside the block."""
        before = getattr(SparkSession._active_session, "session", None)  # noqa: SLF001 - no other way
        SparkSession._active_session.session = self  # noqa: SLF001 - see above
        try:
            yield
        finally:
            SparkSession._active_session.session = before  # noqa: SLF001 - see above

    @property
    def reader(self) -> Reader:
        """Who answers; there is nobody while the source files are loaded."""
        if self._reader is None:
            message = "expected reads inside the functions of tables and views, found one outside"
            raise DefinitionError(message)
        return self._reader

    @property
    def conf(self) -> RuntimeConf:
        """The settings: the pipeline's first."""
        return _Settings(super().conf, self._configuration)

    @property
    def read(self) -> DataFrameReader:
        """A reader of tables, which is noted."""
        return _BatchReader(self)

    @property
    def readStream(self) -> "StreamReader":  # type: ignore[override]  # noqa: N802 - Spark's name
        """A reader of what is new."""
        return StreamReader(self)

    def table(self, tableName: str) -> DataFrame:  # noqa: N803 - Spark's name
        """All rows of a dataset or table."""
        return self.reader.table(tableName)

    def sql(self, sqlQuery: str, args: Any = None, **kwargs: Any) -> DataFrame:  # noqa: ANN401, N803
        """A query, whose datasets are found by their names after FROM and JOIN."""
        frames: dict[str, Any] = {}

        def bind(name: str, is_stream: bool) -> str | None:  # noqa: FBT001 - a callback
            if not self.reader.is_known(name):
                return None
            key = f"dataset_{len(frames)}"
            read = self.reader.stream_table if is_stream else self.reader.table
            frames[key] = read(name)
            return f"{{{key}}}"

        if "`" in sqlQuery and "/" in sqlQuery:
            self.reader.other("files in SQL")
        text = with_sources(sqlQuery, bind)
        wanted = wanted_of_all_rows(sqlQuery)
        if wanted is not None and any(is_stream(frame) for frame in frames.values()):
            message = "expected SQL over a stream to look at each row alone, found"
            raise DefinitionError(f"{message} {wanted}: do it in a materialized view, or view")
        return super().sql(text, args, **kwargs, **frames)


class _Settings(RuntimeConf):
    """The pipeline's settings before the session's; none can be changed."""

    def __init__(self, settings: RuntimeConf, configuration: Mapping[str, str]) -> None:
        self._settings = settings
        self._configuration = configuration

    def get(self, key: str, *default: Any) -> str | None:  # noqa: ANN401 - Spark's own
        if key in self._configuration:
            return self._configuration[key]
        return self._settings.get(key, *default)

    def set(self, key: str, value: Any) -> NoReturn:  # noqa: ANN401, ARG002 - Spark's signature
        raise PySparkException(
            errorClass="SESSION_MUTATION_IN_DECLARATIVE_PIPELINE.SET_RUNTIME_CONF",
            messageParameters={"method": "'RuntimeConf.set'"},
        )


class _BatchReader(DataFrameReader):
    """Spark's reader; of all but tables nobody knows when it changes."""

    _client: PipelineSession

    def table(self, tableName: str) -> Any:  # noqa: ANN401, N803 - Spark's own
        return self._client.reader.table(tableName)

    def load(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Spark's own
        self._client.reader.other("files")
        return super().load(*args, **kwargs)


class StreamReader:
    """`readStream`: tables, files, and files by Auto Loader's options."""

    def __init__(self, session: PipelineSession) -> None:
        self._session = session
        self._format = ""
        self._schema: StructType | str | None = None
        self._options: dict[str, str] = {}

    def format(self, source: str) -> Self:
        """What the files are: a format, or cloudFiles."""
        self._format = source
        return self

    def schema(self, schema: StructType | str) -> Self:
        """The columns of the files."""
        self._schema = schema
        return self

    def option(self, key: str, value: object) -> Self:
        """An option of the format; those of Auto Loader are left out but for its format."""
        if value is not None:
            self._options[key] = str(value).lower() if isinstance(value, bool) else str(value)
        return self

    def options(self, **options: object) -> Self:
        """Several options."""
        for key, value in options.items():
            self.option(key, value)
        return self

    def table(self, tableName: str) -> DataFrame:  # noqa: N803 - Spark's name
        """The rows of a table that are new."""
        for option in ("readChangeFeed", "startingVersion", "startingTimestamp"):
            if option in self._options:
                message = f"expected a stream of all rows of {tableName}, found {option}"
                raise DefinitionError(f"{message}, which only a workspace has")
        skip_changes = self._options.get("skipChangeCommits") == "true"
        return self._session.reader.stream_table(tableName, skip_changes=skip_changes)

    def load(
        self,
        path: str | None = None,
        format: str | None = None,  # noqa: A002 - Spark's name
        schema: StructType | str | None = None,
        **options: object,
    ) -> DataFrame:
        """The rows of the files of a folder that are new."""
        self.options(**options)
        if schema is not None:
            self.schema(schema)
        kind = format or self._format or "parquet"
        if kind == "kafka":
            return self._session.reader.stream_kafka(KafkaSource.of(self._options))
        if kind == "cloudFiles":
            _refuse_auto_loader(self._options)
            kind = self._options.get("cloudFiles.format", "parquet")
        if kind not in _FORMATS:
            message = f"expected a stream of tables, kafka or files ({', '.join(_FORMATS)})"
            raise DefinitionError(f"{message}, found {kind}")
        folder = path or self._options.get("path", "")
        if self._schema is None:
            message = f"expected readStream.schema(…) for the files of {folder}"
            raise DefinitionError(f"{message}, found none: they are not read to guess it")
        kept = {
            key: value
            for key, value in self._options.items()
            if key != "path" and not key.startswith("cloudFiles.")
        }
        takes_old = self._options.get("cloudFiles.includeExistingFiles", "true") == "true"
        source = FileSource(_folder(folder), kind, self._schema, kept, takes_old=takes_old)
        return self._session.reader.stream_files(source)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - parquet(…), json(…) and so on
        if name not in _FORMATS:
            raise AttributeError(name)

        def read(path: str, **options: object) -> DataFrame:
            schema = options.pop("schema", None)
            assert schema is None or isinstance(schema, StructType | str)  # noqa: S101
            return self.load(path, name, schema, **options)

        return read


def _refuse_auto_loader(options: Mapping[str, str]) -> None:
    """Refuse options without which the rows would be others than those of Auto Loader."""
    off = {"false", "OFF", "none", "addNewColumns", "failOnNewColumns"}
    for name in _OF_AUTO_LOADER:
        if options.get(name, "none") not in off:
            raise DefinitionError(f"expected Auto Loader without {name}, found it: leave it out")


def _folder(path: str) -> Path:
    """The folder of a path or file URI.

    >>> _folder("file:///landing/a%20b")
    PosixPath('/landing/a b')
    """
    found = urlparse(path)
    if found.scheme not in ("", "file"):
        message = "expected files on this machine"
        raise DefinitionError(f"{message}, found {path}")
    return Path(unquote(found.path)) if found.scheme else Path(path)
