"""The databases that faces keep people and devices in: opened when a face is made, closed when the last has gone."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from myna.config import Config, NotUsableHere
from myna.registry.errors import RegistryError
from myna.registry.registry import Registry, open_registry

log = logging.getLogger("myna.app")

PATIENCE: Final = 5.0  # seconds a database may take to write what is left


class Registries:
    """`folder` is where one lies without a URL of its own, None where nothing is kept."""

    def __init__(self, config: Config, folder: Path | None, *, examining: bool) -> None:
        self._config = config
        self._folder = folder
        self._examining = examining
        self._opened: list[Registry] = []

    def open(self, url: str, retention: float) -> Registry:
        """A database that others keep is looked at only by a broker that will run."""
        location: str | Path | None = None if self._examining else url or self._folder
        try:
            registry = open_registry(location, development=self._config.development, retention=retention)
        except RegistryError as error:
            raise NotUsableHere([f"the registry: {error}"]) from error
        self._opened.append(registry)
        return registry

    async def close(self) -> None:
        """When the last wills are in them."""
        for registry in self._opened:
            try:
                async with asyncio.timeout(PATIENCE):
                    await registry.close()
            except TimeoutError:
                log.error("the registry's database does not answer; what was on its way there is lost")

    def abandon(self) -> None:
        for registry in self._opened:
            registry.abandon()
