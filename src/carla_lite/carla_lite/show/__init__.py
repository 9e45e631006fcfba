"""What people look at: pictures of a world from above and through cameras, and a live page."""
