"""What must survive a restart. The core hands over records; here they are kept, or deliberately not."""
