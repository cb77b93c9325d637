"""What the tap does when vendors, networks and machines fail."""
