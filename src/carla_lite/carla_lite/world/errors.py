"""What can go wrong in the world; the server turns each of these into an error reply."""


class WorldError(RuntimeError):
    """A request which the world refuses; the message is written for the person at the client."""


class UnknownActorError(WorldError):
    """No living actor has this id."""

    def __init__(self, actor_id: int) -> None:
        super().__init__(
            f"actor {actor_id} not found: it was never spawned or is destroyed; "
            "list the living ones with world.get_actors()"
        )


class WrongActorKindError(WorldError):
    """The actor exists but cannot do what was asked of it."""

    def __init__(self, actor_id: int, type_id: str, wanted: str) -> None:
        super().__init__(f"actor {actor_id} is a {type_id}, but this call needs a {wanted}")


class SpawnError(WorldError):
    """The actor could not be spawned."""


class InvalidValueError(WorldError):
    """A number which is not finite or is out of range."""
