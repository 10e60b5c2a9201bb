"""What one may do, where no dialect says it: rules of the configuration, and somebody else who may be asked."""
