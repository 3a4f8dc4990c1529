"""Every error that Eddyline raises on purpose. A message says which field, what it got and what to do.

StudioError
|-- SettingsError      a setting is outside its range or two settings contradict each other
|-- MediaError         a file is not what it should be (not an image, truncated, too large)
|-- ModelError         a model is missing, damaged or cannot do what was asked
|-- OutOfBudget        the run would need more memory than it may use
`-- Cancelled          the person pressed Stop
"""


class StudioError(Exception):
    """Base of the tree; its message may be shown to a person as it is."""


class SettingsError(StudioError, ValueError):
    """A setting is outside its range, or two settings contradict each other."""


class MediaError(StudioError):
    """A media file cannot be read or written as asked."""


class ModelError(StudioError):
    """A model is missing, damaged, or cannot do what was asked of it."""


class OutOfBudget(StudioError):
    """The run needs more memory than its budget; raised before the run starts."""


class Cancelled(StudioError):
    """The run was stopped by its owner."""
