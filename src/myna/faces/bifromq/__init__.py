"""BifroMQ's HTTP API: back ends publish, subscribe for their clients, look at sessions and end them, tenant by tenant."""
