"""Steps that a listener may follow: each read, and the begin and end of each write.

Tests stop the process at a step, a runner collects the tables that a task touched. Nobody
listening costs the look at one context variable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, str], None]
"""Gets the kind of step, such as `read`, `writing` or `written`, and what it is about."""

_LISTENERS: ContextVar[tuple[Listener, ...]] = ContextVar("listeners", default=())


def reached(kind: str, subject: str) -> None:
    """Tell the listeners of this context; what one of them raises stops the step."""
    for listener in _LISTENERS.get():
        listener(kind, subject)


@contextmanager
def followed(listener: Listener) -> Iterator[None]:
    """Let the listener hear every step of this context."""
    token = _LISTENERS.set((*_LISTENERS.get(), listener))
    try:
        yield
    finally:
        _LISTENERS.reset(token)
