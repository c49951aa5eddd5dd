"""What is declared: tables and views, and what derives from a declaration."""
