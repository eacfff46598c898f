"""What contexts show each other: events (frozen, versioned) and small protocols, one file per context."""
