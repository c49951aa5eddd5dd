"""Sales by month, product and country."""
