"""Bronze of the shop's sales: every transaction line once, typed, and the files they came in.

Two rows are the same if all eight columns are, as typed values, whatever files they came in: such
a row counts once. Rows are only ever added. A file that was changed under its name is read again:
its new rows are added, rows that it no longer has stay, and the change is flagged.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lyceum.model.table import Table
from lyceum.quality.rules import Rule, without_rejected

SHOP_TIMEZONE = "Europe/London"
_PRICE = "decimal(12,4)"
_TRANSACTION = (
    "invoice_no",
    "stock_code",
    "description",
    "quantity",
    "invoice_date",
    "unit_price",
    "customer_id",
    "country",
)

RAW_TRANSACTIONS = Table(
    name="bronze.raw_transactions",
    grain="one row per distinct line of a transaction, all eight columns compared",
    # The day limits what a load looks at; the hash alone would identify the row.
    keys=("date_key", "invoice_no", "stock_code", "row_hash"),
    columns="""
        date_key INT NOT NULL COMMENT 'Day of sale in the shop, yyyymmdd, time of Europe/London',
        row_hash BIGINT NOT NULL COMMENT 'xxhash64 of the eight columns',
        invoice_no STRING NOT NULL COMMENT 'Invoice; C at the start marks a cancellation',
        stock_code STRING NOT NULL COMMENT 'Product code',
        description STRING COMMENT 'Product name, as it came',
        quantity INT NOT NULL COMMENT 'Units; negative for a return',
        invoice_date TIMESTAMP NOT NULL COMMENT 'When it was invoiced, UTC',
        unit_price DECIMAL(12,4) NOT NULL COMMENT 'Price of a unit in pounds sterling',
        customer_id STRING COMMENT 'Customer, without the .0 of the files; NULL if not known',
        country STRING NOT NULL COMMENT 'Country of the customer',
        sale_date DATE NOT NULL COMMENT 'Day of sale in the shop, time of Europe/London',
        is_return BOOLEAN NOT NULL COMMENT 'True for a C invoice or a negative quantity',
        _source_file STRING NOT NULL COMMENT 'The file that brought the row first',
        _load_id STRING NOT NULL COMMENT 'The load that brought the row first',
        _ingested_at TIMESTAMP NOT NULL COMMENT 'When that load began, UTC'
    """,
    cluster_by=("date_key",),
    personal=("customer_id",),
    person=("customer_id",),
)

RAW_TRANSACTION_FILES = Table(
    name="bronze.raw_transaction_files",
    grain="one row per transaction file and content that was loaded, or rejected as a whole",
    keys=("file_name", "content_hash", "modified_at"),
    columns="""
        file_name STRING NOT NULL COMMENT 'Name of the file in its folder',
        content_hash STRING NOT NULL COMMENT 'SHA-256 of its bytes',
        bytes BIGINT NOT NULL COMMENT 'Size',
        modified_at TIMESTAMP NOT NULL COMMENT 'When the file was last changed, UTC',
        row_count BIGINT NOT NULL COMMENT 'Rows in the file',
        rejected_count BIGINT NOT NULL COMMENT 'Rows of it that broke a rule',
        load_id STRING NOT NULL COMMENT 'The load that read it',
        loaded_at TIMESTAMP NOT NULL COMMENT 'When that load began, UTC'
    """,
    cluster_by=(),
)

_WHOLE = "malformed IS NULL AND "

TRANSACTION_RULES = (
    Rule(
        "row_malformed",
        "rejected",
        "the line has not eight columns, or is not UTF-8",
        "malformed IS NOT NULL",
    ),
    Rule(
        "missing_invoice_no",
        "rejected",
        "the invoice number is empty",
        f"{_WHOLE}invoice_no IS NULL",
    ),
    Rule(
        "missing_stock_code", "rejected", "the stock code is empty", f"{_WHOLE}stock_code IS NULL"
    ),
    Rule("missing_country", "rejected", "the country is empty", f"{_WHOLE}country IS NULL"),
    Rule(
        "unreadable_quantity",
        "rejected",
        "the quantity is no whole number",
        f"{_WHOLE}quantity IS NULL",
    ),
    Rule(
        "unreadable_invoice_date",
        "rejected",
        "the invoice date is no time like 2010-12-01 08:26:00",
        f"{_WHOLE}invoice_date IS NULL",
    ),
    Rule(
        "unreadable_unit_price",
        "rejected",
        "the unit price is no number of at most eight digits and four decimals",
        f"{_WHOLE}unit_price IS NULL",
    ),
    Rule("negative_unit_price", "rejected", "the unit price is negative", "unit_price < 0"),
    Rule(
        "unusual_customer_id",
        "flagged",
        "the customer is no whole number",
        "customer_id IS NOT NULL AND NOT customer_id RLIKE '^[0-9]+$'",
    ),
)

FILE_RULES = (
    Rule(
        "file_without_header",
        "rejected",
        "the file does not begin with the eight column names",
        "problem = 'file_without_header'",
    ),
    Rule("file_unreadable", "rejected", "the file cannot be opened", "problem = 'file_unreadable'"),
    Rule(
        "file_changed",
        "flagged",
        "a file of this name was loaded with other content; rows it no longer has were kept",
        "is_changed AND problem IS NULL",
    ),
)


def transaction_records(rows: DataFrame, *, load_id: str, loaded_at: Column) -> DataFrame:
    """The files' rows, typed, fit for `TRANSACTION_RULES`."""
    local_time = _local_time()
    typed = rows.withColumns(
        {
            "invoice_no": _text("InvoiceNo"),
            "stock_code": _text("StockCode"),
            "description": F.nullif(F.col("csv.Description"), F.lit("")),
            "quantity": _whole_number("Quantity").try_cast("int"),
            "local_time": local_time,
            "invoice_date": F.to_utc_timestamp(local_time, SHOP_TIMEZONE),
            "unit_price": _price(),
            "customer_id": _whole_number("CustomerID"),
            "country": _text("Country"),
        }
    )
    return typed.withColumns(
        {
            "source_key": F.col("_source_file"),
            "record_key": F.when(F.col("malformed").isNull(), F.col("invoice_no")).otherwise(
                F.concat(F.lit("line "), F.col("line"))
            ),
            "position": F.col("line").cast("bigint"),
            "raw": F.coalesce("malformed", F.to_json("csv")),
            "load_id": F.lit(load_id),
            "seen_at": loaded_at,
        }
    )


