import pytest

from tests.fakes.moto_process import MotoProcess
from tests.servers.servers import Servers


@pytest.fixture(scope="session")
async def moto(servers: Servers) -> MotoProcess:
    """Moto's server, in a process of its own."""
    moto: MotoProcess = await servers.get("moto", MotoProcess.started)
    return moto
