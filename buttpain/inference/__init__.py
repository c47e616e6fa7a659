"""What follows from it: evidence, elimination orders, circuits and cases."""
