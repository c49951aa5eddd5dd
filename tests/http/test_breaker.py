"""The circuit breaker: when it opens, how it probes, when it gives up."""

from lyceum.http.breaker import BreakerPolicy, CircuitBreaker

POLICY = BreakerPolicy(window=5, threshold=0.8, reset=30.0, max_probes=2)


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def breaker_after(*outcomes: bool, clock: Clock | None = None) -> CircuitBreaker:
    breaker = CircuitBreaker(POLICY, clock=clock or Clock())
    for ok in outcomes:
        breaker.record(breaker.admit() or 0, ok=ok)
    return breaker


def test_it_opens_when_most_of_the_last_calls_failed():
    """Four failures among the last five calls open it."""
    assert breaker_after(True, False, False, False, False).phase == "open"


def test_it_stays_closed_until_the_window_is_full():
    """Four failures alone say too little."""
    assert breaker_after(False, False, False, False).phase == "closed"


def test_only_the_last_calls_count():
    """Three failures among the last five, whatever was before."""
    assert breaker_after(False, False, False, True, True, False, False).phase == "closed"


def test_an_open_circuit_admits_nobody_until_the_reset():
    """29 s after it opened: one second to wait."""
    clock = Clock()
    breaker = breaker_after(False, False, False, False, False, clock=clock)
    clock.seconds += 29
    assert (breaker.admit(), breaker.delay) == (None, 1.0)


def test_one_call_probes_after_the_reset():
    """The first is admitted, the second has to wait for its outcome."""
    clock = Clock()
    breaker = breaker_after(False, False, False, False, False, clock=clock)
    clock.seconds += 30
    assert breaker.admit() is not None
    assert (breaker.admit(), breaker.phase, breaker.delay) == (None, "half_open", None)


def test_a_good_probe_closes_the_circuit():
    """And the failures of before are forgotten."""
    clock = Clock()
    breaker = breaker_after(False, False, False, False, False, clock=clock)
    clock.seconds += 30
    breaker.record(breaker.admit() or 0, ok=True)
    assert breaker.phase == "closed"
    for _ in range(4):
        breaker.record(breaker.admit() or 0, ok=False)
    assert breaker.phase == "closed"


def test_it_gives_up_after_two_failed_probes():
    """From then on nobody is admitted, however much time passes."""
    clock = Clock()
    breaker = breaker_after(False, False, False, False, False, clock=clock)
    for _ in range(2):
        clock.seconds += 30
        breaker.record(breaker.admit() or 0, ok=False)
    clock.seconds += 3600
    assert (breaker.has_given_up, breaker.admit()) == (True, None)


def test_a_call_from_before_the_opening_does_not_close_the_circuit():
    """Its ticket is of an earlier phase."""
    breaker = CircuitBreaker(POLICY, clock=Clock())
    early = breaker.admit() or 0
    for _ in range(5):
        breaker.record(breaker.admit() or 0, ok=False)
    breaker.record(early, ok=True)
    assert (breaker.phase, breaker.is_current(early)) == ("open", False)


def test_an_abandoned_probe_lets_another_call_probe():
    """A cancelled call must not block the circuit for ever."""
    clock = Clock()
    breaker = breaker_after(False, False, False, False, False, clock=clock)
    clock.seconds += 30
    breaker.abandon(breaker.admit() or 0)
    assert breaker.admit() is not None
