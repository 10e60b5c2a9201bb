"""BifroMQ's HTTP API: publishing, subscribing for clients, looking at sessions and ending them, by tenant."""
