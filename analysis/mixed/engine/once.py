"""Values that are made when they are first asked for, and then kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class Once(Generic[Value]):
    """A property that is made once.

    As :class:`functools.cached_property`, whose lock until Python 3.11 costs as much as what stands behind many of the
    engine's: a single small fit asks for sixty. The value takes the property's place on the object itself, so that it
    is found there from then on. Two threads that ask at once may both make it; it is the same.
    """

    def __init__(self, make: Callable[[Any], Value]) -> None:
        self.make, self.name, self.__doc__ = make, make.__name__, make.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...
    def __get__(self, instance: object | None, owner: type) -> Self | Value:
        """Make the value, and leave it where it is looked for first."""
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.make(instance)
        return value
