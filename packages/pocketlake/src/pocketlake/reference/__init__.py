"""The reference engine on one machine: Java, the Delta jars, a Spark Connect server."""
