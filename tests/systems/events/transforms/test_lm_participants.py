"""What becomes of the participants that are delivered, and of their MDM identifiers."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from landing_rows import landed, nothing
from pyspark.sql import DataFrame, SparkSession

from lyceum.quality.rules import broken_rules
from lyceum.systems.events.gold import event_figures, event_performance_kpi, product_performance_kpi
from lyceum.systems.events.silver.lm_participants import (
    PARTICIPANT_RULES,
    lm_participants,
    participant_records,
)
from lyceum.systems.events.silver.mdm import final_mdm_ids, mdm_links
from lyceum.systems.events.source import MDM, PARTICIPANTS
from tables import assert_rows, draw


def records(
    spark: SparkSession, participants: str, events: tuple[str, ...] = ("E1",), mdm: str = ""
) -> DataFrame:
    links = landed(spark, MDM, mdm) if mdm else nothing(spark, MDM)
    return participant_records(
        landed(spark, PARTICIPANTS, participants),
        events=draw(spark, "\n".join(["event_id", *events])),
        final_ids=final_mdm_ids(mdm_links(links)),
    )


def test_every_field_of_a_participant_lands_in_its_column_standardised(spark):
    found = records(
        spark,
        """
        participant_id | event_id | mdm_id | participant_type | attended | modified_date       | _n
        p1             | e1       | m1     | Speaker          | Yes      | 2026-02-01 10:00:00 | 1
        P2             | E1       |        | NULL             | perhaps  | 2026-02-01 10:00:00 | 1
        """,
        mdm="mdm_id | final_mdm_id | _n \n M1 | m7 | 1",
    )
    assert_rows(
        lm_participants(found),
        """
        participant_id | event_id | mdm_id | final_mdm_id | participant_type | attended | modified_date
        P1             | E1       | M1     | M7           | Speaker          | true     | 2026-02-01 10:00:00
        P2             | E1       | NULL   | NULL         | NULL             | NULL     | 2026-02-01 10:00:00
        """,
    )
    assert_rows(
        broken_rules(found, rules=PARTICIPANT_RULES),
        "record_key | rule | severity \n P2 | unreadable_attended | flagged",
    )


def test_a_participant_of_an_unknown_event_is_rejected_in_its_latest_version(spark):
    """Its earlier version, of a known event, does not stand in for it."""
    found = records(
        spark,
        """
        participant_id | event_id | modified_date | _n
        p1             | e1       | 2026-02-01    | 1
        p1             | e9       | 2026-02-02    | 2
        p2             | e9       | 2026-02-01    | 1
        p2             | e1       | 2026-02-02    | 2
        p3             |          | 2026-02-01    | 1
        p4             | e1       | some day      | 1
        p5             | e1       | NULL          | 1
        """,
    )
    assert_rows(lm_participants(found), "participant_id | event_id \n P2 | E1 \n P5 | E1")
    assert_rows(
        broken_rules(found, rules=PARTICIPANT_RULES),
        """
        record_key | rule                                 | severity
        P1         | unknown_event                        | rejected
        P3         | participant_without_event            | rejected
        P4         | unreadable_participant_modified_date | rejected
        P5         | participant_without_modified_date    | flagged
        """,
    )


def test_a_chain_of_mdm_ids_is_followed_to_its_end(spark):
    """An id without a mapping is its own end; whoever comes into a circle is rejected."""
    found = records(
        spark,
        """
        participant_id | event_id | mdm_id | modified_date | _n
        p1             | E1       | a      | 2026-02-01    | 1
        p2             | E1       | c      | 2026-02-01    | 1
        p3             | E1       | x      | 2026-02-01    | 1
        p4             | E1       | w      | 2026-02-01    | 1
        p5             | E1       | self   | 2026-02-01    | 1
        p6             | E1       | gone   | 2026-02-01    | 1
        p7             | E1       | new    | 2026-02-01    | 1
        """,
        mdm="""
        mdm_id | final_mdm_id | _n
        a      | b            | 1
        B      | c            | 1
        x      | y            | 1
        y      | z            | 1
        z      | x            | 1
        w      | x            | 1
        self   | SELF         | 1
        gone   |              | 1
        new    | a            | 2
        new    | x            | 1
        """,
    )
    assert_rows(
        lm_participants(found),
        """
        participant_id | mdm_id | final_mdm_id
        P1             | A      | C
        P2             | C      | C
        P5             | SELF   | SELF
        P6             | GONE   | GONE
        P7             | NEW    | C
        """,
    )
    assert_rows(
        broken_rules(found, rules=PARTICIPANT_RULES),
        "record_key | rule | severity \n P3 | mdm_circle | rejected \n P4 | mdm_circle | rejected",
    )


ids = st.sampled_from("abcdefgh")
mappings = st.lists(st.dictionaries(ids, ids, max_size=8), min_size=30, max_size=30)


def end_of_chain(links: dict[str, str], start: str) -> str | None:
    """Where a plain walk ends; None after more steps than there are links."""
    at = start
    for _ in range(len(links) + 1):
        if links.get(at, at) == at:
            return at
        at = links[at]
    return None


@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mappings)
def test_the_resolution_ends_every_chain_where_a_plain_walk_ends(spark, mappings):
    """Thirty mappings at once, their ids told apart by a prefix."""
    drawn = [(f"{i}{a}", f"{i}{b}") for i, links in enumerate(mappings) for a, b in links.items()]
    text = "\n".join(["mdm_id | final_mdm_id", *(f"{a} | {b}" for a, b in drawn)])
    found = {
        row.mdm_id: None if row.is_circular else row.final_mdm_id
        for row in final_mdm_ids(mdm_links(landed(spark, MDM, text))).collect()
    }
    links = {a.upper(): b.upper() for a, b in drawn}
    assert found == {a: end_of_chain(links, a) for a, b in links.items() if a != b}


def test_key_figures_count_every_event_and_every_participant(spark):
    """An event without participants counts; the rate is NULL where nobody registered."""
    events = draw(
        spark,
        """
        event_id | event_date:date | brand_id | brand_name
        E1       | 2026-03-01      | B1       | Cardivo
        E2       | 2026-03-01      | B9       | NULL
        E3       | 2026-03-02      | B1       | Cardivo
        E4       | NULL            | NULL     | NULL
        """,
    )
    participants = draw(
        spark,
        """
        participant_id | event_id | attended:boolean
        P1             | E1       | true
        P2             | E1       | false
        P3             | E1       | NULL
        P4             | E2       | true
        """,
    )
    figures = event_figures(events, participants=participants)
    assert_rows(
        event_performance_kpi(figures),
        """
        event_date | total_events | total_registrations | total_attendees | attendance_rate
        2026-03-01 | 2            | 4                   | 2               | 0.5
        2026-03-02 | 1            | 0                   | 0               | NULL
        NULL       | 1            | 0                   | 0               | NULL
        """,
    )
    assert_rows(
        product_performance_kpi(figures),
        """
        brand_id | brand_name | event_count | total_registrations | total_attendees
        B1       | Cardivo    | 2           | 3                   | 1
        B9       | NULL       | 1           | 1                   | 1
        NULL     | NULL       | 1           | 0                   | 0
        """,
    )
