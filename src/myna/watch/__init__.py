"""What happened, for those who operate the broker: metrics, log lines and $SYS topics. Messages are counted, never
reported."""
