"""The examples in the API's description of what staff send."""

from litestar.openapi.spec import Example
from litestar.params import Body

MENU_EXAMPLE = Body(
    description="A whole menu. Prices in minor units.",
    examples=[
        Example(
            summary="One item in two sizes",
            value={
                "categories": [
                    {
                        "id": "pizza",
                        "name": "Pizza",
                        "items": [
                            {
                                "id": "margherita",
                                "name": "Margherita",
                                "price": 990,
                                "allergens": ["gluten", "milk"],
                                "option_groups": [
                                    {
                                        "id": "size",
                                        "name": "Size",
                                        "min": 1,
                                        "max": 1,
                                        "options": [
                                            {"id": "size-32", "name": "32 cm", "default": True},
                                            {"id": "size-40", "name": "40 cm", "price": 550},
                                        ],
                                    }
                                ],
                            }
                        ],
                    }
                ]
            },
        )
    ],
)

SETTINGS_EXAMPLE = Body(
    description="All settings of the restaurant.",
    examples=[
        Example(
            summary="Evenings, pickup and delivery, 12 orders per quarter of an hour",
            value={
                "name": "Casa Comanda",
                "timezone": "Europe/Madrid",
                "country": "ES",
                "locale": "en",
                "trading": {
                    "hours": [{"days": [4, 5, 6, 7], "start": "18:00", "end": "01:00"}],
                    "exceptions": [{"day": "2026-12-25", "reason": "Christmas"}],
                    "fulfilments": ["pickup", "delivery"],
                    "lead_minutes": {"pickup": 20, "delivery": 40},
                    "delivery_areas": [
                        {"id": "city", "name": "Madrid", "postcodes": ["28*"], "fee": 290, "minimum": 1500}
                    ],
                    "slot_minutes": 15,
                    "slot_capacity": 12,
                    "tax_basis_points": 1000,
                },
            },
        )
    ],
)
