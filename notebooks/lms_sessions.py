# Databricks notebook source
# MAGIC %md
# MAGIC # LMS sessions
# MAGIC
# MAGIC What the LMS load leaves, for those who want to look at it. The tables and the column logic
# MAGIC are the wheel's; this notebook reads and shows. Its parameters say where the tables are, and
# MAGIC `product` limits the sessions to products whose name has that text in it.

# COMMAND ----------

# ruff: noqa: D100, E402, ERA001, F821, INP001, T201
import sys

# The wheel's sources lie beside the notebook. A job says where: its working directory may differ.
dbutils.widgets.text("source", "../src", "Folder of the sources")
sys.path.insert(0, dbutils.widgets.get("source"))

# COMMAND ----------

from pyspark.sql import functions as F

from lyceum.systems.lms.silver import EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS
from lyceum.systems.lms.times import instant, standard_timezone

dbutils.widgets.text("catalog", "spark_catalog", "Catalog")
dbutils.widgets.text("silver", "silver", "Schema of the sessions")
dbutils.widgets.text("ops", "ops", "Schema of quarantine and audit log")
dbutils.widgets.text("product", "", "Text in the product's name")

# COMMAND ----------

# DBTITLE 1,What a row is
for table in (EVENT_SESSION_DETAILS, EVENT_SESSION_PRODUCTS):
    print(f"{table.name}: {table.grain}")

# COMMAND ----------

# DBTITLE 1,Sessions
# MAGIC %sql
# MAGIC SELECT session_id, session_title, start_time, end_time, timezone, product_name, event_id
# MAGIC FROM IDENTIFIER(:catalog || '.' || :silver || '.event_session_details')
# MAGIC WHERE removed_at IS NULL AND contains(lower(coalesce(product_name, '')), lower(:product))
# MAGIC ORDER BY session_id

# COMMAND ----------

# MAGIC %md
# MAGIC ## When sessions are
# MAGIC The LMS writes times in many ways; `lyceum.systems.lms.times` reads them all.
# MAGIC `_sqldf` is the
# MAGIC result of the cell above.

# COMMAND ----------

starts, ends = (instant(F.col(name), F.col("timezone")) for name in ("start_time", "end_time"))
timed = spark.table(
    ".".join(dbutils.widgets.get(name) for name in ("catalog", "silver")) + ".event_session_details"
).select(
    "session_id",
    standard_timezone(F.col("timezone")).alias("timezone"),
    starts.alias("starts_at"),
    ((F.unix_seconds(ends) - F.unix_seconds(starts)) / 60).alias("minutes"),
)
display(
    timed.groupBy(F.date_trunc("month", "starts_at").cast("date").alias("month"))
    .agg(
        F.count("*").alias("sessions"),
        F.count_if(F.col("timezone").isNull()).alias("without_timezone"),
        F.round(F.avg("minutes"), 1).alias("minutes_on_average"),
    )
    .orderBy("month")
)

# COMMAND ----------

# DBTITLE 1,Products
# MAGIC %sql
# MAGIC SELECT product_name, product_type, count(DISTINCT session_id) AS sessions
# MAGIC FROM IDENTIFIER(:catalog || '.' || :silver || '.event_session_products')
# MAGIC WHERE removed_at IS NULL
# MAGIC GROUP BY product_name, product_type
# MAGIC ORDER BY sessions DESC, product_name

# COMMAND ----------

# DBTITLE 1,What is in quarantine
# MAGIC %sql
# MAGIC SELECT severity, rule, count(*) AS records, max(seen_at) AS seen_last,
# MAGIC   any_value(detail) AS example
# MAGIC FROM IDENTIFIER(:catalog || '.' || :ops || '.quarantine')
# MAGIC WHERE system = 'lms' AND resolved_at IS NULL
# MAGIC GROUP BY severity, rule
# MAGIC ORDER BY records DESC, rule

# COMMAND ----------

# DBTITLE 1,The last loads
# MAGIC %sql
# MAGIC SELECT * FROM IDENTIFIER(:catalog || '.' || :ops || '.lms_audit_log')
# MAGIC ORDER BY load_time DESC
# MAGIC LIMIT 20

# COMMAND ----------

dbutils.notebook.exit(timed.count())
