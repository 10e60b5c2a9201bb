"""Looking after a running broker over HTTP: /api/admin."""
