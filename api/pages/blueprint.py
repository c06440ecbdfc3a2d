"""The blueprint of all pages; they are not part of the OpenAPI description."""

from apiflask import APIBlueprint

bp = APIBlueprint("pages", __name__, template_folder="templates", enable_openapi=False)
