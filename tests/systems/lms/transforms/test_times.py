"""Times and time zones as people write them."""

from pyspark.sql import functions as F

from lyceum.systems.lms.times import instant, standard_timezone
from tables import assert_rows, draw

INSTANTS = """
    text                             | zone             | instant
    2026-01-31T15:05:00Z             | Europe/Berlin    | 2026-01-31 15:05:00
    2026-01-31T15:05:00+02:00        | NULL             | 2026-01-31 13:05:00
    2026-01-31T15:05:00+0200         | NULL             | 2026-01-31 13:05:00
    2026-01-31T15:05:00.123456+00:00 | America/New_York | 2026-01-31 15:05:00.123456
    2026-01-31T15:05                 | Europe/Berlin    | 2026-01-31 14:05:00
    2026-07-31 15:05:00              | Europe/Berlin    | 2026-07-31 13:05:00
    2026-01-31 15:05:00 +0200        | NULL             | 2026-01-31 13:05:00
    1/31/2026 3:05 PM                | +02:00           | 2026-01-31 13:05:00
    31.1.2026 15:05                  | GMT+2            | 2026-01-31 13:05:00
    1769871900000                    | Mars/Olympus     | 2026-01-31 15:05:00
    1769871900                       | UTC              | 2026-01-31 15:05:00
    2026-01-31 15:05                 | Mars/Olympus     | 2026-01-31 15:05:00
    2026-01-31t15:05:00.5z           | UTC              | 2026-01-31 15:05:00.5
    2026-03-29 02:30:00              | Europe/Berlin    | 2026-03-29 01:30:00
    2026-10-25 02:30:00              | Europe/Berlin    | 2026-10-25 00:30:00
    1/31/2026 12:05:09 am            | -03:30           | 2026-01-31 03:35:09
    31.01.2026 15:05:09              | Asia/Kathmandu   | 2026-01-31 09:20:09
    2026-01-31T15:05:00              | BST              | 2026-01-31 15:05:00
    1/31/2026 13:05 PM               | UTC              | NULL
    2026-02-30 10:00                 | UTC              | NULL
    2026-13-31T15:05:00Z             | UTC              | NULL
    2026-01-31                       | UTC              | NULL
    soon                             | UTC              | NULL
    NULL                             | UTC              | NULL
"""

ZONES = """
    zone          | standard
    Europe/Berlin | Europe/Berlin
    UTC           | UTC
    Z             | Z
    +02:00        | +02:00
    -5            | -05:00
    +0530         | +05:30
    GMT+2         | +02:00
    UTC-03:30     | -03:30
    America/Argentina/Ushuaia | America/Argentina/Ushuaia
    CET           | CET
    Mars/Olympus  | NULL
    europe/berlin | NULL
    +19:00        | NULL
    BST           | NULL
    12            | NULL
    later         | NULL
                  | NULL
    NULL          | NULL
"""


def test_every_known_style_is_the_instant_it_means(spark):
    """A text without an offset is local to its zone, in summer too; garbage is NULL."""
    written = draw(spark, INSTANTS).drop("instant")
    read = written.withColumn("instant", instant(F.col("text"), standard_timezone(F.col("zone"))))
    assert_rows(read, INSTANTS)


def test_a_time_zone_is_a_name_or_an_offset(spark):
    """Three letters that mean several zones, such as BST, are none."""
    written = draw(spark, ZONES).drop("standard")
    assert_rows(written.withColumn("standard", standard_timezone(F.col("zone"))), ZONES)
