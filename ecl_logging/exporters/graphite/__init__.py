"""Graphite: points over TCP, in carbon's plaintext protocol."""
