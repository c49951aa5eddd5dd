"""Steps that a listener may follow: each read, and the begin and end of each write and checkpoint.

Tests stop the process at a step, a runner collects the tables that a task touched. Nobody listening
costs the look at one context variable.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Literal, ParamSpec, TypeVar

from pyspark.sql import SparkSession
from pyspark.util import inheritable_thread_target

Kind = Literal["read", "writing", "written", "checkpointing", "checkpointed"]
Listener = Callable[[Kind, str], None]

P = ParamSpec("P")
T = TypeVar("T")

_LISTENERS: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


def reached(kind: Kind, subject: str) -> None:
    """Tell the listeners of this context; what one of them raises stops the step."""
    for listener in _LISTENERS.get():
        listener(kind, subject)


@contextmanager
def followed(listener: Listener) -> Iterator[None]:
    """Let the listener hear every step of this context, and of threads that `carried` starts."""
    token = _LISTENERS.set((*_LISTENERS.get(), listener))
    try:
        yield
    finally:
        _LISTENERS.reset(token)


def carried(spark: SparkSession, function: Callable[P, T]) -> Callable[P, T]:
    """The function for a thread pool: run id, listeners and Spark tags of the caller hold in it."""
    context = copy_context()
    with_tags: Callable[P, T] = inheritable_thread_target(spark)(function)

    def in_context(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(with_tags, *args, **kwargs)

    return in_context


def side_by_side(
    spark: SparkSession, *tasks: Callable[[], T], at_once: int | None = None
) -> list[T]:
    """Do the tasks in threads, all at once if None; their results, in the order of the tasks.

    Much of a small write is planning, which one core does alone.
    """
    with ThreadPoolExecutor(at_once or len(tasks)) as pool:
        futures = [pool.submit(carried(spark, task)) for task in tasks]
        return [future.result() for future in futures]
