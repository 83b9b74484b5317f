"""Staff screens of orders, customers and imports."""
