"""What only trying and testing needs: a simulated LMS, sample deliveries, the demo."""
