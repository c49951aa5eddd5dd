"""Silver of the LMS: sessions and their products, parsed once from the bronze payloads.

The key of a session is its id. Its first usable product stands in the session's own columns;
every product, further ones too, is a row of `silver.event_session_products`.
"""

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, without_rejected
from lyceum.systems.lms.fields import LmsFields
from lyceum.systems.lms.json_text import is_nested, is_object, is_there, items, kind, scalar
from lyceum.systems.lms.times import instant, standard_timezone

EVENT_SESSION_DETAILS = Table(
    name="silver.event_session_details",
    grain="one row per LMS session",
    keys=("session_id",),
    columns="""
        session_id STRING NOT NULL COMMENT 'LMS session identifier',
        eval_id STRING COMMENT 'Identifier in the evaluation system',
        start_time STRING COMMENT 'Scheduled start, as the LMS writes it',
        end_time STRING COMMENT 'Scheduled end, as the LMS writes it',
        timezone STRING COMMENT 'Time zone or offset, as the LMS writes it',
        product_id STRING COMMENT 'First product: identifier',
        product_identification STRING COMMENT 'First product: identification code',
        product_name STRING COMMENT 'First product: product or course name',
        product_type STRING COMMENT 'First product: category',
        session_title STRING COMMENT 'Title of the session',
        starts_at TIMESTAMP COMMENT 'Scheduled start, UTC; NULL if start_time is in no known form',
        ends_at TIMESTAMP COMMENT 'Scheduled end, UTC; NULL if end_time is in no known form',
        event_id STRING NOT NULL COMMENT 'The event that the session belongs to',
        updated_at TIMESTAMP NOT NULL COMMENT 'Fetch that last changed the row, UTC',
        removed_at TIMESTAMP COMMENT 'When a load found the session gone from the LMS, UTC'
    """,
)

EVENT_SESSION_PRODUCTS = Table(
    name="silver.event_session_products",
    grain="one row per LMS session and product delivered in it",
    keys=("session_id", "product_id"),
    columns="""
        session_id STRING NOT NULL COMMENT 'LMS session identifier',
        product_id STRING NOT NULL COMMENT 'Product identifier',
        product_position INT NOT NULL COMMENT 'Place in the list of the LMS, from 0',
        product_identification STRING COMMENT 'Product identification code',
        product_name STRING COMMENT 'Product or course name',
        product_type STRING COMMENT 'Product category',
        event_id STRING NOT NULL COMMENT 'The event that the session belongs to',
        updated_at TIMESTAMP NOT NULL COMMENT 'Fetch that last changed the row, UTC',
        removed_at TIMESTAMP COMMENT 'When a load found the product gone from the session, UTC'
    """,
)

_HAS_USABLE_ID = "is_session AND id_kind IN ('STRING', 'BIGINT') AND session_id IS NOT NULL"

SESSION_RULES = (
    Rule(
        "payload_without_sessions",
        "rejected",
        "the payload of the event has no list of sessions",
        "NOT has_session_list",
    ),
    Rule(
        "session_not_an_object",
        "rejected",
        "an element of the session list is no object",
        "has_session_list AND NOT is_session",
    ),
    Rule(
        "session_without_id",
        "rejected",
        "the session has no id, or an empty one",
        "is_session AND (id_kind IS NULL OR (id_kind = 'STRING' AND session_id IS NULL))",
    ),
    Rule(
        "session_id_wrong_type",
        "rejected",
        "the id of the session is neither text nor a whole number",
        "is_session AND id_kind NOT IN ('STRING', 'BIGINT')",
    ),
    Rule(
        "session_in_two_events",
        "rejected",
        "another event, with a greater id, has the same session",
        f"{_HAS_USABLE_ID} AND event_id <> winning_event_id",
    ),
    Rule(
        "session_repeated",
        "rejected",
        "the payload has the same session again further down",
        f"{_HAS_USABLE_ID} AND event_id = winning_event_id AND version_rank > 1",
    ),
    Rule(
        "unreadable_field",
        "flagged",
        "a field that should be text is a list or an object",
        "is_session AND has_nested_field",
    ),
    Rule(
        "unknown_timezone",
        "flagged",
        "the time zone is neither an IANA name nor an offset",
        "timezone IS NOT NULL AND standard_timezone IS NULL",
    ),
    Rule(
        "unreadable_start_time",
        "flagged",
        "the start time is in no known format",
        "start_time IS NOT NULL AND starts_at IS NULL",
    ),
    Rule(
        "unreadable_end_time",
        "flagged",
        "the end time is in no known format",
        "end_time IS NOT NULL AND ends_at IS NULL",
    ),
    Rule(
        "ends_before_start",
        "flagged",
        "the session ends before it starts",
        "ends_at < starts_at",
    ),
    Rule(
        "unusable_product",
        "flagged",
        "a product of the session is null, nested or without id",
        "is_session AND has_unusable_product",
    ),
)

_SESSION_TEXTS = ("eval_id", "start_time", "end_time", "timezone", "session_title")
_PRODUCT_TEXTS = ("product_id", "product_identification", "product_name", "product_type")


