"""Stacks as the agent knows them: numbers of frames that lead outwards."""
import ctypes

from . import _agent

UNKNOWN = (("<unknown>", 0),)

_texts = {}


def _text(address):
    """The text at an address that stays good for ever."""
    text = _texts.get(address)
    if text is None:
        text = ctypes.string_at(address).decode("utf-8", "surrogatepass")
        _texts[address] = text
    return text


class Frames(dict):
    """Number of a frame -> (parent, is Python's, (file, line), frames from
    there outwards, those that are Python's); read when they are missed."""

    def load(self, numbers):
        numbers = [number for number in set(numbers) if number not in self]
        if not numbers:
            return
        asked = (ctypes.c_uint32 * len(numbers))(*numbers)
        answer = ctypes.create_string_buffer(
            _agent.FRAME.size * len(numbers))
        _agent.trace.frames(asked, len(numbers), answer)
        read = _agent.FRAME.iter_unpack(answer.raw)
        for number, (parent, line, depth, python, file, function,
                     offset) in zip(numbers, read):
            name = _text(file) if file else "<unknown>"
            if not function:
                name = "%s+0x%x" % (name, offset)
            self[number] = (parent, bool(function), (name, line), depth,
                            python)

    def __missing__(self, number):
        self.load([number])
        return self[number]

    def load_stacks(self, stacks, limit):
        """What stacks() will need, in few calls."""
        for _ in range(limit):
            self.load(stacks)
            stacks = {self[stack][0] for stack in stacks} - {0}
            if not stacks:
                break

    def stack(self, number, limit, native):
        """The frames of a stack, innermost first, at most limit of them, and
        how many there are."""
        _, _, _, depth, python = self[number]
        frames = []
        while number and len(frames) < limit:
            number, is_python, frame, _, _ = self[number]
            if native or is_python:
                frames.append(frame)
        if not frames:
            return UNKNOWN, 1
        return tuple(frames), depth if native else python
