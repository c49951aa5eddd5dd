"""What an operator looks at: tables, runs, health, queries."""