def session_records(payloads: DataFrame, *, fields: LmsFields) -> DataFrame:
    """One row per element of the payloads' session lists, parsed, fit for `SESSION_RULES`.

    A payload without a session list gives one row. `version_rank` is 1 for the record of a
    session that counts: that of the event with the greatest id, compared as text, whichever was
    fetched first; in an event the one fetched last, then the one further down.
    """
    sessions = items(F.col("data_value"), fields.sessions)
    listed = payloads.select("event_id", "fetched_at", "load_id", sessions.alias("sessions"))
    elements = listed.select(
        "event_id",
        "fetched_at",
        "load_id",
        F.col("sessions").isNotNull().alias("has_session_list"),
        F.posexplode_outer("sessions").alias("position", "item"),
    ).where(F.col("position").isNotNull() | ~F.col("has_session_list"))
    return (
        elements.transform(_parsed_session, fields=fields)
        .transform(_parsed_products, fields=fields)
        .transform(_ranked_versions)
        .transform(_named_for_quarantine)
        .drop("item", "session", "all_products")
    )


def event_session_details(records: DataFrame) -> DataFrame:
    """The latest version of every session in the records, one row a session."""
    first_product = F.get(F.col("products"), F.lit(0))
    return without_rejected(records, rules=SESSION_RULES).select(
        "session_id",
        "eval_id",
        "start_time",
        "end_time",
        "timezone",
        *(first_product[name].alias(name) for name in _PRODUCT_TEXTS),
        "session_title",
        "starts_at",
        "ends_at",
        "event_id",
        F.col("fetched_at").alias("updated_at"),
        F.lit(None).cast("timestamp").alias("removed_at"),
    )


def event_session_products(records: DataFrame) -> DataFrame:
    """Every usable product of every session, one row a session and product."""
    exploded = without_rejected(records, rules=SESSION_RULES).select(
        "session_id",
        "event_id",
        "fetched_at",
        F.posexplode("products").alias("product_position", "product"),
    )
    first_first = Window.partitionBy("session_id", "product.product_id").orderBy("product_position")
    ranked = exploded.withColumn("rank", F.row_number().over(first_first))
    return ranked.where(F.col("rank") == 1).select(
        "session_id",
        "product.product_id",
        "product_position",
        *(f"product.{name}" for name in _PRODUCT_TEXTS if name != "product_id"),
        "event_id",
        F.col("fetched_at").alias("updated_at"),
        F.lit(None).cast("timestamp").alias("removed_at"),
    )


def removed(
    current: DataFrame, found: DataFrame, *, keys: tuple[str, ...], removed_at: Column
) -> DataFrame:
    """The rows of `current`, not yet marked, that are not among `found`, marked as removed.

    The caller limits `current` to the events whose sessions the load knows for certain.
    """
    gone = current.where(F.col("removed_at").isNull()).join(
        found.select(*keys), on=list(keys), how="left_anti"
    )
    return gone.withColumns({"updated_at": removed_at, "removed_at": removed_at})


def _parsed_session(elements: DataFrame, *, fields: LmsFields) -> DataFrame:
    session = F.col("session")
    texts = {name: scalar(session, getattr(fields, name)) for name in _SESSION_TEXTS}
    nested = [is_nested(session, getattr(fields, name)) for name in _SESSION_TEXTS]
    item = F.col("item")
    return (
        elements.withColumn("session", F.when(is_object(item), item))
        .withColumns(
            {
                "is_session": session.isNotNull(),
                "id_kind": kind(session, fields.session_id),
                "session_id": F.nullif(F.trim(scalar(session, fields.session_id)), F.lit("")),
                "has_nested_field": reduce(or_, nested),
                **texts,
            }
        )
        .withColumn("standard_timezone", standard_timezone(F.col("timezone")))
        .withColumns(
            {
                "starts_at": instant(F.col("start_time"), F.col("standard_timezone")),
                "ends_at": instant(F.col("end_time"), F.col("standard_timezone")),
            }
        )
    )


def _parsed_products(elements: DataFrame, *, fields: LmsFields) -> DataFrame:
    """Adds `products`, the usable ones in order, and whether there were others."""
    session, products = F.col("session"), F.col("all_products")
    is_no_list = products.isNull() & is_there(session, fields.products)
    elements_or_none = F.transform(
        items(session, fields.products), lambda p: F.when(is_object(p), p)
    )
    parsed = F.transform(elements_or_none, lambda p: _parsed_product(p, fields))
    usable = F.filter(products, lambda p: F.coalesce(F.trim(p["product_id"]), F.lit("")) != "")
    return elements.withColumn("all_products", parsed).withColumns(
        {
            "products": usable,
            "has_unusable_product": F.coalesce(is_no_list, F.lit(False))
            | F.coalesce(F.size(products) > F.size(usable), F.lit(False)),
        }
    )


def _parsed_product(product: Column, fields: LmsFields) -> Column:
    texts = (scalar(product, getattr(fields, name)).alias(name) for name in _PRODUCT_TEXTS)
    return F.struct(*texts)


def _ranked_versions(elements: DataFrame) -> DataFrame:
    best_first = Window.partitionBy("session_id").orderBy(
        F.desc("event_id"), F.desc("fetched_at"), F.desc("position")
    )
    return elements.withColumns(
        {
            "version_rank": F.row_number().over(best_first),
            "winning_event_id": F.first("event_id").over(best_first),
        }
    )


def _named_for_quarantine(elements: DataFrame) -> DataFrame:
    return elements.withColumns(
        {
            "source_key": F.col("event_id"),
            "record_key": F.col("session_id"),
            "position": F.col("position").cast("bigint"),
            "raw": F.col("item"),
            "seen_at": F.col("fetched_at"),
        }
    )
