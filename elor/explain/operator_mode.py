"""A dispatch mode that comes between a model and torch's operators: the one way in which all of them do."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class OperatorMode(TorchDispatchMode):
    """While it is entered, each of torch's operators is run by `run`, which by itself changes nothing."""

    supports_higher_order_operators = True
    """Else torch refuses `cond`, `while_loop` and `flex_attention` within a mode."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else defining a mode imports torch._dynamo, which takes two seconds of every worker

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What an operator gives."""
        return func(*args, **kwargs)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return self.run(func, args, kwargs or {})
