"""The vehicles which can be spawned: CARLA's ids, sizes and tags, driven by figures of their class.

Sizes are those of CARLA 0.9.16's bounding boxes, but for the bus, whose box there includes its
mirrors and is wider than a lane.
"""

from dataclasses import replace
from math import radians
from typing import NamedTuple

from carla_lite.scenery.solids import Tag
from carla_lite.world.blueprints import Attribute, AttributeKind, Blueprint, Shape, fixed
from carla_lite.world.blueprints import upright_box as _box
from carla_lite.world.dynamics import VehiclePhysics

_CAR = VehiclePhysics()
_SMALL = replace(
    _CAR, mass_kg=1150.0, wheelbase_m=2.45, acceleration_mps2=3.2, max_wheel_angle_rad=radians(50.0)
)
_SPORTS = replace(
    _CAR,
    mass_kg=1500.0,
    wheelbase_m=2.5,
    acceleration_mps2=5.5,
    top_speed_mps=35.0,
    brake_mps2=9.0,
    lateral_limit_mps2=7.5,
    max_wheel_angle_rad=radians(50.0),
)
_OFF_ROAD = replace(
    _CAR,
    mass_kg=2200.0,
    wheelbase_m=2.7,
    acceleration_mps2=3.2,
    lateral_limit_mps2=5.5,
    max_wheel_angle_rad=radians(45.0),
)
_VAN = replace(_CAR, mass_kg=2500.0, wheelbase_m=3.9, acceleration_mps2=3.0, brake_mps2=7.0)
_TRUCK = replace(
    _CAR,
    mass_kg=6500.0,
    wheelbase_m=3.2,
    acceleration_mps2=2.0,
    brake_mps2=6.0,
    top_speed_mps=22.0,
    lateral_limit_mps2=4.5,
    wheel_radius_m=0.5,
)
_HEAVY = replace(
    _TRUCK,
    mass_kg=14000.0,
    wheelbase_m=4.9,
    acceleration_mps2=1.5,
    lateral_limit_mps2=4.0,
    max_wheel_angle_rad=radians(50.0),
)
_BUS = replace(_HEAVY, mass_kg=8000.0, wheelbase_m=5.6, acceleration_mps2=1.4, brake_mps2=5.5)
_MOTORBIKE = VehiclePhysics(
    mass_kg=280.0,
    wheelbase_m=1.4,
    max_wheel_angle_rad=radians(35.0),
    lateral_limit_mps2=7.0,
    acceleration_mps2=5.5,
    top_speed_mps=40.0,
    brake_mps2=7.5,
    drag_per_m=0.0012,
    wheel_radius_m=0.31,
    wheels=2,
)
_BICYCLE = VehiclePhysics(
    mass_kg=90.0,
    wheelbase_m=1.05,
    max_wheel_angle_rad=radians(40.0),
    lateral_limit_mps2=4.5,
    acceleration_mps2=1.2,
    top_speed_mps=9.0,
    brake_mps2=4.0,
    hand_brake_mps2=3.0,
    drag_per_m=0.004,
    wheel_radius_m=0.34,
    wheels=2,
)


class _Class(NamedTuple):
    base_type: str
    shape: Shape
    tag: Tag
    physics: VehiclePhysics


_SEDAN = _Class("car", Shape.CAR, Tag.CAR, _CAR)
_CITY_CAR = _SEDAN._replace(physics=_SMALL)
_SPORTS_CAR = _SEDAN._replace(physics=_SPORTS)
_JEEP = _SEDAN._replace(physics=_OFF_ROAD)
_DELIVERY_VAN = _Class("van", Shape.VAN, Tag.CAR, _VAN)
_CAMPER = _DELIVERY_VAN._replace(physics=replace(_VAN, mass_kg=1700.0, wheelbase_m=2.5))
_LORRY = _Class("truck", Shape.TRUCK, Tag.TRUCK, _TRUCK)
_HEAVY_LORRY = _LORRY._replace(physics=_HEAVY)
_COACH = _Class("bus", Shape.BUS, Tag.BUS, _BUS)
_MOTORCYCLE = _Class("motorcycle", Shape.TWO_WHEELER, Tag.MOTORCYCLE, _MOTORBIKE)
_BIKE = _Class("bicycle", Shape.TWO_WHEELER, Tag.BICYCLE, _BICYCLE)


def _vehicle(
    name: str,
    kind: _Class,
    size_m: tuple[float, float, float],
    colors: str,
    *,
    generation: int = 1,
    special_type: str = "",
) -> Blueprint:
    """A vehicle; `colors` are r,g,b triples with blanks between them, the default first."""
    palette = tuple(colors.split())
    two_wheeled = kind.physics.wheels == 2
    attributes = (
        Attribute("role_name", AttributeKind.STRING, "autopilot",
                  ("autopilot", "scenario", "ego_vehicle")),
        Attribute("color", AttributeKind.COLOR, palette[0], palette),
        *([Attribute("driver_id", AttributeKind.INT, "0", ("0", "1", "2"))] if two_wheeled else []),
        Attribute("sticky_control", AttributeKind.BOOL, "true"),
        Attribute("terramechanics", AttributeKind.BOOL, "false"),
        fixed("number_of_wheels", str(kind.physics.wheels), AttributeKind.INT),
        fixed("base_type", kind.base_type),
        fixed("special_type", special_type),
        fixed("object_type", ""),
        fixed("generation", str(generation), AttributeKind.INT),
        fixed("has_lights", str(kind is not _BIKE).lower(), AttributeKind.BOOL),
        fixed("has_dynamic_doors", "false", AttributeKind.BOOL),
    )  # fmt: skip
    return Blueprint(
        f"vehicle.{name}",
        attributes,
        _box(*size_m),
        kind.physics,
        kind.tag,
        kind.shape,
        mass_kg=kind.physics.mass_kg,
    )


