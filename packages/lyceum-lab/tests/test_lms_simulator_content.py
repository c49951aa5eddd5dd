"""What the simulated LMS holds, and which faults it plans: no server needed."""

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from lyceum_lab.lms import Fault, RateError, SimulatorConfig, SimulatorConfigError, parse_faults
from lyceum_lab.lms.accounting import RateLimit, most_in_one_second
from lyceum_lab.lms.content import OFFSETS
from lyceum_lab.lms.faults import FaultPlan
from lyceum_lab.lms.wire import json_bytes


def sessions(**config):
    return [session for _, session in SimulatorConfig(**config).content().sessions()]


def spoilt(kind, **config):
    """The sessions of ten events that a kind of dirt changed, each with its clean version."""
    clean, dirty = sessions(events=10), sessions(events=10, dirt=f"{kind}=1", **config)
    return list(zip(dirty, clean, strict=True))


# Clean content


def test_the_seed_alone_decides_the_content():
    """One seed gives the same events and sessions twice, another gives others."""
    first, again, other = (SimulatorConfig(events=5, seed=seed).content() for seed in (1, 1, 2))
    assert (first.events, first.details) == (again.events, again.details)
    assert not set(first.events) & set(other.events)


def test_an_event_does_not_depend_on_how_many_there_are():
    """The first three of a hundred events are the three of three."""
    few, many = (SimulatorConfig(events=events).content() for events in (3, 100))
    assert list(many.details.items())[:3] == list(few.details.items())


def test_every_event_announces_its_number_of_sessions():
    """session_count is the length of the list, from none to six."""
    lms = SimulatorConfig(events=200).content()
    counts = {event_id: event["session_count"] for event_id, event in lms.events.items()}
    assert counts == {key: len(detail["sessions"]) for key, detail in lms.details.items()}
    assert set(counts.values()) == {0, 1, 2, 3, 4, 5, 6}


def test_clean_sessions_are_valid():
    """Ids are unique, starts are before ends, and every zone is an offset or a known name."""
    found = sessions(events=200)
    assert len({session["id"] for session in found}) == len(found)
    for session in found:
        start, end = (datetime.fromisoformat(session[key]) for key in ("start_time", "end_time"))
        assert start < end
        assert session["timezone"] in OFFSETS or ZoneInfo(session["timezone"])
        assert set(session) == {
            "id",
            "eval_id",
            "start_time",
            "end_time",
            "timezone",
            "title",
            "products",
        }


def test_content_is_varied():
    """Five programmes and brands, sessions with 0 to 3 products, emoji and right-to-left titles."""
    lms = SimulatorConfig(events=200).content()
    titles = "".join(session["title"] for _, session in lms.sessions())
    assert len({event["programme"] for event in lms.events.values()}) == 5
    assert len({event["brand"] for event in lms.events.values()}) == 5
    assert {len(session["products"]) for _, session in lms.sessions()} == {0, 1, 2, 3}
    assert "🚀" in titles
    assert "مقدمة" in titles


# Dirt


def test_an_id_can_be_missing_or_of_the_wrong_type():
    """Sessions lose their id, or have a number, a null, a list or an object for it."""
    assert all("id" not in session for session, _ in spoilt("missing_id"))
    types = {type(session["id"]) for session, _ in spoilt("wrong_type_id")}
    assert types == {int, float, bool, type(None), list, dict}


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("null_product", [None, [None]]),
        ("empty_product", [[{}], {}, ""]),
    ],
)
def test_products_can_be_null_or_empty(kind, shapes):
    """Every shape of nothing occurs, and no other."""
    found = [session["products"] for session, _ in spoilt(kind)]
    assert [shape for shape in shapes if shape not in found] == []
    assert [products for products in found if products not in shapes] == []


def test_products_can_be_nested():
    """The list of products lies in a list, or in the field of another object."""
    depths = {type(session["products"][0]) for session, _ in spoilt("nested_product")}
    assert depths == {list, dict}


def test_times_come_in_five_formats():
    """The first start, 2026-01-05 08:00 at the earliest, is written in five ways."""
    masks = {
        "".join("0" if c.isdigit() else c for c in session["start_time"])
        for session, _ in spoilt("mixed_times")
    }
    assert masks == {
        "0000000000",
        "0000-00-00 00:00:00",
        "00/00/0000 00:00",
        "00/00/0000 00:00 AM",
        "00/00/0000 00:00 PM",
        "00000000T000000Z",
    }


def test_times_can_be_garbage_or_the_wrong_way_round():
    """A start is nothing that a time could be, or lies after the end."""
    assert {str(session["start_time"]) for session, _ in spoilt("garbage_time")} >= {"tomorrow", ""}
    for session, clean in spoilt("end_before_start"):
        assert (session["start_time"], session["end_time"]) == (
            clean["end_time"],
            clean["start_time"],
        )


def test_a_zone_can_be_unknown_and_a_field_new():
    """No time zone has the given name, and fields that the API does not know appear."""
    assert {session["timezone"] for session, _ in spoilt("unknown_timezone")} == {
        "Mars/Olympus_Mons",
        "CEST?",
        "+27:00",
        "",
    }
    assert {session["custom"]["room"] for session, _ in spoilt("unknown_fields")} == {"B2"}


def test_a_session_can_be_in_two_events():
    """With every event sharing, each has the first session of the one before."""
    lms = SimulatorConfig(events=10, dirt="shared_session=1").content()
    events = Counter(session["id"] for _, session in lms.sessions())
    assert max(events.values()) >= 2
    counts = [event["session_count"] for event in lms.events.values()]
    assert counts == [len(detail["sessions"]) for detail in lms.details.values()]


