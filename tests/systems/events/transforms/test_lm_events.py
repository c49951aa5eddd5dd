"""What becomes of the events that are delivered."""

from landing_rows import landed, nothing
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lyceum.quality.rules import broken_rules
from lyceum.systems.events.silver.deliveries import (
    LANDING_RULES,
    keyless_rows,
    last_deliveries,
    latest_master,
    lost_rows,
)
from lyceum.systems.events.silver.lm_events import EVENT_RULES, event_records, lm_events
from lyceum.systems.events.silver.standard import day, moment, truth
from lyceum.systems.events.source import BRANDS, EVENTS, INDICATIONS
from lyceum.systems.events.source.rows import GUESSED
from tables import assert_rows, draw


def records(spark: SparkSession, events: str, brands: str = "", indications: str = "") -> DataFrame:
    return event_records(
        landed(spark, EVENTS, events),
        landing_brands=landed(spark, BRANDS, brands) if brands else nothing(spark, BRANDS),
        landing_indications=landed(spark, INDICATIONS, indications)
        if indications
        else nothing(spark, INDICATIONS),
    )


def broken(found: DataFrame) -> DataFrame:
    return broken_rules(found, rules=EVENT_RULES)


def test_every_field_of_an_event_lands_in_its_column_standardised(spark):
    """Identifiers are trimmed and upper case, empty ones NULL; names are only trimmed."""
    found = records(
        spark,
        """
        event_id | event_name | event_date | brand_id | indication_id | oasis_modified_date | _n
        e1       | Talk: Über | 2026-03-01 | b-1      | i1            | 2026-01-01 10:00:00 | 1
        E2       |            | 2026-03-02 |          | NULL          | 2026-01-01 10:00:00 | 1
        """,
        brands="brand_id | brand_name | _n \n B-1 | Cardivo | 1",
        indications="indication_id | _n \n I1 | 1",
    )
    assert_rows(
        lm_events(found),
        """
        event_id | event_name | event_date | brand_id | brand_name | indication_id | oasis_modified_date
        E1       | Talk: Über | 2026-03-01 | B-1      | Cardivo    | I1            | 2026-01-01 10:00:00
        E2       | NULL       | 2026-03-02 | NULL     | NULL       | NULL          | 2026-01-01 10:00:00
        """,
    )
    assert broken(found).isEmpty()


def test_the_version_modified_last_counts(spark):
    """Whatever order they come in; ties go to the one ingested last; one without a date is oldest."""
    found = records(
        spark,
        """
        event_id | event_name    | event_date | oasis_modified_date  | _n
        late     | new           | 2026-03-01 | 2026-02-02           | 1
        LATE     | old           | 2026-03-01 | 2026-02-01           | 2
        tie      | came first    | 2026-03-01 | 2026-02-01           | 1
        tie      | came last     | 2026-03-01 | 2026-02-01T00:00:00Z | 2
        dateless | dated         | 2026-03-01 | 2026-02-01           | 1
        dateless | without date  | 2026-03-01 |                      | 2
        only     | without date  | 2026-03-01 | NULL                 | 1
        twice    | same row      | 2026-03-01 | 2026-02-01           | 1
        twice    | same row      | 2026-03-01 | 2026-02-01           | 1
        """,
    )
    assert_rows(
        lm_events(found),
        """
        event_id | event_name   | oasis_modified_date
        LATE     | new          | 2026-02-02 00:00:00
        TIE      | came last    | 2026-02-01 00:00:00
        DATELESS | dated        | 2026-02-01 00:00:00
        ONLY     | without date | NULL
        TWICE    | same row     | 2026-02-01 00:00:00
        """,
    )
    assert_rows(broken(found), "record_key | rule \n ONLY | event_without_modified_date")


def test_a_version_with_an_unreadable_date_is_rejected_until_a_good_one_comes(spark):
    """It never hides an earlier good version, and a good one that comes later mends it."""
    found = records(
        spark,
        """
        event_id | event_name | event_date | oasis_modified_date | _n
        kept     | good       | 2026-03-01 | 2026-02-01          | 1
        kept     | bad day    | 2026-13-01 | 2026-02-02          | 2
        mended   | bad time   | 2026-03-01 | yesterday           | 1
        mended   | good       | 2026-03-01 | 2026-02-01          | 2
        never    | bad day    | soon       | 2026-02-01          | 1
        """,
    )
    assert_rows(lm_events(found), "event_id | event_name \n KEPT | good \n MENDED | good")
    assert_rows(
        broken(found).withColumn("name", F.get_json_object("raw", "$.event_name")),
        """
        record_key | rule                  | severity | source_key | name
        KEPT       | unreadable_event_date | rejected | events/f2  | bad day
        NEVER      | unreadable_event_date | rejected | events/f1  | bad day
        """,
    )


def test_an_event_of_an_unknown_brand_stays_without_a_name_and_is_counted(spark):
    found = records(
        spark,
        """
        event_id | event_date | brand_id | indication_id | oasis_modified_date | _n
        e1       | 2026-03-01 | b1       | i9            | 2026-02-01          | 1
        e2       | NULL       | b9       | NULL          | 2026-02-01          | 1
        """,
        brands="brand_id | brand_name | _n \n b1 | NULL | 1",
    )
    assert_rows(
        lm_events(found),
        """
        event_id | event_date | brand_id | brand_name | indication_id
        E1       | 2026-03-01 | B1       | NULL       | I9
        E2       | NULL       | B9       | NULL       | NULL
        """,
    )
    assert_rows(
        broken(found),
        """
        record_key | rule               | severity
        E1         | unknown_indication | flagged
        E2         | unknown_brand      | flagged
        E2         | event_without_date | flagged
        """,
    )


