"""Gold of events: their key figures by day and by product."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table

EVENT_PERFORMANCE_KPI = Table(
    name="gold.event_performance_kpi",
    grain="one row per day with events, and one for the events without a date",
    keys=("event_date",),
    columns="""
        event_date DATE COMMENT 'Day of the events; NULL for those without one',
        total_events BIGINT COMMENT 'Events of the day, those without participants too',
        total_registrations BIGINT COMMENT 'Participants, each in the latest version',
        total_attendees BIGINT COMMENT 'Participants who attended',
        attendance_rate DOUBLE COMMENT 'Attendees by registrations; NULL without registrations'
    """,
    cluster_by=(),
)

PRODUCT_PERFORMANCE_KPI = Table(
    name="gold.product_performance_kpi",
    grain="one row per brand with events, and one for the events without a brand",
    keys=("brand_id",),
    columns="""
        brand_id STRING COMMENT 'Brand identifier; NULL for the events without one',
        brand_name STRING COMMENT 'Name of the brand; NULL if the brand is unknown',
        event_count BIGINT COMMENT 'Events of the brand',
        total_registrations BIGINT COMMENT 'Participants, each in the latest version',
        total_attendees BIGINT COMMENT 'Participants who attended'
    """,
    cluster_by=(),
)


def event_figures(events: DataFrame, *, participants: DataFrame) -> DataFrame:
    """The events with their registrations and attendees; NULL for one without participants."""
    by_event = participants.groupBy("event_id").agg(
        F.count("*").alias("registrations"), F.count_if("attended").alias("attendees")
    )
    return events.join(by_event, on="event_id", how="left").select(
        "event_date", "brand_id", "brand_name", "registrations", "attendees"
    )


def event_performance_kpi(figures: DataFrame) -> DataFrame:
    """Events, registrations, attendees and their rate by day of the event."""
    totals = figures.groupBy("event_date").agg(F.count("*").alias("total_events"), *_totals())
    rate = F.try_divide("total_attendees", "total_registrations")
    return totals.select("*", rate.alias("attendance_rate"))


def product_performance_kpi(figures: DataFrame) -> DataFrame:
    """Events, registrations and attendees by brand."""
    by_brand = figures.groupBy("brand_id", "brand_name")
    return by_brand.agg(F.count("*").alias("event_count"), *_totals())


def _totals() -> list[Column]:
    return [
        F.coalesce(F.sum(column), F.lit(0)).alias(f"total_{column}")
        for column in ("registrations", "attendees")
    ]
