"""Normalised events and participants."""
