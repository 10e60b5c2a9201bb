"""Azure Web PubSub's data plane: REST, WebSocket clients and MQTT clients of a hub. A hub is a tenant."""
