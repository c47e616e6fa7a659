"""What it means: verbs that read a case's passes and answer a question."""
