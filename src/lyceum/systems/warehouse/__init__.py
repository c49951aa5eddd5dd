"""The analytics warehouse: an OLTP database to dimensions and facts."""
