"""Gold: the figures that people ask for, one module a family of tables."""
