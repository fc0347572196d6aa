"""Where labels go in a chart so that they cover neither each other nor marks: each takes the nearest free place around its
point."""

import math

DISTANCES = (11, 17, 25, 35, 47, 61, 78)
ANGLES = (0, 180, -45, 45, -135, 135, -20, 20, -160, 160, -90, 90)


class Boxes:
    """Rectangles (left, top, right, bottom) that are taken, within a frame."""

    def __init__(self, frame):
        self.frame = frame
        self.taken = []

    def take(self, box):
        self.taken.append(box)

    def take_line(self, start, end, steps=60, reach=3):
        """A line, as a chain of small boxes."""
        for i in range(steps + 1):
            x = start[0] + (end[0] - start[0]) * i / steps
            y = start[1] + (end[1] - start[1]) * i / steps
            self.take((x - reach, y - reach, x + reach, y + reach))

    def cost(self, box):
        """Area of what the box would cover, and much for leaving the frame."""
        left, top, right, bottom = self.frame
        if box[0] < left or box[1] < top or box[2] > right or box[3] > bottom:
            return 1e9
        return sum(max(0, min(box[2], other[2]) - max(box[0], other[0])) *
                   max(0, min(box[3], other[3]) - max(box[1], other[1])) for other in self.taken)


def place(boxes, point, width, height):
    """(left, top) of a label of that size, and whether a line to its point is wanted; the place is taken."""
    best = None
    for distance in DISTANCES:
        for angle in ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            # The label's side that faces the point lies at the distance.
            left = point[0] + distance * dx - (0 if dx > 0.3 else width if dx < -0.3 else width / 2)
            top = point[1] + distance * dy - height / 2 + (height / 2) * dy
            cost = boxes.cost((left, top, left + width, top + height)) + 0.05 * distance
            if best is None or cost < best[0]:
                best = (cost, left, top, distance)
        if best[0] < 1:
            break
    _, left, top, distance = best
    boxes.take((left, top, left + width, top + height))
    return left, top, distance > 20
