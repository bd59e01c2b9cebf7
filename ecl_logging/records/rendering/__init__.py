"""From a log record to text and JSON, without the program ever being hurt by its own objects."""
