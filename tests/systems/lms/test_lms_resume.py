"""Which unfinished load a run goes on with."""

from datetime import UTC, datetime, timedelta

import pytest
from scripted_lms import settings

from lyceum.systems.lms.job_fetch import UnfinishedLoadError, load_source, opened
from lyceum.systems.lms.source.landing import Load, LoadFolder

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = load_source(settings(), None)


@pytest.fixture(autouse=True)
def unfinished(tmp_path):
    """A complete load of the LMS, begun and planned."""
    folder = LoadFolder.new(tmp_path, Load("complete", SOURCE, "l1", BEGUN))
    folder.plan(["a", "b"])


def again(root, *, scope="complete", since=None, hours=1, restart=False) -> str:
    """The load that a run some hours later works on: l1 or its own, l2."""
    at = BEGUN + timedelta(hours=hours)
    wanted = Load(scope, load_source(settings(), since), "l2", at)
    folder = opened(root, wanted, restart=restart)
    assert folder.is_planned == (folder.load.id == "l1")
    assert [path.name for path in root.iterdir()] == [folder.load.id]
    return folder.load.id


def test_a_load_of_the_same_kind_goes_on(tmp_path):
    assert again(tmp_path) == "l1"
    assert again(tmp_path, hours=24) == "l1"


def test_after_a_day_it_is_dropped(tmp_path):
    assert again(tmp_path, hours=24.01) == "l2"


def test_restart_drops_it_whatever_its_kind(tmp_path):
    assert again(tmp_path, scope="retry", restart=True) == "l2"


@pytest.mark.parametrize("other", [{"scope": "retry"}, {"scope": "since", "since": "2026-01-01"}])
def test_another_kind_of_load_is_refused(tmp_path, other):
    message = (
        r"expected no unfinished load, found the complete load of https://lms\.test begun at "
        r"2026-01-01 00:00 UTC: run that one again to finish it, or pass --restart to drop it"
    )
    with pytest.raises(UnfinishedLoadError, match=message):
        again(tmp_path, **other)
    assert LoadFolder.unfinished(tmp_path).load.id == "l1"


def test_another_kind_is_in_the_way_for_a_day_only(tmp_path):
    assert again(tmp_path, scope="retry", hours=30) == "l2"
