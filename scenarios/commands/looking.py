"""Commands that tell what there is, without running it."""

from typing import Annotated

import typer

from gridloom.scenarios.commands.options import AllowExternal, Overrides, Source, Variant, read


def validate(
    source: Source,
    overrides: Overrides = [],  # noqa: B006
    build: Annotated[
        bool,
        typer.Option("--build", help="Also read the grid and all files, as a run would (slower)."),
    ] = False,
    allow_external: AllowExternal = False,
) -> None:
    """Check a scenario file with all its variants and say everything that is wrong with it."""
    document = read(source, overrides, allow_external=allow_external)
    if build:
        from gridloom.scenarios.composition import compose

        for variant in document.variants or (None,):
            compose(document, document.scenario(variant))
    variants = f", variants: {', '.join(document.variants)}" if document.variants else ""
    print(f"{document.name}: valid ({document.path}{variants})")


def describe(
    source: Source,
    variant: Variant = None,
    overrides: Overrides = [],  # noqa: B006
    diagram: Annotated[
        str | None,
        typer.Option(
            "--diagram", metavar="FILE", help="Write a Mermaid diagram instead; `-` prints it."
        ),
    ] = None,
    schemes: Annotated[
        bool,
        typer.Option(
            "--schemes",
            help="Also show which installed schemes can serve it, and why others cannot.",
        ),
    ] = False,
    allow_external: AllowExternal = False,
) -> None:
    """Show a scenario's models, places, couplings, order, loops, information and foreign code."""
    from gridloom.scenarios.display_description import print_description, write_diagram
    from gridloom.scenarios.foreign_code import ForeignCodeError, print_foreign_code

    try:
        document = read(source, overrides, allow_external=allow_external)
    except ForeignCodeError as refused:  # to show it is what the user asks for
        print(f"{source}: shown no further without --allow-external")
        print_foreign_code(refused.found)
        return
    chosen = variant or next(iter(document.variants), None)
    if diagram is not None:
        write_diagram(document, chosen, diagram)
        return
    print_description(document, chosen, schemes=schemes)


def list_everything() -> None:
    """List the shipped scenarios and campaigns, and the types of simulators and controllers."""
    from gridloom.scenarios.display import print_inventory

    print_inventory()


def schema(
    campaign: Annotated[
        bool, typer.Option("--campaign", help="That of campaign files instead.")
    ] = False,
) -> None:
    """Print the JSON schema of scenario files, for completion and checks in an editor.

    Save it (`gridloom schema > gridloom.schema.json`) and start a scenario file with
    `# yaml-language-server: $schema=gridloom.schema.json`.
    """
    import json

    from gridloom.scenarios.campaigns.schema_export import campaign_schema
    from gridloom.scenarios.schema_export import scenario_schema

    print(json.dumps(campaign_schema() if campaign else scenario_schema(), indent=2))
