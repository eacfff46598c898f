"""What comes back from a campaign's mails: signed tokens, bounces, complaints and answers."""
