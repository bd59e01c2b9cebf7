"""What is counted, on its way to monitoring that people already run."""
