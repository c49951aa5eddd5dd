"""The processes in which tasks run: a server that forks them, and what each of them does."""

QUIET = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}
"""Variables that keep libraries from starting threads when they are imported."""
