"""The event pipeline: delivered files to normalised tables, key figures and exports."""