def test_a_payload_can_lack_its_sessions_or_be_huge():
    """No `sessions` at all, or a payload of just over 5 MB."""
    lacking = SimulatorConfig(events=2, dirt={"no_sessions": 1}).content()
    assert ["sessions" in detail for detail in lacking.details.values()] == [False, False]
    huge = SimulatorConfig(events=1, dirt={"huge_payload": 1}).content()
    [detail] = huge.details.values()
    assert 5 * 1024**2 < len(json_bytes(detail)) < 5.1 * 1024**2


def test_event_ids_can_be_odd():
    """Ids carry a slash, a question mark or an apostrophe, in events and details alike."""
    lms = SimulatorConfig(events=20, dirt="odd_event_id=1").content()
    assert list(lms.events) == [detail["event_id"] for detail in lms.details.values()]
    assert all(set(event_id) & set("/?'") for event_id in lms.events)


def test_dirt_keeps_to_its_rate_and_its_seed():
    """A tenth of some 3,000 sessions has no id, the same ones every time."""
    first, again = (sessions(events=1000, dirt="missing_id=0.1") for _ in range(2))
    assert first == again
    missing = sum("id" not in session for session in first) / len(first)
    assert missing == pytest.approx(0.1, abs=0.015)


def test_one_number_is_the_rate_of_all_dirt():
    """Dirt at 1.0 spoils every payload, and generates without an error."""
    lms = SimulatorConfig(events=20, dirt=1.0).content()
    assert {"sessions" in detail for detail in lms.details.values()} == {False}


# Rates


def test_rates_are_read_from_text():
    """`timeout` is another name of `slow`, a scope narrows, spaces do not matter."""
    assert parse_faults("http_500=0.05, timeout=0.01,events.http_503=1") == {
        "http_500": 0.05,
        "timeout": 0.01,
        "events.http_503": 1.0,
    }
    assert parse_faults("") == {}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("http_418=0.1", "Unknown fault 'http_418'; expected one of: http_404, "),
        ("lists.http_500=0.1", "Unknown fault 'lists.http_500'"),
        ("http_500=1.5", "rate of fault http_500 is '1.5'; expected a number from 0 to 1"),
        ("http_500=-0.1", "rate of fault http_500 is '-0.1'"),
        ("http_500=nan", "rate of fault http_500 is 'nan'"),
        ("http_500=often", "rate of fault http_500 is 'often'"),
        ("http_500=0.1,slow", "rate of fault slow is ''"),
        ("details.page_loop=1", "only the events list has pages; use events.page_loop"),
        ({"http_500": 2.0}, "rate of fault http_500 is 2.0"),
    ],
)
def test_a_wrong_fault_is_refused_by_name(spec, message):
    """The message names the fault and what was expected."""
    with pytest.raises(RateError, match=message):
        SimulatorConfig(faults=spec)


def test_a_wrong_setting_is_refused_by_name():
    """Unknown dirt, and a rate limit of zero."""
    with pytest.raises(RateError, match="Unknown dirt 'mud'; expected one of: missing_id, "):
        SimulatorConfig(dirt="mud=1")
    with pytest.raises(SimulatorConfigError, match="rate_limit is 0; expected at least 1"):
        SimulatorConfig(rate_limit=0)


# The plan of faults


def test_a_fault_keeps_to_its_rate():
    """A tenth of 5,000 first attempts fails."""
    plan = FaultPlan("http_500=0.1", seed=1)
    hits = sum(plan.fault("details", str(n), 1) is not None for n in range(5000))
    assert hits / 5000 == pytest.approx(0.1, abs=0.015)


def test_permanent_faults_stay_and_transient_ones_are_drawn_anew():
    """Over ten attempts an event has one answer to http_404 and several to http_500."""
    permanent, transient = (FaultPlan(f"{name}=0.5", seed=1) for name in ("http_404", "http_500"))
    for event in "abcde":
        assert len({permanent.fault("details", event, attempt) for attempt in range(1, 11)}) == 1
        assert len({transient.fault("details", event, attempt) for attempt in range(1, 11)}) == 2


def test_transient_faults_clear_after_the_set_attempts():
    """With clear_after=2 a certain 500 ends at the third attempt; a certain 403 does not."""
    plan = FaultPlan("http_500=1", seed=1, clear_after=2)
    faults = [plan.fault("details", "e1", attempt) for attempt in (1, 2, 3)]
    assert faults == [Fault.HTTP_500, Fault.HTTP_500, None]
    assert FaultPlan("http_403=1", seed=1, clear_after=2).fault("details", "e1", 9) == "http_403"


def test_permanent_faults_spare_the_events_list():
    """http_404 without a scope concerns details only."""
    plan = FaultPlan("http_404=1", seed=1)
    assert plan.fault("events", "1", 1) is None
    assert plan.fault("details", "1", 1) is Fault.HTTP_404


def test_a_scoped_rate_overrides_the_general_one():
    """Every details call fails but none of the events list."""
    plan = FaultPlan("events.http_500=0,http_500=1", seed=1)
    assert plan.fault("details", "e1", 1) is Fault.HTTP_500
    assert plan.fault("events", "1", 1) is None


# Counting


@pytest.mark.parametrize(
    ("arrivals", "most"),
    [([], 0), ([3.0], 1), ([0.0, 0.999, 1.0, 1.5], 3), ([0.0, 1.0, 2.0], 1)],
)
def test_the_fullest_second_is_found(arrivals, most):
    """The second is half-open: a call exactly one second later is outside."""
    assert most_in_one_second(arrivals) == most


def test_refused_calls_do_not_use_up_the_rate_limit():
    """Two a second: the third is refused, and a second after the first one is accepted again."""
    limit = RateLimit(2)
    assert [limit.accepts(now) for now in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
