"""Quality: rules over records, expectations over tables, the gate after a load."""
