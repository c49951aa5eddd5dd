"""Sessions of the embedded engine, each case in a process of its own."""

import subprocess
import sys

import pytest
from contract_lakes import ENGINE

pytestmark = pytest.mark.skipif(ENGINE != "embedded", reason="the session of the other engine")

IN_A_THREAD = """
import os, signal, threading
from pocketlake.sessions import embedded_session

signal.signal(signal.SIGINT, signal.default_int_handler)
made = []
thread = threading.Thread(target=lambda: made.append(embedded_session()))
thread.start()
thread.join()
try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    print(made[0].sql("SELECT 'still there' AS it").collect()[0].it)
"""
OTHER_CATALOG = """
from pocketlake.sessions import embedded_session

spark = embedded_session(catalog="main")
spark.sql("CREATE SCHEMA silver")
print(spark.catalog.currentCatalog(), spark.catalog.databaseExists("main.silver"))
"""
GARBAGE = """
import gc
from concurrent.futures import ThreadPoolExecutor
from pocketlake.sessions import embedded_session

spark, forgotten = embedded_session(), embedded_session()
forgotten.itself = forgotten
del forgotten
starting = ThreadPoolExecutor._adjust_thread_count
ThreadPoolExecutor._adjust_thread_count = lambda pool: (gc.collect(), starting(pool))
print(spark.range(100_000).toArrow().num_rows)
"""


def said(script: str) -> str:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_ctrl_c_is_pythons_whichever_thread_made_the_session_and_the_server_goes_on():
    assert said(IN_A_THREAD) == "still there\n"


def test_another_catalog_is_the_current_one():
    assert said(OTHER_CATALOG) == "main True\n"


def test_a_session_that_is_collected_during_a_query_of_another_does_not_block_it():
    """It did, in one of many runs of a process with several sessions."""
    assert said(GARBAGE) == "100000\n"
