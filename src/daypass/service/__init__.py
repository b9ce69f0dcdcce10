"""What the product does; async only where it touches a port."""
