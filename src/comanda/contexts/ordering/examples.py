"""The examples in the API's description."""

from litestar.openapi.spec import Example
from litestar.params import Body

LINES = [{"item": "pizza-margherita", "quantity": 2, "options": ["size-40"]}, {"item": "cheesecake", "quantity": 1}]

QUOTE_EXAMPLES = Body(
    description="A cart, and how the guest wants it.",
    examples=[
        Example(
            summary="Two pizzas and a dessert, to be picked up",
            value={"restaurant": "demo", "fulfilment": {"type": "pickup"}, "lines": LINES, "coupon": "WELCOME10"},
        )
    ],
)

ORDER_EXAMPLES = Body(
    description="The form of an order.",
    examples=[
        Example(
            summary="Two pizzas and a dessert, to be picked up",
            value={
                "restaurant": "demo",
                "customer": {"name": "Ann Lee", "email": "ann@example.com", "phone": "+1 415 555 2671"},
                "fulfilment": {"type": "pickup"},
                "lines": LINES,
                "coupon": "WELCOME10",
                "tip": 200,
                "note": "Extra napkins, please.",
            },
        )
    ],
)
