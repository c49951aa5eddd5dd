"""What breaks a rule at present, from records and from what was lost in files."""

from hashlib import sha256

from landing_rows import landed, nothing

from lyceum.systems.events.silver.lm_broken_rules import lm_broken_rules
from lyceum.systems.events.silver.lm_events import EVENT_RULES, event_records
from lyceum.systems.events.silver.lm_participants import PARTICIPANT_RULES, participant_records
from lyceum.systems.events.source import BRANDS, ENTITIES, EVENTS, INDICATIONS, PARTICIPANTS
from tables import assert_rows, draw


def test_broken_rules_of_records_and_of_lost_rows_come_together_once_each(spark):
    """E1 twice breaks its rule once; of a file delivered again only its last rows are lost.

    Lines that are equal and equally bad are one record each.
    """
    landing = {entity: nothing(spark, entity) for entity in ENTITIES}
    landing[EVENTS] = landed(
        spark,
        EVENTS,
        """
        event_id | event_date | brand_id | oasis_modified_date | _source_file | _source_modified_at | _row_number
        E1       | 2026-03-01 | B9       | 2026-02-01          | one.csv      | 2026-01-01 00:00:00 | 1
        NULL     | 2026-03-01 | B1       | 2026-02-01          | one.csv      | 2026-01-01 00:00:00 | 2
        NULL     | 2026-03-02 | B1       | 2026-02-01          | two.csv      | 2026-01-01 00:00:00 | 1
        E1       | 2026-03-01 | B9       | 2026-02-01          | two.csv      | 2026-01-03 00:00:00 | 1
        """,
    )
    landing[PARTICIPANTS] = landed(
        spark,
        PARTICIPANTS,
        """
        participant_id | event_id | attended | modified_date | _problem    | _raw  | _row_number
        P1             | E9       | yes      | 2026-02-01    | NULL        | NULL  | 2
        NULL           | NULL     | NULL     | NULL          | ragged row  | P2;E1 | 3
        NULL           | NULL     | NULL     | NULL          | ragged row  | P2;E1 | 5
        P3             | NULL     | yes      | 2026-02-01    | NULL        | NULL  | 6
        P3             | NULL     | yes      | 2026-02-01    | NULL        | NULL  | 7
        """,
    )
    events = event_records(
        landing[EVENTS],
        landing_brands=landing[BRANDS],
        landing_indications=landing[INDICATIONS],
    )
    participants = participant_records(
        landing[PARTICIPANTS],
        events=events.select("event_id"),
        final_ids=draw(spark, "mdm_id | final_mdm_id | is_circular:boolean").limit(0),
    )
    records = {EVENT_RULES: events, PARTICIPANT_RULES: participants}
    found = lm_broken_rules(records, landing=landing)
    assert_rows(
        found,
        """
        system | rule                      | severity | source_key         | record_key | position
        events | unknown_brand             | flagged  | events/two.csv     | E1         | 1
        events | row_without_id            | rejected | events/one.csv     | line 2     | 2
        events | unknown_event             | rejected | participants/a.csv | P1         | 2
        events | malformed_row             | rejected | participants/a.csv | line 3     | 3
        events | malformed_row             | rejected | participants/a.csv | line 5     | 5
        events | participant_without_event | rejected | participants/a.csv | P3         | 6
        events | participant_without_event | rejected | participants/a.csv | P3         | 7
        """,
    )
    # The same on every engine, and whatever an engine makes of the record as JSON.
    named = [
        ("unknown_brand", "events/two.csv", "E1", 1),
        ("row_without_id", "events/one.csv", "line 2", 1),
    ]
    named += [("malformed_row", "participants/a.csv", f"line {n}", 1) for n in (3, 5)]
    named += [("participant_without_event", "participants/a.csv", "P3", n) for n in (1, 2)]
    named += [("unknown_event", "participants/a.csv", "P1", 1)]
    expected = [sha256("\x1f".join(["events", *map(str, one)]).encode()) for one in named]
    ids = {row.quarantine_id for row in found.select("quarantine_id").collect()}
    assert ids == {digest.hexdigest() for digest in expected}
