"""What is published, and what it pins."""
