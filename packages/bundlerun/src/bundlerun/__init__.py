"""Runs what a bundle describes on one machine: its declarative pipelines."""
