"""Formats that several APIs speak. Imports nothing of ours."""
