"""The API's page in the docs: each of its examples is run, in their order."""

from pathlib import Path

import pytest

from tests.fakes.examples import examples_in
from tests.fakes.served_house import ServedHouse

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


async def test_the_examples_of_the_page_are_true(served: ServedHouse) -> None:
    """What the page says of an answer is in the answer; what one answer gives, the next example may use."""
    variables = {"PASSWORD": served.password}
    page = PAGE.read_text(encoding="utf-8")
    examples = list(examples_in(page))
    assert len(examples) == page.count("curl -i") >= 12
    async with served.client() as client:
        for example in examples:
            response = await example.send(client, variables)
            example.check(response)
            told = response.json()
            if example.path == "/api/v1/orders" and "id" in told:
                variables |= {"ORDER": told["id"], "TOKEN": told["token"]}
            elif example.path.endswith("/tokens"):
                variables["STAFF"] = told["token"]
            if "confirm" in told:
                variables["CONFIRM"] = told["confirm"]


async def test_a_planted_untruth_is_found(served: ServedHouse) -> None:
    """An example whose answer is another than the page says fails."""
    planted = """
```sh
curl -i http://localhost:8000/api/v1/restaurants/demo
```
```http
HTTP/1.1 200 OK

{"slug": "demo", "currency": "USD", …}
```
"""
    (example,) = examples_in(planted)
    async with served.client() as client:
        response = await example.send(client, {})
    with pytest.raises(AssertionError):
        example.check(response)
