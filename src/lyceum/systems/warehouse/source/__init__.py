"""The OLTP database: what is read of it, and the files that are landed."""
