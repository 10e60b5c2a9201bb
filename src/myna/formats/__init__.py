"""What several APIs speak."""
