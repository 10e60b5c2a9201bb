"""Devices and people in SQL: tables, migrations, queries, and the threads they run on."""
