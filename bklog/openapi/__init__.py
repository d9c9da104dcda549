"""The OpenAPI document of the platform's own API: `document()` puts together what the modules of `areas/` say, one an area."""
