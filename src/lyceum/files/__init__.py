"""Delivered files of delimited text: what a line and a record is."""
