"""Gold of the warehouse: dimensions and facts."""
