"""secousti where people already are: other toolkits' interfaces over ``Codec``.

Each module is one toolkit, imports it only when it is itself imported, and decides nothing: it
renames, pads and packs. docs/integrations.md lists them.
"""
