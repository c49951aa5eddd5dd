"""What only one machine needs: jars, set-up, simulators."""
