"""The frame that all pages share: layout, components, static files, middleware, problem details."""
