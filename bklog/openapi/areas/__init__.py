"""One module an area of the API, each ending in `AREA = Area(…)`: the folder is the registry."""
