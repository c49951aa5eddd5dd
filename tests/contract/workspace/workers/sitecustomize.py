"""Python workers of Spark have no network: whoever opens a connection in a UDF is refused."""

import sys

if any(name.startswith("pyspark.") for name in sys.orig_argv):

    def _refuse(event: str, args: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo"):
            raise PermissionError(f"[REFUSED] {event} in a UDF: a worker has no network")

    sys.addaudithook(_refuse)
