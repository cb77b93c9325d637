"""Reads history completely: windows, passes over their pages, and the proof that nothing lacks."""
