"""Taking a guest's name out of their receipts, and the receipts out of the file store.

The files go while no transaction is open; deleting a file that is gone already is no error, so that a second try does
no harm. The row stays, with the mail's id and the server's answer: that a receipt was sent is not about a person.
"""

import msgspec

from comanda.contexts.receipts import store
from comanda.contracts.ordering import GuestErased, OrderDocument, anonymous
from comanda.engine.database import Transaction
from comanda.engine.files import FileStore
from comanda.engine.lanes import OutsideConsumer


def erasure(files: FileStore) -> OutsideConsumer:
    """Return the consumer."""

    async def claim(tx: Transaction, event: GuestErased) -> list[store.Personal]:
        return await store.personal(tx, event.order_ids)

    async def perform(receipts: list[store.Personal]) -> None:
        for receipt in receipts:
            for name in (receipt.html_file, receipt.text_file):
                if name is not None:
                    await files.delete(name)

    async def conclude(tx: Transaction, receipts: list[store.Personal], _: None) -> None:
        for receipt in receipts:
            document = anonymous(msgspec.json.decode(receipt.document, type=OrderDocument))
            await store.make_anonymous(tx, receipt.id, msgspec.json.encode(document).decode())

    return OutsideConsumer(
        name="receipts.erasure", on=(GuestErased,), claim=claim, perform=perform, conclude=conclude, batch=4
    )
