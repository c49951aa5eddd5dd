"""Reliable sales: transaction files to daily, monthly and performance tables."""
