"""Writes numbers, signals, controllers and crosswalks as OpenDRIVE elements."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from carla_lite.roads.furniture import Controller, Crosswalk, Signal, SignalReference
from carla_lite.roads.model import RoadNetwork


def number(value: float) -> str:
    """To a nanometre, without an exponent."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def road_furniture(network: RoadNetwork, road_id: int) -> Iterator[str]:
    """The <objects> and <signals> of a road, where it has any."""
    crosswalks = [c for c in network.crosswalks if c.road_id == road_id]
    if crosswalks:
        yield "<objects>"
        for crosswalk in crosswalks:
            yield from _crosswalk(crosswalk)
        yield "</objects>"
    signals = [s for s in network.signals if s.place.road_id == road_id]
    references = [
        (signal, reference)
        for signal in network.signals
        for reference in signal.references
        if reference.road_id == road_id
    ]
    if signals or references:
        yield "<signals>"
        for signal in signals:
            yield from _signal(signal)
        for signal, reference in references:
            yield f"<signalReference id={quoteattr(signal.id)} {_where(reference)}>"
            yield from _validity(reference)
            yield "</signalReference>"
        yield "</signals>"


def controller(control: Controller) -> Iterator[str]:
    """One <controller>."""
    yield (
        f"<controller name={quoteattr(control.name)} id={quoteattr(control.id)}"
        f' sequence="{control.sequence}">'
    )
    for signal_id in control.signal_ids:
        yield f'<control signalId={quoteattr(signal_id)} type=""/>'
    yield "</controller>"


def _where(reference: SignalReference) -> str:
    return (
        f's="{number(reference.s_m)}" t="{number(reference.t_m)}"'
        f' orientation="{reference.orientation}"'
    )


def _validity(reference: SignalReference) -> Iterator[str]:
    for first, last in reference.lanes:
        yield f'<validity fromLane="{first}" toLane="{last}"/>'


def _signal(signal: Signal) -> Iterator[str]:
    value = -1.0 if signal.value is None else signal.value
    unit = f" unit={quoteattr(signal.unit)}" if signal.unit else ""
    yield (
        f"<signal name={quoteattr(signal.name)} id={quoteattr(signal.id)} {_where(signal.place)}"
        f' zOffset="{number(signal.z_m)}" hOffset="{number(signal.heading_offset_rad)}" roll="0"'
        f' pitch="0" dynamic="{"yes" if signal.dynamic else "no"}"'
        f" country={quoteattr(signal.country)} type={quoteattr(signal.type)}"
        f' subtype={quoteattr(signal.subtype)} value="{number(value)}"{unit} text=""'
        f' height="{number(signal.height_m)}" width="{number(signal.width_m)}">'
    )
    yield from _validity(signal.place)
    yield "</signal>"


def _crosswalk(crosswalk: Crosswalk) -> Iterator[str]:
    yield (
        f'<object id={quoteattr(crosswalk.id)} name="SimpleCrosswalk" type="crosswalk"'
        f' s="{number(crosswalk.s_m)}" t="{number(crosswalk.t_m)}" zOffset="0"'
        f' hdg="{number(crosswalk.heading_rad)}" roll="0" pitch="0" orientation="none"'
        f' width="{number(crosswalk.width_m)}" length="{number(crosswalk.length_m)}">'
    )
    yield "<outline>"
    # CARLA takes an outline for closed when its first corner comes again.
    for u, v in (*crosswalk.outline, crosswalk.outline[0]):
        yield f'<cornerLocal u="{number(u)}" v="{number(v)}" z="0"/>'
    yield "</outline>"
    yield "</object>"
