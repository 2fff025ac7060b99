"""What this installation is to the providers: their addresses, our clients there, our folders."""

from balancecloud.clock import Clock
from balancecloud.clouds.endpoints import GoogleEndpoints, MicrosoftEndpoints
from balancecloud.clouds.oauth import OAuthClient
from balancecloud.clouds.registry import Installation, OAuthClients, installation
from balancecloud.config import Config, OAuthClientConfig


def installation_of(config: Config, clock: Clock) -> Installation:
    """Return what all cloud accounts share, at the real providers or at the simulator."""
    if config.simulator_url:
        google = GoogleEndpoints.simulated(config.simulator_url)
        microsoft = MicrosoftEndpoints.simulated(config.simulator_url)
    else:
        google = GoogleEndpoints()
        microsoft = MicrosoftEndpoints(tenant=config.microsoft_tenant)
    clients = OAuthClients(_client(config.google), _client(config.microsoft))
    return installation(google, microsoft, clients, config.folder_roots, clock)


def _client(setting: OAuthClientConfig) -> OAuthClient | None:
    if not setting.client_id:
        return None
    return OAuthClient(setting.client_id, setting.client_secret.reveal().decode())
