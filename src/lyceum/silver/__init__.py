"""Silver: typed, cleaned, one row a thing."""