def test_the_master_row_of_the_file_modified_last_counts(spark):
    """An older file that comes late does not win; what could not be read does not count."""
    brands = landed(
        spark,
        BRANDS,
        """
        brand_id | brand_name | _source_modified_at | _ingested_at        | _problem
        b1       | new        | 2026-01-02 00:00:00 | 2026-01-03 00:00:00 | NULL
        B1       | old        | 2026-01-01 00:00:00 | 2026-01-04 00:00:00 | NULL
        B2       | first      | 2026-01-01 00:00:00 | 2026-01-03 00:00:00 | NULL
        B2       | last       | 2026-01-01 00:00:00 | 2026-01-04 00:00:00 | NULL
        NULL     | NULL       | 2026-01-09 00:00:00 | 2026-01-09 00:00:00 | broken
                 | nobody     | 2026-01-09 00:00:00 | 2026-01-09 00:00:00 | NULL
        """,
    )
    assert_rows(
        latest_master(brands, entity=BRANDS), "brand_id | brand_name \n B1 | new \n B2 | last"
    )


def test_what_has_no_key_is_lost_until_its_file_is_delivered_again(spark):
    found = landed(
        spark,
        EVENTS,
        f"""
        event_id | event_name | _source_file | _source_modified_at | _row_number | _problem | _raw
        E1       | good       | a.csv        | 2026-01-01 00:00:00 | 1           | NULL     | NULL
                 | nobody     | a.csv        | 2026-01-01 00:00:00 | 2           | NULL     | NULL
        NULL     | NULL       | a.csv        | 2026-01-01 00:00:00 | 3           | ragged   | E3,x,y
        NULL     | NULL       | b.gz         | 2026-01-01 00:00:00 | 0           | cut off  | NULL
        NULL     | NULL       | c.csv        | 2026-01-01 00:00:00 | 1           | ragged   | x
        E2       | Café       | d.csv        | 2026-01-01 00:00:00 | 2           | NULL     | NULL
        NULL     | NULL       | d.csv        | 2026-01-01 00:00:00 | 0           | {GUESSED} | NULL
        E1       | mended     | c.csv        | 2026-01-02 00:00:00 | 1           | NULL     | NULL
        """,
    )
    lost = lost_rows(
        keyless_rows(found, entity=EVENTS), deliveries=last_deliveries(found, entity=EVENTS)
    )
    assert_rows(
        broken_rules(lost, rules=LANDING_RULES),
        f"""
        source_key   | rule             | severity | record_key | position | raw
        events/a.csv | row_without_id   | rejected | line 2     | 2        | {{"event_id":"","event_name":"nobody"}}
        events/a.csv | malformed_row    | rejected | line 3     | 3        | E3,x,y
        events/b.gz  | unreadable_file  | rejected | NULL       | NULL     | cut off
        events/d.csv | guessed_encoding | flagged  | NULL       | NULL     | {GUESSED}
        """,
    )


def test_dates_and_times_in_every_style(spark):
    """A date keeps its own day, an instant is brought to UTC; what is no date stays NULL."""
    texts = draw(
        spark,
        """
        text
        2026-01-31
        2026-01-31T23:30:00-05:00
        2026-01-31 09:30:15.5
        20260131
        2026/1/31
        1/31/2026
        01/31/2026 3:05 PM
        31.1.2026
        31.01.2026 15:05
        31-Jan-2026
        1-FEB-2026
        1/31/2026 12:05:09 am
        31-January-2026
        001/31/2026
        2026-02-30
        2026
        12:30
        31/1/2026
        tomorrow
        NULL
        """,
    )
    assert_rows(
        texts.select(
            "text", day(F.col("text")).alias("day"), moment(F.col("text")).alias("moment")
        ),
        """
        text                      | day        | moment
        2026-01-31                | 2026-01-31 | 2026-01-31 00:00:00
        2026-01-31T23:30:00-05:00 | 2026-01-31 | 2026-02-01 04:30:00
        2026-01-31 09:30:15.5     | 2026-01-31 | 2026-01-31 09:30:15.5
        20260131                  | 2026-01-31 | 2026-01-31 00:00:00
        2026/1/31                 | 2026-01-31 | 2026-01-31 00:00:00
        1/31/2026                 | 2026-01-31 | 2026-01-31 00:00:00
        01/31/2026 3:05 PM        | 2026-01-31 | 2026-01-31 15:05:00
        31.1.2026                 | 2026-01-31 | 2026-01-31 00:00:00
        31.01.2026 15:05          | 2026-01-31 | 2026-01-31 15:05:00
        31-Jan-2026               | 2026-01-31 | 2026-01-31 00:00:00
        1-FEB-2026                | 2026-02-01 | 2026-02-01 00:00:00
        1/31/2026 12:05:09 am     | 2026-01-31 | 2026-01-31 00:05:09
        31-January-2026           | NULL       | NULL
        001/31/2026               | NULL       | NULL
        2026-02-30                | NULL       | NULL
        2026                      | NULL       | NULL
        12:30                     | NULL       | NULL
        31/1/2026                 | NULL       | NULL
        tomorrow                  | NULL       | NULL
        NULL                      | NULL       | NULL
        """,
    )


def test_truth_has_many_spellings(spark):
    words = draw(
        spark,
        """
        word  | expected:boolean
        true  | true
        TRUE  | true
        Y     | true
        yes   | true
        1     | true
        False | false
        n     | false
        NO    | false
        0     | false
        maybe | NULL
        2     | NULL
              | NULL
        NULL  | NULL
        """,
    )
    assert words.where(~truth(F.col("word")).eqNullSafe(F.col("expected"))).isEmpty()
