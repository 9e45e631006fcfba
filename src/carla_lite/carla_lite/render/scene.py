"""A map as cameras see it: ground, sky, light and everything that stands there for good."""

from __future__ import annotations

import math
import zlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carla_lite.render._picture import Backdrop
from carla_lite.render.ground import Ground
from carla_lite.render.look import Look
from carla_lite.render.shadows import LEVEL, GroundLight
from carla_lite.render.sky import Sky
from carla_lite.render.solids_static import StaticSolids
from carla_lite.render.textures import detail_tile
from carla_lite.render.weather import Conditions, under
from carla_lite.roads import RoadNetwork
from carla_lite.scenery import Solids, empty

Quality = Literal["low", "high"]

_LAMPS = (math.inf, math.inf)
"""Stands for the shadows' direction when lamps are baked instead."""
_LAMPLIGHT = (0.46, 0.74, 0.92)
_STEP = 0.05
"""Shadows are baked anew when their ends move by this share of the height and their length."""
_FAINT = 0.02
"""Direct light that throws no shadow."""


class Scene:
    """What every camera on a map shares; changed only by the methods called `set_...`.

    Attributes:
        ground: The raster.
        static: The solids that stay.
        look: Colours and light of the present weather.
        backdrop: Ground and sky for the compiled renderer.
    """

    def __init__(
        self,
        ground: Ground,
        static: StaticSolids,
        lamps_m: NDArray[np.float64],
        fine_day: Look,
        sky: Sky,
        shadows: bool,
    ) -> None:
        """See `build`."""
        self.ground, self.static, self._lamps_m = ground, static, lamps_m
        self._fine_day, self._sky = fine_day, sky
        self._light: GroundLight | None = None
        self._baked: tuple[float, float] | None = None
        levels = np.zeros((len(ground.levels), 12), np.int32)
        levels[:, :8] = ground.levels
        if shadows:
            self._light = GroundLight(ground)
            levels[:, 8:] = self._light.levels
        self.backdrop = Backdrop(
            ground.texels,
            ground.table,
            ground.cover,
            levels,
            detail_tile(),
            ground.texel_m,
            ground.origin_m,
            self._sky.texels,
            self._sky.levels,
        )
        self.set_weather(None)

    @staticmethod
    def build(
        network: RoadNetwork,
        solids: Solids | None = None,
        seed: int = 0,
        *,
        lamps_m: NDArray[np.float64] | None = None,
        weather: Conditions | None = None,
        quality: Quality = "high",
    ) -> Scene:
        """Paints and furnishes a map.

        Args:
            network: The roads.
            solids: SOLID (N,), what stands beside them; nothing if None.
            seed: Of light, colours and wear, at least 0; the network's name is mixed in.
            lamps_m: float64 (L, 3), where street lamps shine at night; nowhere if None.
            weather: See `set_weather`.
            quality: "low" draws the ground coarser and without the shadows of solids.

        Raises:
            InvalidSolidsError: `solids` does not hold solids.
        """
        rng = np.random.default_rng((zlib.crc32(network.name.encode()), seed))
        look = Look.random(rng)
        sky = Sky(rng)
        ground = Ground.build(network, look, rng, coarseness=int(quality == "low"))
        static = StaticSolids.build(empty() if solids is None else solids)
        lamps = np.empty((0, 3)) if lamps_m is None else lamps_m
        scene = Scene(ground, static, lamps, look, sky, quality == "high")
        if weather is not None:
            scene.set_weather(weather)
        return scene

    @property
    def solids(self) -> Solids:
        """SOLID (N,), those that stay; read-only."""
        return self.static.solids

    def set_solids(self, solids: Solids) -> None:
        """Changes the solids that stay.

        Raises:
            InvalidSolidsError: `solids` does not hold solids.
        """
        self.static = StaticSolids.build(solids)
        self._baked = None
        self._bake()

    def set_lamps(self, lamps_m: NDArray[np.float64]) -> None:
        """Changes where street lamps shine at night: float64 (L, 3), x, y, z in metres."""
        self._lamps_m = lamps_m
        self._shade()
        if self.look.night:
            self._baked = None
            self._bake()

    def reset(
        self, solids: Solids, lamps_m: NDArray[np.float64], weather: Conditions | None
    ) -> None:
        """Becomes what `build` makes of these on the same ground.

        Raises:
            InvalidSolidsError: `solids` does not hold solids.
        """
        self.static, self._lamps_m = StaticSolids.build(solids), lamps_m
        self._baked = None
        self.set_weather(weather)

    def ground_tags(self, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> NDArray[np.uint8]:
        """CARLA's semantic tags of the ground at N finite places: uint8 (N,)."""
        tags = np.empty(len(x_m), np.uint8)
        x, y = (np.ascontiguousarray(values, np.float64) for values in (x_m, y_m))
        self.backdrop.tags(x, y, tags)
        return tags

    def ground_light(
        self, x_m: NDArray[np.float64], y_m: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """How much of the sun, at night of street lamps, reaches the ground at places: 0 to 1."""
        if self._light is None:
            return np.ones(np.shape(x_m))
        return self._light.at(x_m, y_m)

    def set_weather(self, conditions: Conditions | None) -> None:
        """Changes the weather; None is a fine day that the seed has drawn."""
        self.look = self._fine_day if conditions is None else under(self._fine_day, conditions)
        self._shade()
        self._sky.colour(self.look)
        self._bake()

    def _shade(self) -> None:
        # Where no light is baked all the ground counts as lit, which lamps must not do.
        has_lamps = self._light is not None and bool(len(self._lamps_m))
        self.backdrop.set_shading(_shading(self.look, has_lamps))

    def _bake(self) -> None:
        """Brings the light on the ground up to date, unless little has changed: a sun that moves a
        bit with every tick must not stall the world."""
        if self._light is None:
            return
        look = self.look
        if look.night:
            away = _LAMPS
        elif max(look.direct) > _FAINT:
            flat = math.hypot(*look.sun[:2])
            scale = -look.shadow_length / max(flat, 1e-9)
            away = scale * look.sun[0], scale * look.sun[1]
        else:
            return
        if away == self._baked:
            return
        if self._baked is not None and not look.night:
            moved = math.hypot(away[0] - self._baked[0], away[1] - self._baked[1])
            if moved < _STEP * (1.0 + math.hypot(*self._baked)):
                return
        self._baked = away
        if away is _LAMPS:
            self._light.light_lamps(self._lamps_m)
        else:
            self._light.cast_shadows(self.static.solids, away)
        self.backdrop.set_light(self._light.texels, LEVEL)


def _shading(look: Look, has_lamps: bool) -> NDArray[np.float32]:
    """The order of `Shading` in the compiled renderer."""
    # The ground is flat, and the eye used to it: a sun half up lights it fully.
    sun = np.multiply(look.direct, min(1.0, 1.35 * look.sun[2]))
    shade = np.array(look.ambient)
    if look.night:
        # What is baked is the light of lamps, not that of the moon.
        shade += sun
        sun = np.multiply(_LAMPLIGHT, look.lamp_glow if has_lamps else 0.0)
    reflected = np.add(look.horizon, look.zenith) / 2
    return np.array(
        [
            *look.white,
            *look.yellow,
            *shade,
            *sun,
            *look.mist,
            1.0 / look.haze_m,
            *reflected,
            look.wet,
            1.0,
        ],
        np.float32,
    )
