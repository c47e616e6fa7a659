"""How results look: tables in text and HTML, and pictures; knows numbers and words only."""
