"""Compiled: least-squares steering of a building with two temperatures, by a Riccati recursion.

The linear-quadratic regulator: over inputs v_t, minimise

    sum_t R_t v_t^2 / 2 - r_t v_t + Q_t y_t^2 / 2 - w_t y_t,
    x_{t+1} = A x_t + effect_t b v_t,    x_0 = 0,    y_t = first entry of x_{t+1},

which solves (diag R + G' diag Q G) v = r + G' w for the map y = G v, in time proportional to the
horizon. Each Newton step of an interior-point method is of that form (C. V. Rao, S. J. Wright,
J. B. Rawlings: "Application of interior-point methods to model predictive control", Journal of
Optimization Theory and Applications 99, 1998).
"""

from gridloom.controllers.proximal.compiled import compiled
from gridloom.simulators.model import FloatArray

FIRST = 0
"""Row of the feedback on the first temperature."""
SECOND = 1
"""Row of the feedback on the second one."""
CURVATURE = 2
"""Row of what an input costs, all that follows included."""


@compiled
def factorise(
    transition: FloatArray,
    rise: FloatArray,
    effect: FloatArray,
    inputs: FloatArray,
    outputs: FloatArray,
    feedback: FloatArray,
) -> None:
    """Set how inputs depend on the temperatures before them.

    The recursion is that of Joseph, which keeps the cost to go positive even with weights of very
    different size.

    Args:
        transition: (2, 2), A.
        rise: (2,), b.
        effect: (T,)
        inputs: (T,), R, positive.
        outputs: (T,), Q, not negative.
        feedback: (3, T), see the names of its rows.
    """
    a00, a01, a10, a11 = transition[0, 0], transition[0, 1], transition[1, 0], transition[1, 1]
    p00, p01, p11 = 0.0, 0.0, 0.0  # cost to go
    for t in range(len(effect) - 1, -1, -1):
        p00 += outputs[t]
        b0, b1, cost = effect[t] * rise[0], effect[t] * rise[1], inputs[t]
        h0, h1 = p00 * b0 + p01 * b1, p01 * b0 + p11 * b1
        curvature = cost + b0 * h0 + b1 * h1
        k0, k1 = (h0 * a00 + h1 * a10) / curvature, (h0 * a01 + h1 * a11) / curvature
        feedback[FIRST, t], feedback[SECOND, t], feedback[CURVATURE, t] = k0, k1, curvature
        m00, m01, m10, m11 = a00 - b0 * k0, a01 - b0 * k1, a10 - b1 * k0, a11 - b1 * k1
        w00, w01 = p00 * m00 + p01 * m10, p00 * m01 + p01 * m11
        w10, w11 = p01 * m00 + p11 * m10, p01 * m01 + p11 * m11
        p00 = m00 * w00 + m10 * w10 + cost * k0 * k0
        p01 = m00 * w01 + m10 * w11 + cost * k0 * k1
        p11 = m01 * w01 + m11 * w11 + cost * k1 * k1


@compiled
def regulate(
    transition: FloatArray,
    rise: FloatArray,
    effect: FloatArray,
    feedback: FloatArray,
    pull: tuple[FloatArray, FloatArray],
    found: tuple[FloatArray, FloatArray],
) -> None:
    """Set the best inputs and their outputs, once the feedback is known.

    Args:
        transition: see `factorise`, like all that follows.
        rise: (2,)
        effect: (T,)
        feedback: (3, T)
        pull: r and w, (T,) each.
        found: v and y, (T,) each.
    """
    a00, a01, a10, a11 = transition[0, 0], transition[0, 1], transition[1, 0], transition[1, 1]
    inputs, outputs = found
    g0, g1 = 0.0, 0.0
    for t in range(len(effect) - 1, -1, -1):
        g0 -= pull[1][t]
        push = pull[0][t] - effect[t] * (rise[0] * g0 + rise[1] * g1)
        inputs[t] = push / feedback[CURVATURE, t]
        before = a00 * g0 + a10 * g1 + feedback[FIRST, t] * push
        g0, g1 = before, a01 * g0 + a11 * g1 + feedback[SECOND, t] * push
    x0, x1 = 0.0, 0.0
    for t in range(len(effect)):
        inputs[t] -= feedback[FIRST, t] * x0 + feedback[SECOND, t] * x1
        heat = effect[t] * inputs[t]
        x0, x1 = a00 * x0 + a01 * x1 + rise[0] * heat, a10 * x0 + a11 * x1 + rise[1] * heat
        outputs[t] = x0


@compiled
def respond_to(
    transition: FloatArray,
    rise: FloatArray,
    effect: FloatArray,
    inputs: FloatArray,
    outputs: FloatArray,
) -> None:
    """Set the outputs G v of given inputs; see `factorise`."""
    x0, x1 = 0.0, 0.0
    for t in range(len(effect)):
        heat = effect[t] * inputs[t]
        x0, x1 = (
            transition[0, 0] * x0 + transition[0, 1] * x1 + rise[0] * heat,
            transition[1, 0] * x0 + transition[1, 1] * x1 + rise[1] * heat,
        )
        outputs[t] = x0


@compiled
def trace_back(
    transition: FloatArray,
    rise: FloatArray,
    effect: FloatArray,
    worth: FloatArray,
    shadow: FloatArray,
) -> None:
    """Set G' times the worth of outputs, (T,): what inputs are worth; see `factorise`."""
    g0, g1 = 0.0, 0.0
    for t in range(len(effect) - 1, -1, -1):
        g0 += worth[t]
        shadow[t] = effect[t] * (rise[0] * g0 + rise[1] * g1)
        g0, g1 = (
            transition[0, 0] * g0 + transition[1, 0] * g1,
            transition[0, 1] * g0 + transition[1, 1] * g1,
        )