VEHICLES = (
    _vehicle("tesla.model3", _SEDAN, (4.79, 2.16, 1.49),
             "180,44,44 17,37,103 137,0,0 0,0,0 180,180,180", generation=2),
    _vehicle("lincoln.mkz_2020", _SEDAN, (4.89, 1.84, 1.49),
             "81,88,94 17,37,103 228,228,228", generation=2),
    _vehicle("lincoln.mkz_2017", _SEDAN, (4.90, 2.06, 1.51), "134,134,134 20,20,20 100,12,12"),
    _vehicle("audi.a2", _CITY_CAR, (3.71, 1.79, 1.55), "168,0,27 240,240,240 37,82,140"),
    _vehicle("audi.tt", _SPORTS_CAR, (4.18, 1.99, 1.39), "70,73,78 137,0,0 233,216,3"),
    _vehicle("audi.etron", _JEEP, (4.86, 2.03, 1.65), "88,98,110 17,17,17 42,73,111"),
    _vehicle("bmw.grandtourer", _SEDAN, (4.61, 2.24, 1.67), "137,30,35 230,230,230 22,36,70"),
    _vehicle("chevrolet.impala", _SEDAN, (5.36, 2.03, 1.41), "102,33,33 151,111,50 40,44,70"),
    _vehicle("citroen.c3", _CITY_CAR, (3.99, 1.85, 1.62), "0,134,139 235,235,235 190,40,40"),
    _vehicle("dodge.charger_2020", _SPORTS_CAR, (5.01, 1.88, 1.53),
             "60,60,62 125,14,22 31,52,98", generation=2),
    _vehicle("dodge.charger_police_2020", _SPORTS_CAR, (5.24, 1.92, 1.64), "26,26,28",
             generation=2, special_type="emergency"),
    _vehicle("ford.crown", _SEDAN, (5.37, 1.80, 1.57), "213,176,32",
             generation=2, special_type="taxi"),
    _vehicle("ford.mustang", _SPORTS_CAR, (4.72, 1.89, 1.30), "28,54,112 140,20,26 230,230,230"),
    _vehicle("jeep.wrangler_rubicon", _JEEP, (3.87, 1.91, 1.88), "190,92,36 60,64,50 20,20,20"),
    _vehicle("mercedes.coupe_2020", _SPORTS_CAR, (4.67, 2.00, 1.44),
             "36,39,45 160,160,164 90,14,20", generation=2),
    _vehicle("mini.cooper_s", _CITY_CAR, (3.81, 1.97, 1.48), "35,92,58 170,24,30 222,222,222"),
    _vehicle("nissan.micra", _CITY_CAR, (3.63, 1.85, 1.50), "63,106,159 243,243,243 120,20,60"),
    _vehicle("nissan.patrol", _JEEP, (4.60, 1.93, 1.86), "80,82,70 214,214,214 30,42,66"),
    _vehicle("seat.leon", _SEDAN, (4.19, 1.82, 1.47), "183,187,162 144,23,30 30,70,130"),
    _vehicle("toyota.prius", _SEDAN, (4.51, 2.01, 1.52), "200,202,204 42,61,122 112,18,32"),
    _vehicle("mercedes.sprinter", _DELIVERY_VAN, (5.92, 1.99, 2.56),
             "220,220,220 255,199,44", generation=2),
    _vehicle("volkswagen.t2", _CAMPER, (4.48, 2.07, 2.04), "90,152,162 190,104,48 222,216,196"),
    _vehicle("volkswagen.t2_2021", _CAMPER, (4.44, 1.78, 1.99),
             "205,96,46 104,160,168", generation=2),
    _vehicle("ford.ambulance", _DELIVERY_VAN, (6.36, 2.35, 2.43), "236,236,232",
             generation=2, special_type="emergency"),
    _vehicle("carlamotors.carlacola", _LORRY, (5.2, 2.63, 2.47), "200,20,20 240,240,240"),
    _vehicle("carlamotors.european_hgv", _HEAVY_LORRY, (7.94, 2.89, 3.46),
             "222,222,218 30,62,120 150,26,26", generation=2),
    _vehicle("carlamotors.firetruck", _HEAVY_LORRY, (8.47, 2.89, 3.83), "178,18,16",
             generation=2, special_type="emergency"),
    _vehicle("mitsubishi.fusorosa", _COACH, (10.27, 2.55, 3.20),
             "226,224,216 60,112,150", generation=2),
    _vehicle("kawasaki.ninja", _MOTORCYCLE, (2.03, 0.86, 1.55), "70,158,44 22,22,24"),
    _vehicle("yamaha.yzf", _MOTORCYCLE, (2.21, 0.87, 1.55), "36,70,170 170,24,30"),
    _vehicle("harley-davidson.low_rider", _MOTORCYCLE, (2.35, 0.76, 1.60), "24,24,26 120,20,24"),
    _vehicle("vespa.zx125", _MOTORCYCLE._replace(
        physics=replace(_MOTORBIKE, mass_kg=190.0, acceleration_mps2=2.5, top_speed_mps=25.0)),
        (1.81, 0.87, 1.60), "196,60,50 224,216,190"),
    _vehicle("bh.crossbike", _BIKE, (1.49, 0.86, 1.65), "126,30,34 22,60,110"),
    _vehicle("diamondback.century", _BIKE, (1.64, 0.60, 1.65), "90,94,100 20,20,20"),
    _vehicle("gazelle.omafiets", _BIKE, (1.84, 0.60, 1.70), "30,34,40 100,60,30"),
)  # fmt: skip
