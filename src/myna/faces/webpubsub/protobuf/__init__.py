"""The protobuf subprotocols: their schema, requests read from it, replies and messages written in it."""
