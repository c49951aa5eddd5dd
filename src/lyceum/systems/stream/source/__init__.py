"""Where messages come from: a broker, or a folder of JSON lines."""
