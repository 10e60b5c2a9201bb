"""Azure Event Grid's MQTT broker over HTTP: publish, retained messages, and its way of deciding who may do what."""
