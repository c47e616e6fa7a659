"""What is believed: variables, numbers with their sources, and the files they come from."""