def raw_transactions(records: DataFrame) -> DataFrame:
    """The records that break no rule, each once; of equal ones the first file's."""
    good = without_rejected(records, rules=TRANSACTION_RULES).select(
        _date_key().alias("date_key"),
        _row_hash().alias("row_hash"),
        *_TRANSACTION,
        F.to_date("local_time").alias("sale_date"),
        (F.col("invoice_no").startswith("C") | (F.col("quantity") < 0)).alias("is_return"),
        "_source_file",
        F.col("load_id").alias("_load_id"),
        F.col("seen_at").alias("_ingested_at"),
    )
    # Equal rows differ in their file alone: of the other columns the greatest value is the value.
    same = [name for name in good.columns if name not in (*RAW_TRANSACTIONS.keys, "_source_file")]
    first = good.groupBy(*RAW_TRANSACTIONS.keys).agg(
        F.min("_source_file").alias("_source_file"), *(F.max(name).alias(name) for name in same)
    )
    return first.select(*good.columns)


def file_counts(records: DataFrame) -> DataFrame:
    """Rows, rejected rows and rows that break any rule, by file and day (NULL if unreadable)."""
    return records.groupBy(
        F.col("_source_file").alias("file_name"), _date_key().alias("date_key")
    ).agg(
        F.count("*").alias("row_count"),
        F.count_if(_breaks("rejected")).alias("rejected_count"),
        F.count_if(_breaks("rejected", "flagged")).alias("broken_count"),
    )


def _breaks(*severities: str) -> Column:
    """True for a record that breaks a rule of these severities."""
    broken = (rule.broken for rule in TRANSACTION_RULES if rule.severity in severities)
    return F.expr(" OR ".join(f"coalesce({text}, false)" for text in broken))


def _date_key() -> Column:
    """The day of the local time as a number, yyyymmdd."""
    day = F.col("local_time")
    return (F.year(day) * 10_000 + F.month(day) * 100 + F.dayofmonth(day)).cast("int")


def _text(column: str) -> Column:
    return F.nullif(F.trim(F.col(f"csv.{column}")), F.lit(""))


def _whole_number(column: str) -> Column:
    """The text without the `.0` that spreadsheets give to whole numbers."""
    return F.regexp_replace(_text(column), r"^([+-]?\d+)\.0+$", "$1")


def _local_time() -> Column:
    """The shop's time; a year has four digits, whatever else an engine's pattern would take."""
    text = _text("InvoiceDate")
    time = F.try_to_timestamp(text, F.lit("yyyy-MM-dd HH:mm:ss"))
    return F.when(text.rlike("^[1-9][0-9]{3}-"), time)


def _price() -> Column:
    """The price, if its type holds it exactly."""
    text = F.when(_text("UnitPrice").rlike("^[-+.0-9eE]+$"), _text("UnitPrice"))
    exact, number = text.try_cast("decimal(38,18)"), text.try_cast("double")
    price, of_number = exact.try_cast(_PRICE), number.try_cast(_PRICE)
    # Not every engine reads an exponent into a decimal; a double of so few digits is exact.
    with_exponent = F.when(of_number.cast("double") == number, of_number)
    return F.when(text.rlike("[eE]"), with_exponent).otherwise(F.when(price == exact, price))


def _row_hash() -> Column:
    return F.xxhash64(*_TRANSACTION)
