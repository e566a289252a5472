"""What batteries and heat pumps have in common: one state, and how their answer is found exactly.

**Problem.** Minimise sum_t (1/2)(p_t - u_t)^2 + k |p_t| over a device with one state

    s_t = a s_{t-1} + x_t,    lower_t <= s_t <= upper_t,    (p_t, x_t) in a convex set H_t,

where u = q + w (target - price/rho) and k = wear w/rho follow from a `ProximalRequest`. A heat pump
has x = b_t p + drift_t, 0 <= p <= rated. A battery may take turns within an interval, so that H is
the hull of idling, charging and discharging fully, a triangle: charged and discharged power c, d
with c/C + d/D <= 1, p = c - d, x = eta_c c - d/eta_d. Where stored energy is worth something, the
best x for p is on its upper edges, as if it did one or the other; where its value is negative (a
battery that is full while drawing is rewarded) on the chord from -D to C, and at the value 0
anywhere between, which changes the state but not the power. Thus negative prices need no integers.

**Optimum.** With the weight a^(T-t) of s_t in the last state, the states are sums of separable,
convex terms, bounded from below and above: a resource allocation with nested constraints. Its
optimum has one multiplier, here the *level*, per segment between tight points of the state; p_t is
a function of it, clip(u_t + effect_t level, ..), so the state at the end of a segment ascends with
the level, piecewise linearly, and Newton finds it. The level descends after a lower bound was tight
and ascends after an upper one; after the horizon it is 0.

**Without a guess.** Solve with no tight point. Where the weighted state leaves its bounds farthest,
that bound is tight in the optimum; split there, and go on with both parts (van der Klauw, Gerards,
Hurink: "Resource allocation problems in decentralized energy management", OR Spectrum 39, 2017;
Vidal, Jaillet, Maculan: "A decomposition algorithm for nested resource allocation problems", SIAM
J. Optim. 26, 2016). At most one split per interval, seldom more than a dozen.

**With the last round's tight points as a guess** all segments are solved at once, joined where the
sign of a level's step is wrong, and split where they leave the bounds, until the
Karush-Kuhn-Tucker conditions hold, which proves the optimum. Such an active-set method may go round
in circles: after a number of trials the guess is dropped, and the above is used.

All loops go over one device's intervals in vectors; only the sums of states are sequential.

**Zones.** Batteries' levels are stretched so that all is continuous: below 0 the value of stored
energy is the level; from 0 to `zone` it is 0 and the share of waste falls from all to none; above,
the value is the level less the zone.

Without penalty see `merit_order_kernel`.
"""
