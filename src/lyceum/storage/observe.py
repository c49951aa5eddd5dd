"""Steps that a listener may follow: each read, and the begin and end of each write and checkpoint.

Tests stop the process at a step, a runner collects the tables that a task touched. Nobody listening
costs the look at one context variable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Literal, ParamSpec, TypeVar

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


def carried(function: Callable[P, T]) -> Callable[P, T]:
    """The function for a thread pool: run id and listeners of the caller hold inside it too."""
    context = copy_context()

    def in_context(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, *args, **kwargs)

    return in_context
