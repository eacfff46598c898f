"""Catalog: menus (documents, versions, publishing), opening hours, stock, kitchen slots."""
