"""Bronze: what the sources sent, as they sent it."""
